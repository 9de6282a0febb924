"""A processing with its steps and attempts, and why it is where it is → JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.clock import iso, iso_at
from procession.model.states import PROCESSING, State
from procession.model.term import MARKS
from procession.present.steps import step
from procession.present.variables import variables_of

if TYPE_CHECKING:  # what a command does not use it does not load
    from collections.abc import Sequence

    from procession.model.obstacles import Obstacle
    from procession.model.processing import Processing
    from procession.workdir import Var


def processing(found: Processing, var: Var, why: Obstacle | None = None) -> dict[str, Any]:
    """A processing with its steps and attempts; `why` where somebody asked for it."""
    return {
        "id": found.id,
        "task": found.task,
        "event": found.event_id,
        "event_name": found.event,
        "key": found.key,
        "title": found.title,
        "state": str(found.state),
        "reason": found.reason,
        "cause": found.cause,
        "errors": found.errors,
        "version": found.version,
        "priority": found.priority,
        "source": found.source,
        "experiment": found.experiment,
        "params": dict(found.params),
        "outputs": {name: dict(values) for name, values in (found.outputs or {}).items()},
        "result": None if found.result is None else {"mime": found.result[0], "size": found.result[1]},
        "created_at": iso(found.created_at),
        "waiting_at": iso(found.waiting_at),
        "due_at": iso(found.due_at),
        "started_at": iso(found.started_at),
        "finished_at": iso(found.finished_at),
        "seconds": None if found.finished_at is None else found.took(found.finished_at),
        "idle": found.idle.total_seconds(),
        "cancel_requested_at": iso(found.cancel_requested_at),
        "held_at": iso(found.held_at),
        "pinned_at": iso(found.pinned_at),
        "retire_at": iso(found.retire_at),
        "callback": found.callback,
        "description": found.description,
        "run": found.run,
        "run_group": found.group,
        "variables": variables_of(found),
        "cleaned_at": iso(found.cleaned_at),
        "bytes": found.bytes,
        "marks": marks(found),
        "backfill": found.backfill,
        "origin": found.origin_id,
        "replaced_by": found.replaced_by,
        "code_of": found.code_of,
        "why": None if why is None else obstacle(why),
        "offers": PROCESSING.offers(found.state),
        "definition": found.definition,
        "work": str(var.files(found.id)),
        "steps": [step(found, each, var) for each in found.steps],
    }


def instance(found: Processing, var: Var, why: Obstacle | None = None) -> dict[str, Any]:
    """An instance: what a caller asks for most, and the whole processing below."""
    live = found.live
    return {
        "id": found.id,
        "task": found.task,
        "key": found.key,
        "title": found.title,
        "state": str(found.state),
        "phase": found.phase,
        "reason": found.reason,
        "progress": None if live is None or live.progress is None else dict(live.progress),
        "worker": None if live is None else live.worker,
        "ended": found.state in PROCESSING.terminal,
        "created_at": iso(found.created_at),
        "started_at": iso(found.started_at),
        "finished_at": iso(found.finished_at),
        "retire_at": iso(found.retire_at),
        "callback": found.callback,
        "processing": processing(found, var, why),
    }


def marks(found: Processing) -> list[str]:
    """What stands beside its state: of ``amber``, ``held``, ``pinned``, ``asking``."""
    said = {
        "amber": found.state is State.SUCCEEDED and found.errors > 0,
        "held": found.held_at is not None or any(each.held_at is not None for each in found.steps),
        "pinned": found.pinned_at is not None,
        "asking": any(each.asking is not None for each in found.steps),
    }
    return [mark for mark in MARKS if said[mark]]


def children(found: Sequence[tuple[int, State]]) -> list[dict[str, Any]]:
    """The newest versions of the processings of the events that one emitted."""
    return [{"id": child, "state": str(state)} for child, state in found]


def obstacle(why: Obstacle) -> dict[str, Any]:
    """Why something is where it is."""
    also = [{"code": o.code, "text": o.sentence, "name": o.name or None, "holders": list(o.holders)} for o in why.also]
    return {
        "code": why.code, "text": why.sentence, "name": why.name or None, "holders": list(why.holders), "also": also,
    }  # fmt: skip


def why(found: Processing, obstacle_now: Obstacle) -> dict[str, Any]:
    """Why a processing is where it is, and since when it waits."""
    return {**obstacle(obstacle_now), "waiting_at": iso(found.waiting_at)}


def waits_since(processing_id: int, since: int) -> dict[str, Any]:
    """The processing that has waited longest, and since when."""
    return {"id": processing_id, "since": iso_at(since)}
