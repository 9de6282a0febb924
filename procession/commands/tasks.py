"""What people ask of a task: what it is, and how it stands.

In: a name, or nothing. Out: `Standing`: the definition in force, what a person set over it, how many processings are in
which state. Always: one picture; nothing is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from procession.commands.events import unknown_task
from procession.errors import NotFound
from procession.model.setting import Pause
from procession.model.task import Task
from procession.project import Project
from procession.store import of_tasks, questions, settings, tasks


@dataclass(frozen=True, slots=True)
class Standing:
    """A task as it is now."""

    task: Task
    at_once: int
    """As set, else as the file says; 0: as many as there is room for."""
    pause: Pause | None
    """Why it starts nothing, if so."""
    counts: Mapping[str, int]
    """State → how many processings."""
    asking: int
    """Questions that nobody has answered."""


def newest(project: Project) -> list[Standing]:
    """All tasks in force, by name."""
    with project.store.read() as tx:
        current, held, counts = tasks.current(tx), settings.all_of(tx), of_tasks.counts(tx)
        asking = questions.count(tx)
    return [
        Standing(
            task,
            held.at_once(task.name, task.at_once),
            held.pause(task.name, task.group),
            counts.get(task.name, {}),
            asking.get(task.name, 0),
        )
        for task in current.values()
    ]


def get(project: Project, name: str) -> Standing:
    """One task; NotFound if there is none of this name."""
    found = newest(project)
    for standing in found:
        if standing.task.name == name:
            return standing
    raise NotFound(unknown_task(name, [standing.task.name for standing in found]))
