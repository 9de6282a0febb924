"""What the pages show → JSON: overview, grid, inbox of causes, spans, gallery, arrivals; as `present.py`, for many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.clock import iso, moment
from procession.present import cause, pause
from procession.present import event as of_event

if TYPE_CHECKING:  # what a command does not use it does not load
    from collections.abc import Sequence

    from procession.commands.arrivals import Arrivals, Decision
    from procession.commands.galleries import Gallery, Picture
    from procession.commands.inbox import Detail, Standing
    from procession.commands.overviews import OfTask, Overview
    from procession.commands.searching import Completion
    from procession.commands.shading import Shading
    from procession.commands.spans import OfStep, Spans
    from procession.model.event import Event
    from procession.model.grid import Grid
    from procession.store.search import Beside, Counted

ENDS = ("succeeded", "failed", "cancelled", "skipped")


def _at(value: int | None) -> str | None:
    return None if value is None else iso(moment(value))


def overview(found: Overview) -> dict[str, Any]:
    """How everything stands."""
    oldest = min((each.oldest for each in found.tasks if each.oldest), default=None, key=lambda one: one[1])
    ended = {state: sum(each.ended.get(state, 0) for each in found.tasks) for state in ENDS}
    return {
        "since": _at(found.since),
        "at": _at(found.at),
        "waiting": sum(each.waiting for each in found.tasks),
        "running": sum(each.running for each in found.tasks),
        "ended": ended,
        "oldest_waiting": None if oldest is None else {"id": oldest[0], "created_at": _at(oldest[1])},
        "new_causes": [cause(each, found.at) for each in found.new_causes],
        "locks": found.locks,
        "hosts": found.hosts,
        "disk": {
            "total": found.disk.total,
            "free": found.disk.free,
            "full_in": None if found.full_in is None else round(found.full_in),
        },
        "hours": [
            {"at": _at(hour), **{state: n.get(state, 0) for state in ENDS}} for hour, n in sorted(found.hours.items())
        ],
        "tasks": [task_of_overview(each) for each in found.tasks],
    }


def task_of_overview(found: OfTask) -> dict[str, Any]:
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
        "oldest_waiting": None
        if found.oldest is None
        else {"id": found.oldest[0], "created_at": _at(found.oldest[1])},
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


def grid(task: str, found: Grid, shades: Shading | None = None) -> dict[str, Any]:
    """States of many processings, packed."""
    return {
        "task": task,
        "rows": list(found.rows),
        "columns": [
            {"id": c.id, "title": c.title, "state": c.state or None, "started_at": _at(c.started_at),
             "seconds": c.seconds}
            for c in found.columns
        ],
        "cells": found.base64,
        "counts": [list(column) for column in found.counts],
        "medians": list(found.medians),
        "complete": found.complete,
        "colour": None if shades is None else shading(shades),
        "oldest": found.oldest,
        "query": found.query,
    }  # fmt: skip


def shading(found: Shading) -> dict[str, Any]:
    """What the cells of a grid show beside their states."""
    return {
        "by": found.by,
        "levels": found.base64,
        "values": list(found.values),
        "low": found.low,
        "high": found.high,
        "names": list(found.names),
    }


def counted(found: Counted) -> dict[str, Any]:
    """How many."""
    return {"n": found.n, "exact": found.exact}


def beside(processing_id: int, found: Beside) -> dict[str, Any]:
    """A processing among others."""
    return {
        "id": processing_id,
        "newer": found.newer,
        "older": found.older,
        "place": found.place,
        "of": counted(found.of),
    }


def completion(found: Completion) -> dict[str, Any]:
    """One way to go on with a query."""
    return {"text": found.text, "says": found.says}


def standing(found: Standing, now: int) -> dict[str, Any]:
    """A cause in the inbox."""
    return {**cause(found.cause, now), "trend": list(found.trend), "hosts": list(found.hosts)}


def detail(found: Detail, now: int) -> dict[str, Any]:
    """One cause, and what its processings have in common."""
    example = None
    if found.example is not None:
        processing, ordinal, step, attempt = found.example
        example = {"processing": processing, "ordinal": ordinal, "step": step, "attempt": attempt}
    return {
        **standing(found.standing, now),
        "example": example,
        "members": list(found.members),
        "compared": {"failed": found.compared[0], "good": found.compared[1]},
        "in_common": [
            {"kind": each.fact.kind, "name": each.fact.name, "value": each.fact.value, "failed": each.failed,
             "good": each.good}
            for each in found.shared
        ],
        "notes": [{"id": each.id, "at": _at(each.at), "by": each.by, "text": each.text} for each in found.notes],
        "noted": found.noted,
    }  # fmt: skip


def spans(found: Spans) -> dict[str, Any]:
    """How long the steps of a task took."""
    return {
        "task": found.task,
        "since": _at(found.since),
        "looked_at": found.looked_at,
        "complete": found.complete,
        "steps": [_of_step(each, found.hosts) for each in found.steps],
    }


def _of_step(found: OfStep, hosts: dict[int, str]) -> dict[str, Any]:
    level = found.shift
    return {
        "name": found.name,
        "median": found.median,
        "p90": found.p90,
        "failures": found.failures,
        "shift": None if level is None else {
            "at": _at(level.at), "before": level.before, "after": level.after, "change": level.change
        },
        "points": [
            {"processing": p.processing_id, "at": _at(p.finished_at), "seconds": (p.finished_at - p.started_at) / 1e6,
             "outcome": p.outcome, "host": hosts.get(p.launcher_id or 0)}
            for p in found.points
        ],
    }  # fmt: skip


def gallery(found: Gallery) -> dict[str, Any]:
    """The same artifact of many processings."""
    return {
        "task": found.task,
        "artifact": found.artifact,
        "artifacts": list(found.names),
        "items": [_picture(each) for each in found.pictures],
        "next": found.next,
    }


def _picture(found: Picture) -> dict[str, Any]:
    return {
        "id": found.head.id,
        "title": found.head.title,
        "state": found.head.state,
        "mark": found.mark.name.lower(),
        "ordinal": found.ordinal,
        "attempt": found.attempt,
        "size": found.size,
        "name": found.name,
    }


def arrivals(found: Arrivals) -> dict[str, Any]:
    """When events came, and from where."""
    return {
        "since": _at(found.since),
        "spans": [{"at": _at(at), "n": n} for at, n in found.spans],
        "sources": [{"name": each.name, "n": each.n, "last_at": _at(each.last_at)} for each in found.sources],
    }


def event(found: Event, born: list[int], decided: Sequence[Decision]) -> dict[str, Any]:
    """An event, and what every task made of it."""
    return {**of_event(found, born), "decisions": [decision(each) for each in decided]}


def decision(found: Decision) -> dict[str, Any]:
    """What a task made of an event."""
    return {"task": found.task, "code": found.code, "processings": list(found.processings), "text": found.text}
