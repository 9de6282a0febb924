"""Verbs on causes: why attempts failed."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.commands import causes, inbox
from procession.project import Project
from procession.units import to_seconds
from procession.verbs.bounds import up_to
from procession.verbs.verb import Caller, verb

MOST = 1000
"""Causes of an answer."""
MOST_DAYS = 400
MOST_MORE = 1_000_000


@verb("causes", "read", "GET /causes")
def causes_(
    project: Project, caller: Caller, task: str | None = None, since: str | None = None, everything: bool = False,
    limit: int = 50, days: int = 7,
) -> Any:  # fmt: skip
    """Why processings have failed: one for each cause, those for which most has failed first."""
    limit, days = up_to("limit", limit, MOST), up_to("days", days, MOST_DAYS)
    found = inbox.inbox(project, task, since, everything, limit, days)
    return present.page([present.cause_in_inbox(each, project.now()) for each in found], None)


@verb("cause", "read", "GET /causes/{signature}")
def cause(project: Project, caller: Caller, signature: str, days: int = 7) -> Any:
    """One cause: its newest processings, and what they have in common that good ones have not."""
    found = inbox.detail(project, signature, up_to("days", days, MOST_DAYS))
    return present.cause_in_detail(found, project.now())


@verb("mute", "operate", "POST /causes/{signature}/mute")
def mute(
    project: Project, caller: Caller, signature: str, span: str | None = None, reason: str | None = None,
    more: int | None = None,
) -> Any:  # fmt: skip
    """Mute a cause for a span, a number of failures, or until it is unmuted: it is counted, nobody is told."""
    seconds = None if span is None else to_seconds(span)
    more = None if more is None else up_to("more", more, MOST_MORE)
    return present.cause(causes.mute(project, signature, caller.asked(reason), seconds, more), project.now())


@verb("unmute", "operate", "POST /causes/{signature}/unmute")
def unmute(project: Project, caller: Caller, signature: str, reason: str | None = None) -> Any:
    """Unmute a cause: people are told of its next occurrence."""
    return present.cause(causes.unmute(project, signature, caller.asked(reason)), project.now())


@verb("assign", "operate", "POST /causes/{signature}/assign")
def assign(
    project: Project, caller: Caller, signature: str, owner: str | None = None, note: str | None = None,
    reason: str | None = None,
) -> Any:  # fmt: skip
    """Say who owns a cause and what is known about it; it is no longer new."""
    return present.cause(causes.assign(project, signature, caller.asked(reason), owner, note), project.now())


@verb("resolve", "operate", "POST /causes/{signature}/resolve")
def resolve(project: Project, caller: Caller, signature: str, reason: str | None = None) -> Any:
    """Say that a cause is resolved; what fails for it later is a regression."""
    return present.cause(causes.resolve(project, signature, caller.asked(reason)), project.now())
