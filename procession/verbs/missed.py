"""Verbs on missed data."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.commands import missed
from procession.project import Project
from procession.verbs.verb import Caller, verb


@verb("missed", "trigger", "GET /tasks/{task}/missed")
def missed_(project: Project, caller: Caller, task: str, range: str | None = None) -> Any:
    """What a watch, a counter or a list has and the books have not; a command of the project may be run for it."""
    return present.missed(missed.missed(project, task, range))


@verb("submit-missed", "trigger", "POST /tasks/{task}/missed")
def submit_missed(project: Project, caller: Caller, task: str, range: str | None = None) -> Any:
    """Submit what a watch, a counter or a list has and the books have not."""
    return present.missed(missed.missed(project, task, range, submit=True))
