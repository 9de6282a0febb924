"""Verbs on steps: read what a script printed, accept what a person did by hand."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.commands import logs, processings, steps
from procession.project import Project
from procession.verbs.bounds import LARGEST, identity, up_to
from procession.verbs.verb import Caller, verb

SLICE = 64 << 10
"""Bytes of a log, where nothing else is said."""


@verb("logs", "read", "GET /processings/{id}/logs")
def logs_(
    project: Project, caller: Caller, id: int, step: str | None = None, attempt: int | None = None,
    offset: int = 0, limit: int = SLICE, framework: bool = False,
) -> Any:  # fmt: skip
    """What a script printed, from an offset on (negative: from the end); go on at 'next' until it has ended. With
    'framework' what the driver of a reduction did."""
    up_to("offset", offset, LARGEST, -LARGEST)
    found = logs.read(project, identity("id", id), step, attempt, offset, limit, framework=framework)
    return present.log(found)


@verb("system-log", "operate", "GET /log")
def system_log(project: Project, caller: Caller, offset: int = 0, limit: int = SLICE) -> Any:
    """What Procession itself did, from an offset on (negative: from the end)."""
    up_to("offset", offset, LARGEST, -LARGEST)
    return present.log(logs.read_own(project, offset, limit))


@verb("accept", "operate", "POST /processings/{id}/accept")
def accept(project: Project, caller: Caller, id: int, step: str | None = None, note: str = "") -> Any:
    """Accept what was done by hand as the result of a failed step; the next step starts."""
    steps.accept(project, identity("id", id), step, note, caller.asked(note))
    return present.processing(processings.get(project, id), project.var)
