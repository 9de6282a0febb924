"""Verbs on causes: why attempts failed."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.commands import causes
from procession.project import Project
from procession.units import to_seconds
from procession.verbs.bounds import up_to
from procession.verbs.verb import Caller, verb

MOST = 1000
"""Causes of an answer."""


@verb("causes", "read", "GET /causes")
def causes_(
    project: Project, caller: Caller, task: str | None = None, since: str | None = None, everything: bool = False,
    limit: int = 50,
) -> Any:  # fmt: skip
    """Why processings have failed: one for each cause, those for which most has failed first."""
    limit = up_to("limit", limit, MOST)
    found = causes.listed(project, task=task, since=since, everything=everything, limit=limit)
    return present.page([present.cause(each, project.now()) for each in found], None)


@verb("mute", "operate", "POST /causes/{signature}/mute")
def mute(project: Project, caller: Caller, signature: str, span: str | None = None, reason: str | None = None) -> Any:
    """Tell nobody of a cause, for a span or until it is unmuted; it is counted all the same."""
    seconds = None if span is None else to_seconds(span)
    return present.cause(causes.mute(project, signature, caller.asked(reason), seconds), project.now())


@verb("unmute", "operate", "POST /causes/{signature}/unmute")
def unmute(project: Project, caller: Caller, signature: str, reason: str | None = None) -> Any:
    """Tell people of a cause again, from its next occurrence on."""
    return present.cause(causes.unmute(project, signature, caller.asked(reason)), project.now())
