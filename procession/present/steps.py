"""Steps, attempts, and what they printed → JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession import contract
from procession.clock import iso
from procession.model.states import STEP, State

if TYPE_CHECKING:  # what a command does not use it does not load
    from procession.commands.logs import Slice
    from procession.model.processing import Attempt, Processing, Step
    from procession.workdir import Var


def step(found: Processing, each: Step, var: Var) -> dict[str, Any]:
    """A step with its attempts."""
    return {
        "ordinal": each.ordinal,
        "name": each.name,
        "state": str(each.state),
        "reason": each.reason,
        "due_at": iso(each.due_at),
        "held_at": iso(each.held_at),
        "started_at": iso(each.started_at),
        "finished_at": iso(each.finished_at),
        "progress": progress(found, each, var),
        "offers": STEP.offers(each.state),
        "attempts": [attempt(found, each, one, var) for one in each.attempts],
    }


def progress(found: Processing, each: Step, var: Var) -> dict[str, Any] | None:
    """What a running step says of its progress: share from 0 to 1 (or null) and text."""
    if each.state is not State.RUNNING:
        return None
    if each.attempts and (each.attempts[-1].pooled or each.attempts[-1].progress is not None):
        told = each.attempts[-1].progress
        return None if told is None else dict(told)
    said = contract.progress(var.attempt(found.id, each.ordinal, each.name, each.attempt))
    return None if said is None else {"share": said[0], "text": said[1]}


def attempt(found: Processing, each: Step, one: Attempt, var: Var) -> dict[str, Any]:
    """One try at a step."""
    directory = var.attempt(found.id, each.ordinal, each.name, one.number)
    return {
        "number": one.number,
        "outcome": None if one.outcome is None else str(one.outcome),
        "reason": one.reason,
        "cause": one.cause,
        "exit_code": one.exit_code,
        "signal": one.signal,
        "errno": one.errno,
        "made_by": one.made_by,
        "note": one.note,
        "worker": one.worker,
        "claimed_at": iso(one.claimed_at),
        "expires_at": iso(one.expires_at) if one.outcome is None else None,
        "paused_at": iso(one.paused_at),
        "started_at": iso(one.started_at),
        "finished_at": iso(one.finished_at),
        "seconds": seconds(one),
        "max_rss": one.max_rss,
        "cpu_seconds": one.cpu_seconds,
        "log_bytes": one.log_bytes,
        "host": one.host,
        "code": dict(one.code),
        "surroundings": None if one.surroundings is None else dict(one.surroundings),
        "metrics": dict(one.metrics),
        "asks": one.asks,
        "asks_until": iso(one.asks_until),
        "answer": one.answer,
        "errors": one.errors,
        "log": str(directory / "log"),
        "directory": str(directory),
    }


def seconds(one: Attempt) -> float | None:
    """How long an ended attempt took."""
    if one.started_at is None or one.finished_at is None:
        return None
    return (one.finished_at - one.started_at).total_seconds()


def log(found: Slice) -> dict[str, Any]:
    """A piece of what a script printed."""
    return {
        "processing": found.processing_id,
        "step": found.step,
        "attempt": found.attempt,
        "offset": found.offset,
        "next": found.end,
        "size": found.size,
        "ended": found.ended,
        "gone": found.gone,
        "text": found.text,
    }
