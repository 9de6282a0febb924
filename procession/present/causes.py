"""Why attempts failed: causes, alone and in the inbox → JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.clock import iso_at

if TYPE_CHECKING:  # what a command does not use it does not load
    from procession.commands.inbox import Detail
    from procession.commands.inbox import Standing as InInbox
    from procession.store.causes import Known


def cause(found: Known, now: int) -> dict[str, Any]:
    """Why attempts at a step failed."""
    return {
        "signature": found.signature,
        "query": f"cause:{found.signature}",
        "task": found.task,
        "step": found.step,
        "text": found.text,
        "sample": found.sample,
        "failed": found.failed,
        "newest": found.newest,
        "attempts": found.n,
        "first_at": iso_at(found.first_at),
        "last_at": iso_at(found.last_at),
        "muted": found.mutes(now),
        "muted_at": iso_at(found.muted_at),
        "muted_until": iso_at(found.muted_until),
        "muted_by": found.muted_by,
        "muted_up_to": found.muted_up_to,
        "note": found.note,
        "standing": found.standing(now),
        "owner": found.owner,
        "known_at": iso_at(found.known_at),
        "resolved_at": iso_at(found.resolved_at),
        "resolved_by": found.resolved_by,
    }


def cause_in_inbox(found: InInbox, now: int) -> dict[str, Any]:
    """A cause in the inbox."""
    return {**cause(found.cause, now), "trend": list(found.trend), "hosts": list(found.hosts)}


def cause_in_detail(found: Detail, now: int) -> dict[str, Any]:
    """One cause, and what its processings have in common."""
    example = None
    if found.example is not None:
        processing, ordinal, step, attempt = found.example
        example = {"processing": processing, "ordinal": ordinal, "step": step, "attempt": attempt}
    return {
        **cause_in_inbox(found.standing, now),
        "example": example,
        "members": list(found.members),
        "compared": {"failed": found.compared[0], "good": found.compared[1]},
        "in_common": [
            {"kind": each.fact.kind, "name": each.fact.name, "value": each.fact.value, "failed": each.failed,
             "good": each.good}
            for each in found.shared
        ],
        "notes": [{"id": each.id, "at": iso_at(each.at), "by": each.by, "text": each.text} for each in found.notes],
        "noted": found.noted,
    }  # fmt: skip
