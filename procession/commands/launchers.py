"""What people ask of the launcher: is it there, what is going on, stop it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from procession.clock import moment
from procession.errors import Refused
from procession.flow.room import room_for
from procession.model.message import Message
from procession.model.outcome import Outcome
from procession.model.processing import Processing
from procession.model.setting import Pause
from procession.project import Project, poke
from procession.store import (
    attempts,
    launchers,
    messages,
    of_tasks,
    pages,
    processings,
    questions,
    settings,
    steps,
    watches,
)
from procession.store.database import Tx
from procession.store.watches import Stand
from procession.workdir import is_held

STOPS_WITHIN = 10.0
"""Seconds; a launcher leaves at once, whatever runs."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A launcher that serves this project."""

    name: str
    host: str
    pid: int
    cpus: float
    started_at: datetime
    closing: str | None = None
    """``drain`` or ``kill``: it starts nothing any more, and leaves when nothing of its own runs."""
    url: str | None = None
    """Where its web server answers."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is going on."""

    serving: Serving | None
    counts: dict[str, dict[str, int]]
    """Task → state → how many processings."""
    running: tuple[Processing, ...]
    """The newest running processings, with their steps."""
    failed: tuple[Processing, ...]
    """The newest failed ones, with their steps."""
    pauses: tuple[Pause, ...]
    """What starts nothing, by whose word."""
    problem: str | None
    """What is wrong with the definition files as they are now."""
    messages: tuple[Message, ...]
    """What still occurs, needs a person by now, and was read by nobody; the newest."""
    watches: tuple[Stand, ...]
    """How each watched pattern stood at its last look."""
    asking: dict[str, int]
    """Task → how many of its questions to people nobody has answered."""
    oldest: dict[str, tuple[int, int]]
    """Task → which of its processings has waited longest for its turn, and since when."""


def status(project: Project, limit: int = 10) -> Status:
    """A picture of the whole installation, quick at any size."""
    with project.store.read() as tx:
        row = next((r for r in reversed(launchers.not_stopped(tx)) if r.kind == "up"), None)
        serving = None
        if row is not None and project.is_served(tx):
            serving = Serving(row.name, row.host, row.pid, row.cpus, moment(row.started_at), row.closing, row.url)
        some = {
            name: processings.newest(tx, task=None, state=name, before=None, limit=limit)
            for name in ("running", "failed")
        }
        chains = pages.steps_of(tx, [p.id for each in some.values() for p in each])
        found = {name: tuple(replace(p, steps=chains[p.id]) for p in each) for name, each in some.items()}
        counts = of_tasks.counts(tx)
        waiting = tuple(messages.waiting_for_person(tx, project.now(), limit))
        watched = tuple(watches.all_of(tx).values())
        pauses, asking, oldest = settings.all_of(tx).pauses, questions.count(tx), pages.oldest_waiting(tx)
    return Status(
        serving,
        counts,
        found["running"],
        found["failed"],
        pauses,
        project.file_problem,
        waiting,
        watched,
        asking,
        oldest,
    )


@dataclass(frozen=True, slots=True)
class Stopping:
    """A launcher that was told to leave."""

    pid: int | None
    """Its process; None if it has not said which."""


@dataclass(frozen=True, slots=True)
class Awaited:
    """A script or a function that a launcher waits for before it leaves."""

    processing: int
    task: str
    step: str
    since: datetime
    which: tuple[int, int, int]
    pooled: bool
    """A function, which ends with its launcher."""


def tell(project: Project, word: str) -> Stopping:
    """Say ``stop``, ``drain`` or ``kill`` to the launcher of this place; Refused if none listens.

    It does so from then on, whether anybody waits for it or not.
    """
    pid = _server(project)
    if not is_held(project.var.lock):
        raise Refused("nobody serves this project here; there is nothing to stop")
    if not poke(project.var.wake, word):
        raise Refused(f"the launcher (process {pid}) does not listen at {project.var.wake}; is it starting? try again")
    return Stopping(pid)


def has_left(project: Project, told: Stopping) -> bool:
    """Has the launcher that was told left? One that came after it is another."""
    return not is_held(project.var.lock) or _server(project) != told.pid


def stop(project: Project) -> int | None:
    """Let the launcher of this place leave, and wait until it has; scripts run on. Returns its process id."""
    told = tell(project, "stop")
    deadline = time.monotonic() + STOPS_WITHIN
    while not has_left(project, told):
        if time.monotonic() > deadline:
            raise Refused(
                f"the launcher (process {told.pid}) was told to stop and has not yet left; look at: {project.var.log}, "
                f"or end it at once with: kill {told.pid}"
            )
        time.sleep(0.02)
    return told.pid


def awaited(project: Project) -> tuple[Awaited, ...]:
    """What runs of the launchers of this place, oldest first; what only waits for children is nobody's."""
    with project.store.read() as tx:
        ours = [row.id for row in launchers.unsettled(tx, project.var.place_id()) if row.kind == "up"]
        rows = sorted(attempts.live_of(tx, ours), key=lambda row: (row.claimed_at, row.processing_id))
        found = {row.processing_id: processings.find(tx, row.processing_id) for row in rows}
        names = {pid: {s.ordinal: s.name for s in steps.of(tx, pid)} for pid in found}
    return tuple(
        Awaited(
            row.processing_id,
            task.task,
            names[row.processing_id][row.ordinal],
            moment(row.claimed_at),
            (row.processing_id, row.ordinal, row.number),
            bool(row.pooled),
        )
        for row in rows
        if (task := found[row.processing_id]) is not None
    )


def cpus_here(project: Project) -> float:
    """Processors that the launcher of this process may use now: as the files say, or as was set since."""
    post = project.serving
    with project.store.read() as tx:
        return room_for(project, tx, post.place, post.capacity, post.name, post.host).capacity.cpus


def left_behind(project: Project, before: Sequence[Awaited]) -> tuple[int, int]:
    """When a launcher has left: how many scripts run on, and how many functions of what ran `before` were ended, which
    are tried again."""
    scripts = sum(not each.pooled for each in awaited(project))
    with project.store.read() as tx:
        ended = sum(_was_ended(tx, each.which) for each in before if each.pooled)
    return scripts, ended


def _was_ended(tx: Tx, which: tuple[int, int, int]) -> bool:
    pid, ordinal, number = which
    tries = [one for step in steps.of(tx, pid) if step.ordinal == ordinal for one in step.attempts]
    return any(one.number == number and one.outcome == Outcome.VOID and one.started_at is not None for one in tries)


def _server(project: Project) -> int | None:
    """The process that holds the lock of this place, as it wrote into it."""
    try:
        return int(project.var.lock.read_text())
    except (OSError, ValueError):
        return None
