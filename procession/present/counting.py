"""Books and statistics → JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from procession.present.tasks import counts

if TYPE_CHECKING:  # what a command does not use it does not load
    from procession.commands.books import Account, Books
    from procession.commands.statistics import Durations, OfTask


def account(found: Account) -> dict[str, Any]:
    """A line of the books."""
    return {"name": found.name, "came": found.came, "parts": dict(found.parts), "balanced": found.balanced}


def books(found: Books) -> dict[str, Any]:
    """All accounts."""
    return {
        "balanced": found.balanced,
        "events": [account(each) for each in found.events],
        "tasks": [account(each) for each in found.tasks],
    }


def durations(found: Durations | None) -> dict[str, Any] | None:
    """How long something took, in seconds."""
    return None if found is None else asdict(found)


def statistics(found: OfTask) -> dict[str, Any]:
    """The statistics of a task."""
    return {
        "task": found.name,
        "now": counts({found.name: found.now})[found.name],
        "ended": found.ended,
        "success": found.success,
        "days": found.days,
        "hours": found.hours,
        "durations": durations(found.durations),
        "steps": [
            {"name": s.name, "outcomes": s.outcomes, "success": s.success, "durations": durations(s.durations)}
            for s in found.steps
        ],
    }
