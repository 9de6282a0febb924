"""The Overview: is everything fine, and if not, take me there."""

from __future__ import annotations

from typing import Any

from procession.web import glance, words
from procession.web.glance import Glance
from procession.web.page import Ask, Shown, page


@page("/")
def overview(ask: Ask) -> Shown:
    """Tiles that are links to the rows that they count, and every task in one line."""
    tasks = ask.verb("tasks")["items"]
    seen = glance.glances(ask.project, [each["name"] for each in tasks])
    rows = [_row(each, seen[each["name"]]) for each in tasks]
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: (row["group"], row["name"])):
        groups.setdefault(row["group"], []).append(row)
    values = {
        "groups": [{"name": name, "tasks": found} for name, found in groups.items()],
        "totals": {what: sum(row[what] for row in rows) for what in ("waiting", "running", "ok", "failed")},
    }
    return Shown("pages/overview.html", values, "Overview", live="all setting", command="procession status")


def _row(task: dict[str, Any], seen: Glance) -> dict[str, Any]:
    now = task["now"]
    return {
        "name": task["name"], "group": task["group"], "kind": kind(task), "paused": task["paused"],
        "state": _state(task), "waiting": now["waiting"], "running": now["running"], "at_once": task["at_once"],
        "ok": seen.ok, "failed": seen.failed, "recent": seen.marks, "latest": seen.latest,
    }  # fmt: skip


def kind(task: dict[str, Any]) -> str:
    """What starts a task, in a word."""
    return "periodic" if task["every"] or task["cron"] else "event" if task["on"] else "call"


def _state(task: dict[str, Any]) -> dict[str, str]:
    """How a task is drawn, and its word."""
    if task["paused"]:
        return {"kind": "paused", "word": f"Paused by {task['paused']['by']}"}
    now = task["now"]
    kind = "running" if now["running"] else "waiting" if now["waiting"] else "ok"
    return {"kind": kind, "word": "Idle" if kind == "ok" else words.said(kind)}
