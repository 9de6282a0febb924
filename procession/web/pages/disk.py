"""Disk: how full it is and by whom, what goes next and by which rule, what is pinned; a dry run, then the cleaning."""

from __future__ import annotations

from typing import Any

from procession import disk as measured
from procession.commands import disk as commands
from procession.flow.budget import budget_of, full
from procession.store import settings
from procession.web.page import Ask, Shown, page

WORDS = {"files": "working files", "logs": "logs and artifacts", "rows": "rows of the database"}


@page("/disk")
def disk(ask: Ask) -> Shown:
    """The disk of this place, who takes it by the newest processings; with ``dry=1`` what a cleaning would delete."""
    found = ask.verb("disk", quick=True)
    values = {
        "disk": found,
        "window": commands.WINDOW,
        "parts": _parts(found),
        "tasks": _by_task(found["usage"]),
        "pinned": ask.verb("list", query="state:pinned", limit=50)["items"],
        "keep": spans(ask),
        "dry": _preview(ask) if ask.query.get("dry") else None,
        "each": commands.EACH,
        "var": str(ask.project.var.root),
    }
    live = "setting" if found["counted_from"] else "processing setting"
    return Shown("pages/disk.html", values, "Disk", live=live, command="procession disk")


def budget(ask: Ask) -> dict[str, Any]:
    """What there is of the disk, and what of it is kept free: nothing is counted."""
    project = ask.project
    space = measured.space(project.var.root / "work")
    with project.store.read() as tx:
        said = budget_of(project.settings, settings.all_of(tx), space)
        full_in = commands.full_in(project, tx, space)
    return {
        "total": space.total, "free": space.free, "keep_free": said.keep_free, "max_total": said.max_total,
        "reserve": said.reserve, "full": full(project.var, project.settings), "full_in": full_in,
    }  # fmt: skip


def _parts(found: dict[str, Any]) -> list[tuple[str, float]]:
    """What the bar shows: its classes, and their shares in percent, from left to right."""
    total = found["total"] or 1
    used = min(found["used"], total - found["free"])
    others = total - found["free"] - used
    kept = min(found["free"], max(found["keep_free"] or 0, found["reserve"] or 0))
    pieces = (("own", used), ("others", others), ("free", found["free"] - kept), ("kept", kept))
    return [(name, 100 * size / total) for name, size in pieces]


def _by_task(usage: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each task with its directories by state, the largest first."""
    found: dict[str, dict[str, Any]] = {}
    for each in usage:
        task = found.setdefault(each["task"], {"task": each["task"], "bytes": 0, "count": 0, "states": []})
        task["bytes"] += each["bytes"]
        task["count"] += each["count"]
        task["states"].append(each)
    return sorted(found.values(), key=lambda task: -task["bytes"])


def _preview(ask: Ask) -> dict[str, Any]:
    items = ask.verb("disk-preview", quick=True)["items"]
    kinds = {
        word: [each for each in items if each["what"] == what] for what, word in WORDS.items()
    }  # fmt: skip
    return {
        "items": items[:50], "more": max(0, len(items) - 50),
        "kinds": [(word, len(found), sum(each["bytes"] for each in found)) for word, found in kinds.items() if found],
    }  # fmt: skip


def spans(ask: Ask) -> list[tuple[str, float | None]]:
    """What the file says of how long things stay: words and seconds; None: for ever."""
    keep = ask.project.settings.keep
    said = (
        ("what succeeded", keep.succeeded), ("what failed", keep.failed), ("what was cancelled", keep.cancelled),
        ("what was skipped", keep.skipped), ("logs and artifacts", keep.logs), ("rows of the database", keep.rows),
    )  # fmt: skip
    return [(words, span if span and span > 0 else None) for words, span in said]
