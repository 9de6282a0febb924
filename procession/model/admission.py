"""Who may start: one pure function over candidates, capacity and what is live.

The claim asks `admit` inside its transaction, with rows that nobody else can change meanwhile; ``procession why`` asks
the same function with the same rows. So what people are told is what really decides, and limits are counted from live
rows, never from counters. All that a step needs is given at once or not at all, so nobody waits while holding. A
candidate that does not fit does not hold back another one that does, until it has waited for `Capacity.patience`: then
what it needs is kept for it, so that many small ones never starve a large one. Limits are gathered for it in an order,
the scarcest first: one that it lacks and all before that, so that what comes free stays free until the rest has, and a
busy key does not idle what there is more of. When it lacks none, its processors and memory are kept too, which are held
by running scripts alone. A processing that holds what it lacks is let through, and so is whoever that one waits for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from procession.model.limits import limit_of
from procession.model.locks import Share, Wait
from procession.model.setting import Pause
from procession.model.wants import GENERAL, NOTHING, Uses, Wants, together
from procession.units import size

MOST_HOLDERS = 10
"""Holders of a limit that are named to programs."""
ROUNDING = 1e-9
"""What sums of tenths of processors may be off."""
CPUS, MEMORY, GPUS = "\0cpus", "\0memory", "\0gpus"
"""What a host has of itself, among the names of limits; no limit is called so."""
QUEUE = "\0queue:"
"""Before the name of a queue: how many steps of it may run is a limit like any other."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A step that could start now, if there were room; in the order in which room is given away."""

    processing_id: int
    ordinal: int
    task: str
    cpus: float
    at_once: int
    """Processings of its task at the same time; 0: no limit."""
    begun: bool
    """Its processing runs already, so it does not count against `at_once` again."""
    attempt: int = 0
    """Number of its latest attempt."""
    priority: int = 0
    definition_id: int = 0
    memory: int = 0
    wants: Wants = NOTHING
    takes: Uses = ()
    """What its processing takes from its first step to its last; nothing, if it has begun."""
    kept: str | None = None
    """The text that all have which want the same; None: it wants nothing but processors and memory."""
    since: int = 0
    """Microseconds: when it could have started first."""
    disk: int | None = 0
    """Bytes that its processing is expected to write; 0, if it has begun; None: nobody knows."""
    pause: Pause | None = None
    call: bool = False
    """A function, called by a worker of the launcher's pool."""
    claimable: bool = False
    """A program elsewhere may do it."""
    gpus: int = 0

    @property
    def turn(self) -> tuple[int, bool, int, int]:
        """Larger priority first, then what has begun, then what is older."""
        return (-self.priority, not self.begun, self.processing_id, self.ordinal)


@dataclass(slots=True)
class Capacity:
    """What this host may use; `ahead` follows how short scripts are."""

    cpus: float
    ahead: int = 0
    """Claims beyond the processors, queued at the shims while scripts are short. They take their turn at as many shims
    as there are processors (`shims`), so no more than `cpus` are in use at a time; only where every live step and the
    candidate take exactly one."""
    memory: int | None = None
    """Bytes; None: it is not counted."""
    gpus: int = 0
    """Devices, numbered from 0."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Name of a limit, with ``{name}`` for any value, and how much there is of it; `QUEUE` and the name of a queue."""
    labels: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset({""})
    disk: int | None = None
    """Bytes that what begins now may write; None: as much as it likes."""
    disk_most: int | None = None
    """Bytes that could be written if all other directories were gone."""
    full: str | None = None
    """Why nothing at all may start: the disk is at its hard floor."""
    workers: int = 1
    """Processes that call functions, one at a time each."""
    calls_ahead: int = 0
    """Calls beyond the workers, queued at them while calls are short. They take no processor until their turn comes."""
    outside: bool = False
    """A program elsewhere asks, not a launcher."""
    patience: float = 60e6
    """Microseconds for which a candidate lets others pass."""
    now: int = 0
    all_told: bool = False
    """A person asks: every obstacle is told, not only the first."""


@dataclass(frozen=True, slots=True)
class Kept:
    """So much of something is kept for this processing."""

    processing_id: int
    amount: float
    since: int = 0
    """Microseconds: nothing is kept from those that could have started before."""


@dataclass(slots=True)
class Live:
    """What is running, counted from rows. `admit` counts what it admits into it."""

    cpus: float = 0.0
    count: int = 0
    odd: int = 0
    """Live steps that do not take exactly one processor."""
    processings: dict[str, int] = field(default_factory=dict)
    """Running processings of each task."""
    memory: int = 0
    calls: int = 0
    """Live calls, of `count`."""
    call_cpus: float = 0.0
    """What they would take together, of `cpus`."""
    crowded: bool = False
    """A script lacks room: no call is queued ahead of it."""
    taken: dict[str, float] = field(default_factory=dict)
    """How much is taken of each limit."""
    holders: dict[str, list[int]] = field(default_factory=dict)
    """Processings that take something of each limit."""
    gathering: frozenset[int] = frozenset()
    """Processings that wait for their children."""
    kept: dict[str, Kept] = field(default_factory=dict)
    """What is kept for one that has waited long enough: `CPUS`, `MEMORY` or a limit."""
    passing: set[int] = field(default_factory=set)
    """Processings that hold what such a one lacks: nothing is kept from them, so that they end."""
    devices: set[int] = field(default_factory=set)
    """Numbers of the GPUs that are in use."""
    gpus: int = 0
    """How many that are."""
    locked: dict[str, dict[int, Share]] = field(default_factory=dict)
    """Name of each lock that somebody has → processing → what it takes of that name."""
    waits: Sequence[Wait] = ()
    """Who waits for locks, oldest first."""

    def busy(self, workers: int) -> float:
        """Processors in use: calls that are queued behind others take none."""
        return self.cpus - max(0.0, self.call_cpus - workers) if self.calls > workers else self.cpus

    def take(self, uses: Uses, processing_id: int, ordinal: int = 0) -> None:
        """Count what a processing (0) or a step takes of limits; what it holds as a lock counts once."""
        for name, amount in uses:
            share = self.locked[name].get(processing_id) if name in self.locked else None
            more = amount if share is None else share.use(ordinal, amount)
            self.taken[name] = self.taken.get(name, 0.0) + more
            self.holders.setdefault(name, []).append(processing_id)

    def lock(self, name: str, processing_id: int, share: Share) -> None:
        """Count the locks of a name that a processing and its attempts have; before what it takes by ``uses``."""
        self.locked.setdefault(name, {})[processing_id] = share
        self.taken[name] = self.taken.get(name, 0.0) + share.amount
        self.holders.setdefault(name, []).append(processing_id)

    def with_it(self, name: str, amount: float, candidate: Candidate) -> float:
        """How much of a name is taken when this candidate takes so much of it."""
        share = self.locked[name].get(candidate.processing_id) if name in self.locked else None
        more = amount if share is None else share.used(candidate.ordinal, amount)
        return self.taken.get(name, 0.0) + more


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a candidate may not start: a code for programs, a sentence for people."""

    code: str
    sentence: str
    shared: bool = False
    """All that want the same meet it as well."""
    short: bool = False
    """It passes when others end: after a while, what is needed is kept for this one."""
    name: str = ""
    """The limit, lock or queue that it is about."""
    holders: tuple[int, ...] = ()
    """Processings that have what is lacking."""
    also: tuple[Obstacle, ...] = ()
    """What else stands in the way, where people ask (`Capacity.all_told`)."""


def admit(
    candidates: Iterable[Candidate], capacity: Capacity, live: Live
) -> tuple[list[Candidate], dict[tuple[int, int], Obstacle]]:
    """Give away the room, first come first served; return who may start, and why the others may not."""
    admitted: list[Candidate] = []
    obstacles: dict[tuple[int, int], Obstacle] = {}
    begun: set[int] = set()
    candidates = list(candidates)
    for candidate in candidates:
        known = candidate.begun or candidate.processing_id in begun
        if obstacle := _obstacle(candidate, capacity, live, known=known):
            if capacity.all_told:
                obstacle = replace(obstacle, also=_others(obstacle, candidate, capacity, live, known=known))
            obstacles[candidate.processing_id, candidate.ordinal] = obstacle
            live.crowded = live.crowded or (obstacle.short and not candidate.call)
            if obstacle.short and capacity.now - candidate.since >= capacity.patience:
                _keep(candidate, candidates, capacity, live, known=known)
            continue
        admitted.append(candidate)
        live.cpus += candidate.cpus
        live.count += 1
        live.odd += candidate.cpus != 1
        live.memory += candidate.memory
        if candidate.call:
            live.calls += 1
            live.call_cpus += candidate.cpus
        live.gpus += candidate.gpus
        live.take(_of_step(candidate.wants, capacity), candidate.processing_id, candidate.ordinal)
        if not known:
            begun.add(candidate.processing_id)
            live.take(candidate.takes, candidate.processing_id)
            live.processings[candidate.task] = live.processings.get(candidate.task, 0) + 1
            if capacity.disk is not None:
                capacity.disk -= candidate.disk or 0
    return admitted, obstacles


def many(workers: int) -> str:
    """``is 1 worker``, ``are 4 workers``."""
    return "is 1 worker" if workers == 1 else f"are {workers} workers"


def shims(capacity: Capacity, live: Live) -> int:
    """How many attempts may run at the same time: all that are live, or, where some are queued ahead, one for each
    processor."""
    count, cpus = live.count - live.calls, live.cpus - live.call_cpus
    return max(1, count if cpus <= capacity.cpus + ROUNDING else int(capacity.cpus))


def _keep(candidate: Candidate, others: Sequence[Candidate], capacity: Capacity, live: Live, *, known: bool) -> None:
    """Keep for this one what it waits for, unless those who hold it need others to start before they can end."""
    there = {name: there_is(name, capacity, live) for name, _ in _taking(candidate, capacity, known=known)}
    taking = sorted(_taking(candidate, capacity, known=known), key=lambda use: (there[use[0]] or 0.0, use[0]))
    lacking = [n for n, (name, amount) in enumerate(taking) if _lacks(candidate, name, amount, capacity, live)]
    holders = {pid for n in lacking for pid in live.holders.get(taking[n][0], ())}
    if holders & live.gathering:
        return  # its children may need what would be kept
    live.passing |= _in_the_way(holders, others, capacity, live)
    for name, amount in taking[: lacking[-1] + 1] if lacking else _needs(candidate, capacity, known=known):
        if (kept := live.kept.get(name)) is None or kept.since > candidate.since:
            live.kept[name] = Kept(candidate.processing_id, amount)


def _lacks(candidate: Candidate, name: str, amount: float, capacity: Capacity, live: Live) -> bool:
    """Is less left of this limit than it would take?"""
    there = there_is(name, capacity, live)
    return there is not None and live.with_it(name, amount, candidate) > there + ROUNDING


def _in_the_way(holders: Iterable[int], others: Sequence[Candidate], capacity: Capacity, live: Live) -> set[int]:
    """These processings, and those that hold what their next steps or their waits for locks lack, and so on: all of
    them must end first."""
    found: set[int] = set()
    new = set(holders)
    while new:
        found |= new
        lacking = {
            name
            for each in others
            if each.begun and each.processing_id in new
            for name, amount in each.wants.uses
            if _lacks(each, name, amount, capacity, live)
        }
        lacking.update(name for wait in live.waits if wait.processing_id in new for name in wait.names)
        new = {pid for name in lacking for pid in live.holders.get(name, ())} - found
    return found


def _needs(candidate: Candidate, capacity: Capacity, *, known: bool) -> list[tuple[str, float]]:
    """Everything scarce that it needs, and how much."""
    host = (CPUS, candidate.cpus), (MEMORY, float(candidate.memory)), (GPUS, float(candidate.gpus))
    needs = [*_taking(candidate, capacity, known=known), *host]
    return [(name, amount) for name, amount in needs if amount > 0]


def _obstacle(candidate: Candidate, capacity: Capacity, live: Live, *, known: bool) -> Obstacle | None:
    return (
        _forbidden(candidate, capacity, known=known)
        or _too_many(candidate, live, known=known)
        or _no_room(candidate, capacity, live)
        or _limited(candidate, capacity, live, known=known)
        or _no_disk(candidate, capacity, live, known=known)
        or (_kept_back(candidate, capacity, live, known=known) if live.kept else None)
    )


def _others(
    first: Obstacle, candidate: Candidate, capacity: Capacity, live: Live, *, known: bool
) -> tuple[Obstacle, ...]:
    """What would still stand in the way if the first obstacle were gone."""
    found = (
        _too_many(candidate, live, known=known), _no_room(candidate, capacity, live),
        *_lacking(candidate, capacity, live, known=known), _no_disk(candidate, capacity, live, known=known),
    )  # fmt: skip
    return tuple(each for each in found if each is not None and each != first)


def _forbidden(candidate: Candidate, capacity: Capacity, *, known: bool) -> Obstacle | None:
    """What no end of another changes."""
    pause, wants = candidate.pause, candidate.wants
    if pause is not None and not (known and pause.mode == "drain"):
        queue = pause.scope.removeprefix("queue ") if pause.scope.startswith("queue ") else ""
        sentence = f"{pause.sentence}; to go on: {pause.resume}"
        return Obstacle("paused", sentence, shared=bool(queue), name=queue)
    if capacity.outside and not candidate.claimable:
        return Obstacle("not_a_call", "it runs a command, which only a launcher starts")
    if wants.outside and not capacity.outside:
        return Obstacle(
            "outside", "only a program elsewhere does it; it waits until one asks: procession claim", shared=True
        )
    if wants is not NOTHING and (missing := sorted(set(wants.labels) - capacity.labels)):
        labels = " and ".join(missing)
        return Obstacle(
            "no_host",
            f"no host here has the label {labels}; give one [launcher] labels, or take it from the step",
            shared=True,
        )
    if wants.queue not in capacity.queues:
        return Obstacle(
            "no_queue",
            f"no launcher serves the queue {wants.queue or GENERAL}; say so in [launcher] queues",
            shared=True,
        )
    if candidate.cpus > capacity.cpus:
        return Obstacle(
            "too_many_cpus",
            f"it needs {candidate.cpus:g} cpus and this host may use {capacity.cpus:g}; "
            "lower cpus of the step or raise [launcher] cpus",
        )
    if capacity.memory is not None and candidate.memory > capacity.memory:
        return Obstacle(
            "too_much_memory",
            f"it needs {size(candidate.memory)} of memory and this host may use {size(capacity.memory)}; "
            "lower memory of the step or raise [launcher] memory",
        )
    if candidate.gpus > capacity.gpus:
        return Obstacle(
            "too_many_gpus",
            f"it needs {candidate.gpus} gpus and this host has {capacity.gpus}; "
            "lower gpus of the step or say in [launcher] gpus how many there are",
        )
    if capacity.full:
        return Obstacle("disk_full", capacity.full)
    return None


def _too_many(candidate: Candidate, live: Live, *, known: bool) -> Obstacle | None:
    running = live.processings.get(candidate.task, 0)
    if known or not candidate.at_once or running < candidate.at_once:
        return None
    return Obstacle(
        "at_once",
        f"{running} of {candidate.at_once} processings of task {candidate.task} are running; it starts when one ends",
    )


def _no_room(candidate: Candidate, capacity: Capacity, live: Live) -> Obstacle | None:
    if candidate.call and live.calls >= capacity.workers:
        ahead = 0 if live.crowded or candidate.cpus != 1 or live.call_cpus != live.calls else capacity.calls_ahead
        if live.calls < capacity.workers + ahead:
            return None
        return Obstacle(
            "workers",
            f"{live.calls} calls are live and there {many(capacity.workers)}; it starts when one has ended, "
            "or raise [launcher] workers",
            short=True,
        )
    busy = live.busy(capacity.workers)
    queues = live.odd == 0 and candidate.cpus == 1 and not candidate.call and not live.calls
    room = capacity.cpus + (capacity.ahead if queues else 0) - busy
    if candidate.cpus > room + ROUNDING:
        return Obstacle(
            "cpus",
            f"it needs {candidate.cpus:g} cpus; {busy:g} of {capacity.cpus:g} are in use; it starts when they are free",
            short=True,
        )
    if capacity.memory is not None and candidate.memory and live.memory + candidate.memory > capacity.memory:
        return Obstacle(
            "memory",
            f"it needs {size(candidate.memory)} of memory; {size(live.memory)} of {size(capacity.memory)} are taken; "
            "it starts when it is free",
            short=True,
        )
    if candidate.gpus and live.gpus + candidate.gpus > capacity.gpus:
        return Obstacle(
            "gpus",
            f"it needs {candidate.gpus} gpus; {live.gpus} of {capacity.gpus} are in use; it starts when they are free",
            short=True,
        )
    return None


def _limited(candidate: Candidate, capacity: Capacity, live: Live, *, known: bool) -> Obstacle | None:
    return next(_lacking(candidate, capacity, live, known=known), None)


def _lacking(candidate: Candidate, capacity: Capacity, live: Live, *, known: bool) -> Iterator[Obstacle]:
    """Each limit of which there is not enough."""
    if candidate.wants is NOTHING and (known or not candidate.takes):
        return
    for name, amount in _taking(candidate, capacity, known=known):
        if not _lacks(candidate, name, amount, capacity, live):
            continue
        there, taken = there_is(name, capacity, live) or 0.0, live.taken.get(name, 0.0)
        if name.startswith(QUEUE):
            queue = name.removeprefix(QUEUE)
            yield Obstacle(
                "queue",
                f"{taken:g} of {there:g} steps of the queue {queue} are running; it starts when one ends, or raise it "
                f"with: procession set queue:{queue} at_once=…",
                shared=True, short=True, name=queue,
            )  # fmt: skip
            continue
        if amount > there:
            yield Obstacle(
                "too_much",
                f"it needs {amount:g} of {name} and there is {there:g}; raise it with: procession set limit {name}=…",
                shared=True, name=name,
            )  # fmt: skip
            continue
        holders = sorted(set(live.holders.get(name, ())))
        whom = f", by processing {', '.join(map(str, holders[:3]))}" if holders else ""
        of_all, ends = f"{taken:g} of {there:g} of {name} are", f"{whom}; it starts when there is enough"
        if name in live.locked:
            found = Obstacle("lock", f"{of_all} locked or taken{ends}", shared=True, short=True)
        else:
            found = Obstacle("limit", f"{of_all} taken{ends}", shared=True, short=True)
        yield replace(found, name=name, holders=tuple(holders[:MOST_HOLDERS]))


def _no_disk(candidate: Candidate, capacity: Capacity, live: Live, *, known: bool) -> Obstacle | None:
    """Nothing is kept for one that lacks the disk: what is kept of processors would keep others from ending."""
    if known or capacity.disk is None:
        return None
    if candidate.disk is None and live.processings.get(candidate.task):
        return Obstacle(
            "disk_unknown",
            f"nothing is known yet of how much task {candidate.task} writes, so one runs at a time within the budget "
            'of the disk; it starts when the first has ended, or say it in the task: disk = "…"',
        )
    expected = candidate.disk or 0
    if capacity.disk_most is not None and expected > capacity.disk_most:
        return Obstacle(
            "too_much_disk",
            f"it is expected to write {size(expected)}, and the budget of the disk leaves "
            f"{size(max(0, capacity.disk_most))} to all together; raise [work] max_total or lower keep_free",
        )
    if expected <= capacity.disk:
        return None
    return Obstacle(
        "disk",
        f"it is expected to write {size(expected)} and there is room for {size(max(0, capacity.disk))} within "
        "the budget of the disk; it starts when older directories are gone: procession disk",
    )


def _kept_back(candidate: Candidate, capacity: Capacity, live: Live, *, known: bool) -> Obstacle | None:
    if known and candidate.processing_id in live.passing:
        return None
    for name, amount in _needs(candidate, capacity, known=known):
        kept = live.kept.get(name)
        if kept is None or candidate.since < kept.since or kept.processing_id == candidate.processing_id:
            continue
        more = live.with_it(name, amount, candidate) - live.taken.get(name, 0.0)
        if more > 0 and more + kept.amount > _left(name, capacity, live) + ROUNDING:
            return Obstacle(
                "kept",
                f"{_amount_of(name, kept.amount)} is kept for processing {kept.processing_id}, which has waited longer",
                shared=name not in (CPUS, MEMORY, GPUS),
            )
    return None


def _amount_of(name: str, amount: float) -> str:
    """``2 cpus``, ``2 GB of memory``, ``1 of ftp``."""
    if name == MEMORY:
        return f"{size(int(amount))} of memory"
    if name.startswith(QUEUE):
        return f"a place in the queue {name.removeprefix(QUEUE)}"
    return {CPUS: f"room for {amount:g} cpus", GPUS: f"{amount:g} gpus"}.get(name, f"{amount:g} of {name}")


def _left(name: str, capacity: Capacity, live: Live) -> float:
    """How much of it nobody has."""
    if name == CPUS:
        return capacity.cpus - live.busy(capacity.workers)
    if name == MEMORY:
        return float("inf") if capacity.memory is None else capacity.memory - live.memory
    if name == GPUS:
        return capacity.gpus - live.gpus
    there = there_is(name, capacity, live)
    return float("inf") if there is None else there - live.taken.get(name, 0.0)


def _taking(candidate: Candidate, capacity: Capacity, *, known: bool) -> Uses:
    """What it would take that it does not hold yet; a step's part that its processing holds was left out at birth."""
    own = _of_step(candidate.wants, capacity)
    return own if known else together(candidate.takes, own)


def _of_step(wants: Wants, capacity: Capacity) -> Uses:
    """What a step takes itself: of limits, and a place in its queue where there are only so many."""
    if not wants.queue or (queue := QUEUE + wants.queue) not in capacity.limits:
        return wants.uses
    return (*wants.uses, (queue, 1.0))


def there_is(name: str, capacity: Capacity, live: Live) -> float | None:
    """How much there is of a name; of what no limit names, once where it is locked, else as much as anybody likes."""
    there = limit_of(name, capacity.limits)
    return 1.0 if there is None and name in live.locked else there
