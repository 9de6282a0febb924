"""What people ask of queues, of limits and of one host: how much there is, who has it, who waits.

In: nothing, or the name of a host. Out: pictures, the figures of one read. Always: what holds now stands beside what
the file says; nothing here costs more where more has been processed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from procession.clock import moment
from procession.commands import hosts
from procession.commands.hosts import Launcher
from procession.errors import NotFound
from procession.flow.room import queues_at_once, standing_of
from procession.model import wants
from procession.model.limits import limit_of
from procession.model.setting import Pause
from procession.model.states import State
from procession.model.wants import GENERAL
from procession.project import Project
from procession.store import launchers, of_tasks, pages, serving, settings, tasks
from procession.store.database import Tx

HISTORY = 50
"""So many of the last attempts of a host are named."""


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue, wherever its steps run."""

    name: str
    waiting: int
    """Processings that wait for their turn, and steps of begun ones that may start."""
    oldest: datetime | None
    """Since when the first of them waits."""
    running: int
    at_once: int | None
    """Steps that may run at the same time, as it holds now; 0: as many as there is room for; None: nobody can say."""
    file: int | None
    """What the file says of that."""
    launchers: tuple[str, ...]
    """Names of those that serve it."""
    pause: Pause | None = None
    """What keeps its steps from starting, if a person said so."""
    asking: int = 0
    """Steps that ask a person who has not answered: they take no room in it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit, or one value of a template of them."""

    name: str
    there: float
    file: float | None
    taken: float
    users: tuple[tuple[int, float], ...] = ()
    """Processings that have of it, and how much."""


@dataclass(frozen=True, slots=True)
class Host:
    """One host: its launchers, what runs there, what ran there last."""

    name: str
    launchers: tuple[Launcher, ...]
    running: tuple[serving.Tried, ...]
    last: tuple[serving.Tried, ...]


@dataclass(slots=True)
class _Wait:
    """What is gathered of one queue."""

    waiting: int = 0
    since: int | None = None
    running: int = 0
    asking: int = 0

    def wait(self, n: int, since: int | None) -> None:
        self.waiting += n
        if since is not None and (self.since is None or since < self.since):
            self.since = since


def queues(project: Project) -> list[Queue]:
    """Every queue that the file, a task or a launcher names; the general one first."""
    served: dict[str, list[str]] = {}
    for each in hosts.list_all(project):
        for name in each.queues:
            served.setdefault("" if name == GENERAL else name, []).append(each.name)
    with project.store.read() as tx:
        now = settings.all_of(tx)
        holds, said = queues_at_once(project, now), dict(project.settings.plans_of_queues)
        found = {name: _Wait() for name in {"", *holds, *served, *project.settings.queues, *_named(tx)}}
        _gather(tx, found)
    return [
        Queue(
            name or GENERAL, each.waiting, moment(each.since), each.running,
            holds.get(name, 0) if name else None, said[name].at_once if name in said else None,
            tuple(sorted(served.get(name, ()))), now.pause_of_queue(name),
            each.asking,
        )
        for name, each in sorted(found.items())
    ]  # fmt: skip


def _named(tx: Tx) -> set[str]:
    return {step.queue for task in tasks.current(tx).values() for step in task.steps}


def _gather(tx: Tx, found: dict[str, _Wait]) -> None:
    counted, oldest = of_tasks.counts(tx), pages.oldest_waiting(tx)
    for task in tasks.current(tx).values():
        n = counted.get(task.name, {}).get(str(State.WAITING), 0)
        if n:
            first = oldest.get(task.name)
            found.setdefault(task.queue, _Wait()).wait(n, None if first is None else first[1])
    for each in serving.ready(tx):
        found.setdefault(wants.read(each.wants).queue, _Wait()).wait(each.n, each.since)
    for each in serving.running(tx):
        found.setdefault(wants.read(each.wants).queue, _Wait()).running += each.n
    for each in serving.asking(tx):
        found.setdefault(wants.read(each.wants).queue, _Wait()).asking += each.n


def limits(project: Project) -> list[Limit]:
    """Every limit of the file, and every value of a template of which somebody has something."""
    with project.store.read() as tx:
        said = dict(project.settings.limits)
        holds = settings.all_of(tx).limits(said)
        standing = standing_of(tx, holds, project.now())
    used = {name for name in standing.shares if limit_of(name, holds) is not None}
    found = []
    for name in sorted({*holds, *used}):
        there = limit_of(name, holds)
        users = tuple(
            (pid, share.amount) for pid, share in sorted(standing.shares.get(name, {}).items()) if share.amount
        )
        found.append(Limit(name, there or 0.0, said.get(name), sum(amount for _, amount in users), users))
    return found


def host(project: Project, name: str) -> Host:
    """One host; NotFound where none is called so."""
    there = [each for each in hosts.list_all(project, stopped=True) if each.host == name]
    if not there:
        with project.store.read() as tx:
            known = sorted({row.host for row in launchers.newest(tx, 100)})
        raise NotFound(f"no launcher served on a host {name[:60]!r} lately; there are: {', '.join(known) or 'none'}")
    own = {each.id for each in there}
    with project.store.read() as tx:
        running = tuple(each for each in serving.live(tx) if each.launcher_id in own)
        return Host(name, tuple(there), running, tuple(serving.last(tx, own, HISTORY)))
