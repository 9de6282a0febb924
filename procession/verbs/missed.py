"""Verbs on missed data."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.commands import missed
from procession.errors import Denied
from procession.project import Project
from procession.verbs.verb import Caller, verb


@verb("missed", "read", "GET /tasks/{task}/missed")
def missed_(project: Project, caller: Caller, task: str, range: str | None = None) -> Any:
    """What a watch, a counter or a list has and the books have not; a command of the project may be run for it."""
    if "trigger" not in caller.scopes and missed.runs_a_command(project, task):
        raise Denied(f"for task {task} a command of the project says what there is; that needs the scope trigger")
    return present.missed(missed.missed(project, task, range))


@verb("submit-missed", "trigger", "POST /tasks/{task}/missed")
def submit_missed(project: Project, caller: Caller, task: str, range: str | None = None) -> Any:
    """Submit what a watch, a counter or a list has and the books have not."""
    return present.missed(missed.missed(project, task, range, submit=True))
