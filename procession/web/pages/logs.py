"""``log/{id}/{step}/{attempt}``: the log alone in the window; ``.json`` for its viewer, ``.txt`` as it was written."""

from __future__ import annotations

import os

from procession.errors import Invalid, NotFound
from procession.web.anonymous import is_anonymous
from procession.web.logs import reading
from procession.web.logs.excerpt import excerpt
from procession.web.logs.search import search
from procession.web.page import Ask, Piece, Shown, page, told
from procession.web.sending import Sent, disposition

SANDBOX = ((b"content-security-policy", b"sandbox; default-src 'none'"),)
PLAIN = "text/plain; charset=utf-8"
NDJSON = "application/x-ndjson"


@page("/log/{id}/{step}/{attempt}", lengthy=True)
def log(ask: Ask) -> Shown | Piece | Sent:
    """The viewer, or what it asks for."""
    ending = ask.values["attempt"].partition(".")[2]
    framework = ask.query.get("framework") == "1"
    if ending == "json":
        return _told(ask, framework=framework)
    if ending == "txt":
        return _plain(ask, framework=framework)
    if ending:
        raise NotFound("a log is shown as a page, as .json or as .txt")
    found, step, attempt = reading.chosen(ask)
    with reading.of(ask, found, step, attempt, framework=framework) as opened:
        values = {
            "processing": {"id": found.id, "task": found.task, "title": found.title, "ended": bool(found.finished_at)},
            "step": step.name, "attempt": attempt.number, "attempts": [each.number for each in step.attempts],
            "framework": framework, "log": reading.about(opened), "excerpt": excerpt(opened),
        }  # fmt: skip
    crumbs = ((found.task, f"t/{found.task}"), (str(found.id), f"p/{found.id}/s/{step.name}"))
    return Shown(
        "pages/log.html", values, f"{step.name}, attempt {attempt.number}", crumbs=crumbs,
        live=f"log:{found.id}/{step.name}/{attempt.number}", data=values["log"],
        command=f"procession logs {found.id} {step.name} --attempt {attempt.number}",
    )  # fmt: skip


def _told(ask: Ask, *, framework: bool) -> Piece:
    with reading.opened(ask, framework=framework) as opened:
        if (sought := ask.query.get("search")) is not None:
            if opened.file is None:
                return told({"count": 0, "lines": [], "error": None})
            how = {
                "anonymous": is_anonymous(ask.caller),
                "regex": ask.query.get("regex") == "1",
                "case": ask.query.get("case") == "1",
            }
            hits = search(opened.file.fileno(), opened.path, sought, **how, left=ask.left)
            return told({"count": hits.count, "lines": hits.lines, "error": hits.error})
        if "from" in ask.query:
            return Piece(reading.piece(opened, _number(ask, "from"), _number(ask, "count", reading.MOST_LINES)), NDJSON)
        return told(reading.about(opened))


def _plain(ask: Ask, *, framework: bool) -> Sent | Piece:
    with reading.opened(ask, framework=framework) as opened:
        if opened.file is None:  # not yet, or not any more: the page says which
            return Piece(b"", PLAIN, SANDBOX)
        file = os.fdopen(os.dup(opened.file.fileno()), "rb")
        name = f"{ask.values['id']}-{ask.values['step']}-{opened.of.number}.log"
        headers = (*SANDBOX, disposition("inline", name))
        if opened.index.cut is None:
            return Sent(file, PLAIN, headers)
        return Piece(b"", PLAIN, headers, reading.plain(opened.path, file))


def _number(ask: Ask, name: str, default: int | None = None) -> int:
    text = ask.query.get(name, "")
    if not text and default is not None:
        return default
    if not (text.isascii() and text.isdigit() and int(text[:19]) > 0 and len(text) < 19):
        raise Invalid(f"{name} is a whole number from 1 on, not {text[:40]!r}")
    return int(text)
