"""Webhooks in: what other systems post becomes an event (P8)."""

from __future__ import annotations

from typing import Any

from procession.commands import events
from procession.model.event import NewEvent
from procession.project import Project
from procession.verbs.events import origin_of
from procession.verbs.verb import Caller, verb


@verb("hook", "trigger", "POST /hooks/{event}", status=202)
def hook(
    project: Project, caller: Caller, event: str, params: dict[str, Any] | None = None, key: str | None = None
) -> Any:  # fmt: skip
    """Submit an event of this name; its parameters are the JSON object that is posted.

    Over HTTP the whole body is the parameters; the header Procession-Key, or else Idempotency-Key, is the event's key.
    """
    return shown(events.submit(project, new_event(project, caller, event, params, key)))


def new_event(
    project: Project, caller: Caller, event: str, params: dict[str, Any] | None = None, key: str | None = None
) -> NewEvent:  # fmt: skip
    """What is posted, as an event."""
    source = f"{caller.via}:{caller.by}"
    return NewEvent(event, params or {}, key, source=source, origin_id=origin_of(project, caller))


def shown(done: events.Submitted) -> dict[str, Any]:
    """The answer."""
    return {
        "id": done.event_id,
        "duplicate": done.duplicate,
        "conflict": done.conflict,
        "processings": list(done.processings),
    }
