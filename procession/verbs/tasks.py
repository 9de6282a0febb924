"""Verbs on tasks: what they are, how they stand, start nothing, start again."""

from __future__ import annotations

from typing import Any, Literal

from procession import present
from procession.commands import settings, tasks
from procession.commands.settings import Held, Scope
from procession.errors import Invalid
from procession.project import Project
from procession.verbs.verb import Caller, verb


@verb("tasks", "read", "GET /tasks")
def tasks_(project: Project, caller: Caller) -> Any:
    """All tasks in force, and how each stands."""
    return present.page([present.task(each) for each in tasks.newest(project)], None)


@verb("task", "read", "GET /tasks/{name}")
def task(project: Project, caller: Caller, name: str) -> Any:
    """One task: how it stands, and its definition as it was read."""
    return present.definition(tasks.get(project, name))


def scope_of(
    task: str | None, group: str | None, everything: bool, source: str | None, queue: str | None
) -> Scope:  # fmt: skip
    """Exactly one of the five is meant."""
    if sum((task is not None, group is not None, source is not None, queue is not None, everything)) != 1:
        raise Invalid("name one: a task, a group, a source, a queue, or everything for the whole project")
    return Scope(task, group, source, queue)


@verb("pause", "operate", "POST /pause")
def pause(
    project: Project, caller: Caller, task: str | None = None, group: str | None = None, everything: bool = False,
    mode: Literal["stop", "drain", "skip"] = "stop", reason: str | None = None, source: str | None = None,
    queue: str | None = None,
) -> Any:  # fmt: skip
    """Let a task, a group, a queue or everything start nothing. What runs goes on to the end of its step."""
    row = settings.pause(project, scope_of(task, group, everything, source, queue), mode, caller.asked(reason))
    return present.setting(Held(row.name, None, row.value, row))


@verb("resume", "operate", "POST /resume")
def resume(
    project: Project, caller: Caller, task: str | None = None, group: str | None = None, everything: bool = False,
    reason: str | None = None, source: str | None = None, queue: str | None = None,
) -> Any:  # fmt: skip
    """Let it start again, also after failures in a row suspended it."""
    scope = scope_of(task, group, everything, source, queue)
    settings.resume(project, scope, caller.asked(reason))
    return present.setting(Held(scope.row, None, None, None))
