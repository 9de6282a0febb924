"""Events, where they came from, and what could not be taken → JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.clock import iso, iso_at
from procession.present.tasks import pause

if TYPE_CHECKING:  # what a command does not use it does not load
    from collections.abc import Sequence

    from procession.commands.arrivals import Decision
    from procession.commands.events import Submitted
    from procession.commands.missed import Found
    from procession.commands.refusals import Refusal
    from procession.commands.sets import Standing
    from procession.commands.sources import Source
    from procession.model.event import Event
    from procession.store.watches import Stand


def event(found: Event, processings: list[int]) -> dict[str, Any]:
    """A stored event."""
    return {
        "id": found.id,
        "name": found.name,
        "key": found.key,
        "title": found.title,
        "params": dict(found.params),
        "source": found.source,
        "created_at": iso(found.created_at),
        "repeats": found.repeats,
        "conflicts": found.conflicts,
        "last_seen_at": iso(found.last_seen_at),
        "processings": processings,
    }


def submitted(answer: Submitted, stored: Event) -> dict[str, Any]:
    """The answer to a submit."""
    return {
        **event(stored, list(answer.processings)),
        "duplicate": answer.duplicate,
        "conflict": answer.conflict,
        "matched": bool(answer.processings),
    }


def event_decided(found: Event, born: list[int], decided: Sequence[Decision]) -> dict[str, Any]:
    """An event, and what every task made of it."""
    return {**event(found, born), "decisions": [decision(each) for each in decided]}


def decision(found: Decision) -> dict[str, Any]:
    """What a task made of an event."""
    return {"task": found.task, "code": found.code, "processings": list(found.processings), "text": found.text}


def source(found: Source) -> dict[str, Any]:
    """A source or an experiment, and what there is of it."""
    return {
        "kind": found.known.kind,
        "name": found.known.name,
        "parent": found.known.parent,
        "first_at": iso_at(found.known.first_at),
        "last_at": iso_at(found.known.last_at),
        "processings": found.known.processings,
        "waiting": found.known.waiting,
        "paused": None if found.pause is None else pause(found.pause),
    }


def missed(found: Found) -> dict[str, Any]:
    """What a comparison of a source with the books came to."""
    return {
        "items": [
            {"event": each.event.name, "key": each.event.key, "path": each.path, "there": each.there}
            for each in found.missed
        ],
        "compared": found.looked,
        "submitted": found.submitted,
    }


def refusal(found: Refusal) -> dict[str, Any]:
    """What came and could not be taken."""
    return {
        "id": found.id,
        "at": iso_at(found.at),
        "source": found.source,
        "name": found.name,
        "reason": found.reason,
        "raw": found.raw,
        "size": found.size,
    }


def slot(standing: Standing) -> dict[str, Any]:
    """A set that is being collected, or was."""
    found = standing.slot
    state = "collecting" if found.done_at is None else "complete" if found.complete else "incomplete"
    return {
        "set": found.name,
        "key": found.key,
        "state": state,
        "wanted": found.plan.size,
        "pieces": list(standing.pieces),
        "missing": list(standing.missing),
        "first_at": iso_at(found.first_at),
        "due_at": iso_at(found.due_at),
        "done_at": iso_at(found.done_at),
        "event": found.event_id,
        "late": found.late,
    }


def watch(found: Stand) -> dict[str, Any]:
    """How a watched pattern stood at its last look."""
    return {"name": found.name, "growing": found.growing, "said": found.said, "problem": found.problem}
