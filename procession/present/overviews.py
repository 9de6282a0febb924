"""The overview: how everything stands → JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.clock import iso_at
from procession.present.causes import cause
from procession.present.processings import waits_since
from procession.present.tasks import pause

if TYPE_CHECKING:  # what a command does not use it does not load
    from procession.commands.overviews import OfTask as InOverview
    from procession.commands.overviews import Overview

ENDS = ("succeeded", "failed", "cancelled", "skipped")


def overview(found: Overview) -> dict[str, Any]:
    """How everything stands."""
    oldest = min((each.oldest for each in found.tasks if each.oldest), default=None, key=lambda one: one[1])
    ended = {state: sum(each.ended.get(state, 0) for each in found.tasks) for state in ENDS}
    return {
        "since": iso_at(found.since),
        "at": iso_at(found.at),
        "waiting": sum(each.waiting for each in found.tasks),
        "running": sum(each.running for each in found.tasks),
        "ended": ended,
        "oldest_waiting": None if oldest is None else waits_since(*oldest),
        "new_causes": [cause(each, found.at) for each in found.new_causes],
        "locks": found.locks,
        "hosts": found.hosts,
        "disk": {
            "total": found.disk.total,
            "free": found.disk.free,
            "full_in": None if found.full_in is None else round(found.full_in),
        },
        "hours": [
            {"at": iso_at(hour), **{state: n.get(state, 0) for state in ENDS}}
            for hour, n in sorted(found.hours.items())
        ],
        "tasks": [task_of_overview(each) for each in found.tasks],
    }


def task_of_overview(found: InOverview) -> dict[str, Any]:
    """One task in the overview."""
    newest = found.recent[0][0] if found.recent else None
    return {
        "task": found.task.name,
        "group": found.task.group,
        "periodic": found.task.periodic,
        "paused": None if found.pause is None else pause(found.pause),
        "at_once": found.at_once,
        "waiting": found.waiting,
        "running": found.running,
        "asking": found.asking,
        "ended": {state: found.ended.get(state, 0) for state in ENDS},
        "oldest_waiting": None if found.oldest is None else waits_since(*found.oldest),
        "recent": [{"id": one.id, "state": one.state, "mark": mark.name.lower()} for one, mark in found.recent],
        "newest": None if newest is None else {
            "id": newest.id,
            "state": newest.state,
            "steps": [
                {"ordinal": s.ordinal, "name": s.name, "state": str(s.state), "attempt": s.attempt,
                 "asking": s.asking is not None}
                for s in found.steps
            ],
        },
    }  # fmt: skip
