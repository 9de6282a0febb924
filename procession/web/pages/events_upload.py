"""A table of events: pasted or chosen, looked at line by line, then submitted; with each line's result.

*In:* a table, a name for lines that say none. *Out:* what each line means, or why it means nothing; after that what
became of each. *Always:* nothing is submitted that was not seen before; all lines are submitted, or none.
"""

from __future__ import annotations

from typing import Any

from procession import verbs
from procession.errors import Invalid, ProcessionError
from procession.verbs.events import new_event
from procession.web import acting
from procession.web.page import Ask, Shown, one, page
from procession.web.sheet import MOST_LINES, Line, read_events


@page("/events/upload", scope="trigger")
def upload(ask: Ask) -> Shown:
    """Where the table is put in."""
    return _shown(ask, "", ask.query.get("event", ""), [], "")


@page("/events/upload", scope="trigger", method="POST")
def uploaded(ask: Ask) -> Shown:
    """What it means; or, once that was seen, what became of it."""
    text, event = one(ask.form, "table"), one(ask.form, "event").strip()
    try:
        lines = [_tried(ask, line) for line in read_events(text, event)]
    except Invalid as error:
        return _shown(ask, text, event, [], str(error))
    if one(ask.form, "sure") != "yes" or any(line.problem for line in lines):
        return _shown(ask, text, event, lines, "")
    try:
        done = acting.called(ask, verbs.load()["emit-many"], {"events": [line.event for line in lines]},
                             one(ask.form, "Idempotency-Key") or None)  # fmt: skip
    except ProcessionError as error:
        return _shown(ask, text, event, lines, str(error))
    return _shown(ask, "", event, lines, "", done["items"])


def _tried(ask: Ask, line: Line) -> Line:
    """The line, and why it could not be submitted; nothing is."""
    if line.problem:
        return line
    try:
        new_event(ask.project, ask.caller, **line.event).check()
    except (Invalid, ProcessionError) as error:
        return Line(line.number, line.event, str(error))
    return line


def _shown(
    ask: Ask, text: str, event: str, lines: list[Line], problem: str, done: list[dict[str, Any]] | None = None
) -> Shown:  # fmt: skip
    told: list[dict[str, Any] | None] = [*done] if done is not None else [None] * len(lines)
    rows = [
        {"number": line.number, "event": line.event, "problem": line.problem, "became": became}
        for line, became in zip(lines, told, strict=True)
    ]
    values = {
        "table": text, "event": event, "rows": rows, "problem": problem, "done": done is not None, "most": MOST_LINES,
        "wrong": sum(bool(line.problem) for line in lines),
        "names": sorted({each["on"] for each in ask.verb("tasks")["items"] if each["on"]}),
    }  # fmt: skip
    bad = bool(problem) or any(line.problem for line in lines)
    return Shown("pages/events_upload.html", values, "Upload events", crumbs=(("Events", "events"),),
                 command="procession emit NAME key=value", status=400 if bad else 200)  # fmt: skip
