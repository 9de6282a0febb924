"""Bridges, what they send out, and what they are told → JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.clock import iso, iso_at

if TYPE_CHECKING:  # what a command does not use it does not load
    from procession.commands.bridges import Bridge
    from procession.commands.keys import KeyCancelled
    from procession.model.delivery import Delivery


def bridge(found: Bridge) -> dict[str, Any]:
    """A bridge as it stands."""
    counted, plan = found.counted, found.plan
    return {
        "name": found.name, "state": found.state, "problem": found.problem,
        "urls": [] if plan is None else [str(each) for each in plan.addresses],
        "subscribe": [] if plan is None else list(plan.subscribe),
        "publish": {} if plan is None else dict(plan.publish),
        "taken": counted.taken, "repeats": counted.repeats, "cancels": counted.cancels, "refused": counted.refused,
        "sent": counted.sent, "waiting": found.waiting, "given_up": found.given_up,
        "last_in_at": iso_at(counted.last_in_at), "last_out_at": iso_at(counted.last_out_at),
        "connections": [
            {
                "process": each.owner, "way": each.way, "connected": bool(each.connected), "url": each.url,
                "since": iso_at(each.since), "problem": each.problem,
            }
            for each in found.links
        ],
    }  # fmt: skip


def delivery(found: Delivery, name: str) -> dict[str, Any]:
    """What was sent out, or is to be."""
    return {
        "id": found.id,
        "name": name,
        "kind": found.kind,
        "processing": found.processing_id,
        "target": found.target,
        "state": found.state,
        "tries": found.tries,
        "made_at": iso_at(found.made_at),
        "due_at": iso_at(found.due_at),
        "done_at": iso_at(found.done_at),
        "problem": found.problem,
    }


def key_cancelled(found: KeyCancelled) -> dict[str, Any]:
    """The answer to a cancel by name and key."""
    what = f"event {found.event} {found.key}"
    text = {
        "before": f"{what} has not come; if it comes before {found.until:%Y-%m-%d %H:%M} UTC, nothing of it begins"
        if found.until
        else what,
        "accepted": f"{what}: its cancel is accepted",
        "too_late": f"{what}: too late, all of it had ended",
    }
    return {
        "event": found.event, "key": found.key, "state": found.state, "text": text[found.state],
        "until": None if found.until is None else iso(found.until),
        "processings": [
            {"id": pid, "answer": "accepted" if each.accepted else "too_late", "state": str(each.state)}
            for pid, each in found.processings
        ],
    }  # fmt: skip
