"""Alerts: what a person is told of a message, and how it reaches them.

In: a message. Out: the text, with links and the next try; errands that carry it (a command, or mail and chat by
`procession/notify.py`). Always: addresses come from the operator's files alone.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from procession import notify, present
from procession.clock import iso
from procession.errors import Refused
from procession.model.message import Message
from procession.model.wording import plain
from procession.project import Project
from procession.store import launchers, processings, steps
from procession.store.database import Tx
from procession.supervise.errand import run_errand

LIMIT = 60.0
"""Seconds that one way of telling may take."""
LONGEST = 8000
"""Characters of a value in the environment, which has a limit for each."""
COMMAND, ADDRESSES = "command", "to"
"""The ways: the command of the file; its addresses."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One way of telling one message."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    text: str


def ways(project: Project) -> tuple[str, ...]:
    """How people are told here; none: they are not."""
    said = project.settings
    return (*([COMMAND] if said.alerts else []), *([ADDRESSES] if said.recipients.any else []))


def said_of(project: Project, tx: Tx, message: Message) -> dict[str, Any]:
    """Everything that is told of a message."""
    said = {**present.message(message), "project": project.settings.name, "retry_at": None, "url": None, "shell": None}
    if message.processing_id is None or (found := processings.find(tx, message.processing_id)) is None:
        return said
    due = [step.due_at for step in steps.of(tx, found.id) if step.due_at is not None]
    url = next((row.url for row in reversed(launchers.not_stopped(tx)) if row.url), None)
    return {
        **said,
        "retry_at": iso(min(due)) if due else None,
        "url": None if url is None else f"{url.rstrip('/')}/processings/{found.id}",
        "shell": f"procession shell {found.id}" + (f" {message.step}" if message.step else ""),
    }


def errand(project: Project, way: str, said: Mapping[str, Any], reached: tuple[int, ...] = ()) -> Errand:
    """How it is told this way; `reached` are the addresses that have it already."""
    if way == COMMAND:
        names = ("id", "kind", "task", "step", "text", "count", "state", "processing", "project", "retry_at", "url")
        told = {name: "" if said[name] is None else plain(said[name])[:LONGEST] for name in names}
        values = {f"PROCESSION_MESSAGE_{name.upper()}": text for name, text in told.items()}
        text = json.dumps(said, ensure_ascii=False) + "\n"
        return Errand(project.settings.alerts, {**os.environ, **values}, text)
    to = project.settings.recipients
    order = {
        "to": to.to, "file": to.file, "reached": reached, "title": title(said), "body": body(said),
        "bad": said["state"] == "occurs",
    }  # fmt: skip
    return Errand((sys.executable, "-P", str(Path(notify.__file__))), dict(os.environ), json.dumps(order))


def title(said: Mapping[str, Any]) -> str:
    """One line."""
    where = ", ".join(part for part in (said["task"], said["step"]) if part) or said["kind"]
    over = "over: " if said["state"] == "ended" else ""
    return _line(f"[{said['project']}] {over}{where}: {said['text']}")[:200]


def body(said: Mapping[str, Any]) -> str:
    """The whole text of a mail."""
    times = "once" if said["count"] == 1 else f"{said['count']} times"
    lines = [
        said["text"],
        "",
        f"It occurred {times}, first at {said['first_at']}, last at {said['last_at']}."
        + (f" It no longer does since {said['ended_at']}." if said["state"] == "ended" else ""),
    ]
    if said["retry_at"]:
        lines.append(f"It is tried again at {said['retry_at']}.")
    if said["processing"] is not None:
        lines += ["", f"Processing {said['processing']}: {said['url'] or 'procession show ' + str(said['processing'])}"]
    if said["shell"]:
        lines.append(f"A terminal where it failed: {said['shell']}")
    if said["kind"] == "failure" and said["state"] == "occurs":
        lines.append("All that failed for this cause: procession causes")
    return "\n".join(lines) + "\n"


def outcome(way: str, problem: str | None, line: str) -> tuple[str | None, tuple[int, ...]]:
    """Why it was not told, or None; and of addresses which have it now."""
    if way == COMMAND:
        return problem, ()
    try:
        answer = json.loads(line)
        return answer["problem"] or None, tuple(answer["reached"])
    except (ValueError, KeyError, TypeError):
        return problem or "it said nothing", ()


def test(project: Project, by: str) -> list[dict[str, Any]]:
    """Tell everybody a test message, now; what came of each way."""
    found = ways(project)
    if not found:
        raise Refused("[alerts] says neither command nor to; nobody would be told of anything")
    now = project.now()
    message = Message(
        0, "failure", "", "", f"a test of the alerts, asked for by {by}", None, 1, now, now, None, None, None, now, None
    )
    with project.store.read() as tx:
        said = said_of(project, tx, message)
    results = []
    for way in found:
        order = errand(project, way, said)
        done = run_errand(order.argv, str(project.root), order.environment, order.text, LIMIT)
        problem, reached = outcome(way, *done)
        results.append({"way": way, "told": problem is None, "reached": len(reached), "problem": problem})
    return results


def _line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
