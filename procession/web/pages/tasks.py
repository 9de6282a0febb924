"""All tasks: what starts them, how they stand, what they may take, and what is wrong with their files."""

from __future__ import annotations

from typing import Any

from procession.web import standings
from procession.web.page import Ask, Shown, page


@page("/tasks")
def tasks(ask: Ask) -> Shown:
    """Every task in a line, by its group."""
    found = ask.verb("tasks")
    lines = [standings.line(each) for each in found["items"]]
    groups: dict[str, list[dict[str, Any]]] = {}
    for each in sorted(lines, key=lambda one: (one["group"], one["name"])):
        groups.setdefault(each["group"], []).append(each)
    values = {
        "groups": [{"name": name, "tasks": some} for name, some in groups.items()],
        "problem": ask.project.file_problem or "" if ask.caller.groups is None else "",
    }
    return Shown("pages/tasks.html", values, "Tasks", live="all setting", data=found, command="procession tasks")
