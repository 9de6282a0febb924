"""Tasks, and the settings and pauses that hold for them → JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from procession.clock import iso_at
from procession.model.states import PROCESSING

if TYPE_CHECKING:  # what a command does not use it does not load
    from collections.abc import Mapping

    from procession.commands.settings import Held
    from procession.commands.tasks import Standing as OfOneTask
    from procession.model.setting import Pause


def task(found: OfOneTask) -> dict[str, Any]:
    """A task as it stands."""
    plan = found.task
    return {
        "name": plan.name,
        "group": plan.group,
        "on": plan.on,
        "every": plan.every,
        "cron": plan.cron,
        "queue": plan.queue,
        "at_once": found.at_once,
        "steps": [each.name for each in plan.steps],
        "paused": None if found.pause is None else pause(found.pause),
        "now": counts({plan.name: found.counts})[plan.name],
        "asking": found.asking,
        "hash": plan.hash,
    }


def definition(found: OfOneTask) -> dict[str, Any]:
    """A task as it stands, with its definition as it was read."""
    return {**task(found), "definition": json.loads(found.task.to_json())}


def counts(found: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Task → state → how many, every state named."""
    return {task: {str(s): states.get(str(s), 0) for s in PROCESSING.states} for task, states in found.items()}


def setting(held: Held) -> dict[str, Any]:
    """A value that can be set: what the file says, and what holds."""
    row = held.row
    return {
        "name": held.name,
        "file": held.file,
        "value": held.value,
        "by": None if row is None else row.by,
        "reason": None if row is None else row.reason,
        "at": None if row is None else iso_at(row.at),
    }


def pause(found: Pause) -> dict[str, Any]:
    """Something that starts nothing."""
    return {
        "scope": found.scope,
        "mode": found.mode,
        "by": found.by,
        "reason": found.reason,
        "at": iso_at(found.at),
    }
