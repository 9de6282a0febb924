"""Locks, who has them and who waits → JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.clock import iso_at

if TYPE_CHECKING:  # what a command does not use it does not load
    from procession.commands.locks import Granted, Taken, Waiting
    from procession.model.locks import Hold


def lock(found: Taken) -> dict[str, Any]:
    """How a name stands: who has it and who waits for it."""
    return {
        "name": found.name,
        "there": found.there,
        "taken": found.taken,
        "holders": [hold(each) for each in found.holds],
        "uses": [{"processing": pid, "amount": amount} for pid, amount in found.uses],
        "waiters": [
            {"processing": w.processing_id, "owner": _owner(w.ordinal), "names": list(w.names), "by": w.by,
             "since": iso_at(w.since)}
            for w in found.waits
        ],
        "gone": sorted(found.gone),
    }  # fmt: skip


def hold(found: Hold) -> dict[str, Any]:
    """A lock that somebody has."""
    return {
        "name": found.name,
        "processing": found.processing_id,
        "owner": _owner(found.ordinal),
        "fence": found.fence,
        "count": found.count,
        "since": iso_at(found.at),
        "by": found.by,
    }


def _owner(ordinal: int) -> str:
    return "attempt" if ordinal else "processing"


def acquired(answer: Granted | Waiting) -> dict[str, Any]:
    """What came of a request for locks."""
    granted = getattr(answer, "locks", None)
    return {
        "granted": granted is not None,
        "locks": [{"name": each.name, "fence": each.fence, "count": each.count} for each in granted or ()],
        "waiting": None if granted is not None else _waiting(answer),
    }


def _waiting(answer: Any) -> dict[str, Any]:
    lacking = [
        {"name": each.name, "holders": sorted({pid for pid, _ in each.holders}), "before": list(each.before)}
        for each in answer.lacking
    ]
    return {"lacking": lacking, "queued": answer.queued, "ahead": answer.ahead, "again": answer.again}
