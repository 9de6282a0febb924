"""What came of doing something to one or to many, or would come of it → JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what a command does not use it does not load
    from collections.abc import Sequence

    from procession.commands.batches import Foreseen
    from procession.commands.bulk import Answer
    from procession.commands.processings import Cancelled


def cancelled(processing_id: int, done: Cancelled) -> dict[str, Any]:
    """The answer to the cancel of one."""
    return {"id": processing_id, "answer": "accepted" if done.accepted else "too_late", "state": str(done.state)}


def answered(one: Answer) -> dict[str, Any]:
    """What came of one, where many were meant."""
    return {"id": one.id, "done": one.done is not None, "now": one.done.id if one.done else None, "text": one.text}


def answers(found: Sequence[Answer], *, dry_run: bool) -> dict[str, Any]:
    """What came of all."""
    return {
        "dry_run": dry_run,
        "done": [answered(one) for one in found if one.done],
        "refused": [answered(one) for one in found if not one.done],
    }


def foreseen(found: Foreseen) -> dict[str, Any]:
    """What a batch would do."""
    return {
        "dry_run": True,
        "total": found.count.n,
        "exact": found.count.exact,
        "states": dict(found.states),
        "until": found.until,
        "done": [{"id": each.id} for each in found.judged if each.refused is None],
        "refused": [{"id": each.id, "text": each.refused} for each in found.judged if each.refused is not None],
    }
