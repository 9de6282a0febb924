"""How a task stands, in the words of pages: what starts it, how it is, how many.

*In:* what the verbs ``tasks`` and ``task`` say. *Out:* the head of a task, and a line of it in a list. *Always:* pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from procession.model.task import CALL, TIMETABLE, WATCH, Task
from procession.units import duration
from procession.web import words


def kind(task: Mapping[str, Any]) -> str:
    """What starts it, in a word."""
    on = str(task["on"])
    if on.startswith(TIMETABLE):
        return "periodic"
    return "watch" if on.startswith(WATCH) else "call" if on.startswith(CALL) or not on else "event"


def starts(task: Mapping[str, Any]) -> str:
    """What starts it, in a few."""
    if task["cron"]:
        return f"by the timetable {task['cron']}"
    if task["every"]:
        return f"every {duration(task['every'])}"
    if kind(task) == "watch":
        return "every new file of a watched directory"
    return "every call by its name" if kind(task) == "call" else f"every event {task['on']}"


def state(task: Mapping[str, Any]) -> dict[str, str]:
    """How it is drawn, and its word."""
    if paused := task["paused"]:
        how = "Draining" if paused["mode"] == "drain" else "Paused"
        return {"kind": "paused", "word": f"{how} by {paused['by']}"}
    now = task["now"]
    found = (
        "asking"
        if 0 < now["running"] <= task["asking"]
        else "running"
        if now["running"]
        else "waiting"
        if now["waiting"]
        else "ok"
    )
    return {"kind": found, "word": "Idle" if found == "ok" else words.said(found)}


def definition(task: Mapping[str, Any]) -> Task:
    """The definition itself."""
    return Task.from_json(json.dumps(task["definition"]))


def line(task: Mapping[str, Any]) -> dict[str, Any]:
    """A task in a list; what asks a person is told apart from what runs."""
    runs = max(0, task["now"]["running"] - task["asking"])
    return {**task, "kind": kind(task), "starts": starts(task), "state": state(task), "runs": runs}
