"""The overview: how every task stands, what came and how it ended in a window, what is new.

In: a span of days, the tasks that may be seen. Out: an `Overview`, in one picture. Always: a fixed number of queries,
each of which reads as many rows as there are tasks, hours or causes, however many processings there are; what waits is
what came, less what has ended, as the books have it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from procession import disk
from procession.commands.disk import full_in
from procession.model.grid import Mark, mark_of_processing
from procession.model.processing import Step
from procession.model.setting import Pause
from procession.model.states import PROCESSING
from procession.model.task import Task
from procession.project import Project
from procession.store import causes, launchers, locks, of_tasks, pages, questions, settings, tallies, tasks
from procession.store.causes import Known
from procession.store.database import Tx
from procession.store.pages import Recent

SHOWN = 24
"""Processings of each task."""
DAY = 86_400_000_000
MOST_NEWS = 100
"""Causes that are new, those that occurred last."""


@dataclass(frozen=True, slots=True)
class OfTask:
    """How one task stands."""

    task: Task
    pause: Pause | None
    at_once: int
    waiting: int
    running: int
    ended: Mapping[str, int]
    """State → how many ended so in the window."""
    recent: tuple[tuple[Recent, Mark], ...]
    steps: tuple[Step, ...]
    """Of the newest."""
    asking: int
    """Questions that nobody has answered."""
    oldest: tuple[int, int] | None
    """Which has waited longest for its turn, and since when."""


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole installation."""

    since: int
    at: int
    tasks: tuple[OfTask, ...]
    hours: Mapping[int, Mapping[str, int]]
    """Hour → state → how many ended so."""
    new_causes: tuple[Known, ...]
    """That nobody has looked at, or that have come back."""
    locks: int
    hosts: int
    """That serve."""
    disk: disk.Space
    full_in: float | None
    """Seconds until it is full, at today's rate; None: nobody can say."""


def overview(project: Project, days: int = 1, only: Collection[str] | None = None) -> Overview:
    """How everything stands, or these tasks alone."""
    now = project.now()
    since = now - days * DAY
    space = disk.space(project.var.root / "work")
    with project.store.read() as tx:
        tx.steady()
        found = _tasks(tx, since, only)
        hours = tallies.by_hour(tx, "task", since, None if only is None else [each.task.name for each in found])
        new = [c for c in causes.news(tx, now, MOST_NEWS) if c.failed and (only is None or c.task in only)]
        held = len({hold.name for hold in locks.all_of(tx, now)[0]})
        serving = {row.host for row in launchers.not_stopped(tx) if row.kind == "up"}
        filling = full_in(project, tx, space)
    return Overview(since, now, tuple(found), hours, tuple(new), held, len(serving), space, filling)


def _tasks(tx: Tx, since: int, only: Collection[str] | None) -> list[OfTask]:
    held, recent, oldest = settings.all_of(tx), pages.recent(tx, SHOWN), pages.oldest_waiting(tx)
    asking = questions.count(tx)
    now, ended = alive(tx), tallies.by_name(tx, "task", since)
    newest = {name: some[0].id for name, some in recent.items() if some}
    steps = pages.steps_of(tx, list(newest.values()))
    return [
        OfTask(
            task, held.pause(task.name, task.group), held.at_once(task.name, task.at_once), *now.get(task.name, (0, 0)),
            {state: n for state, n in ended.get(task.name, {}).items() if state in PROCESSING.terminal},
            tuple((one, _mark(one)) for one in recent.get(task.name, ())),
            steps.get(newest.get(task.name, 0), ()), asking.get(task.name, 0), oldest.get(task.name),
        )
        for task in tasks.current(tx).values()
        if only is None or task.name in only
    ]  # fmt: skip


def _mark(one: Recent) -> Mark:
    return mark_of_processing(one.state, errors=one.errors, held=one.held, again=one.again, asking=one.asking)


def alive(tx: Tx) -> dict[str, tuple[int, int]]:
    """Task → how many wait, and how many run."""
    running = of_tasks.running(tx)
    found = {}
    for name, counts in tallies.totals(tx, "task").items():
        gone = sum(counts.get(what, 0) for what in (*map(str, PROCESSING.terminal), "deleted"))
        runs = running.get(name, 0)
        found[name] = (max(0, counts.get("matched", 0) - gone - runs), runs)
    return found
