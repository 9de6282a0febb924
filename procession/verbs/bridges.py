"""Verbs on bridges, and cancelling by name and key, which is what messages ask for."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.commands import bridges as commands
from procession.commands import keys
from procession.project import Project
from procession.verbs.verb import Caller, verb


@verb("bridges", "read", "GET /bridges")
def bridges(project: Project, caller: Caller) -> Any:
    """The bridges to brokers: how each stands, and what went over it."""
    return {"items": [present.bridge(each) for each in commands.list_all(project)]}


@verb("republish", "operate", "POST /bridges/{name}/republish")
def republish(project: Project, caller: Caller, name: str) -> Any:
    """Publish again the messages that a broker has refused too often."""
    return {"name": name, "messages": commands.republish(project, name)}


@verb("cancel-key", "operate", "POST /events/cancel")
def cancel_key(project: Project, caller: Caller, event: str, key: str, reason: str | None = None) -> Any:
    """Cancel the event of this name and key, whether it has come or not."""
    return present.key_cancelled(keys.cancel(project, event, key, who=caller.asked(reason)))
