"""What the pages draw of many processings: grid, durations, gallery, arrivals → JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.clock import iso_at

if TYPE_CHECKING:  # what a command does not use it does not load
    from procession.commands.arrivals import Arrivals
    from procession.commands.galleries import Gallery
    from procession.commands.galleries import Picture as OfGallery
    from procession.commands.shading import Shading
    from procession.commands.spans import OfStep, Spans
    from procession.model.grid import Grid


def grid(task: str, found: Grid, shades: Shading | None = None) -> dict[str, Any]:
    """States of many processings, packed."""
    return {
        "task": task,
        "rows": list(found.rows),
        "columns": [
            {"id": c.id, "title": c.title, "state": c.state or None, "started_at": iso_at(c.started_at),
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


def spans(found: Spans) -> dict[str, Any]:
    """How long the steps of a task took."""
    return {
        "task": found.task,
        "since": iso_at(found.since),
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
            "at": iso_at(level.at), "before": level.before, "after": level.after, "change": level.change
        },
        "points": [
            {"processing": p.processing_id, "at": iso_at(p.finished_at),
             "seconds": (p.finished_at - p.started_at) / 1e6, "outcome": p.outcome,
             "host": hosts.get(p.launcher_id or 0)}
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


def _picture(found: OfGallery) -> dict[str, Any]:
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
        "since": iso_at(found.since),
        "spans": [{"at": iso_at(at), "n": n} for at, n in found.spans],
        "sources": [{"name": each.name, "n": each.n, "last_at": iso_at(each.last_at)} for each in found.sources],
    }
