"""Room: a candidate and what it needs, what a host has, and what is taken of it or kept for others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from procession.model.limits import limit_of
from procession.model.locks import Share, Wait
from procession.model.setting import Pause
from procession.model.wants import NOTHING, Uses, Wants, together

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


def lacks(candidate: Candidate, name: str, amount: float, capacity: Capacity, live: Live) -> bool:
    """Is less left of this limit than it would take?"""
    there = there_is(name, capacity, live)
    return there is not None and live.with_it(name, amount, candidate) > there + ROUNDING


def all_needed(candidate: Candidate, capacity: Capacity, *, known: bool) -> list[tuple[str, float]]:
    """Everything scarce that it needs, and how much."""
    host = (CPUS, candidate.cpus), (MEMORY, float(candidate.memory)), (GPUS, float(candidate.gpus))
    needs = [*yet_to_take(candidate, capacity, known=known), *host]
    return [(name, amount) for name, amount in needs if amount > 0]


def left_of(name: str, capacity: Capacity, live: Live) -> float:
    """How much of it nobody has."""
    if name == CPUS:
        return capacity.cpus - live.busy(capacity.workers)
    if name == MEMORY:
        return float("inf") if capacity.memory is None else capacity.memory - live.memory
    if name == GPUS:
        return capacity.gpus - live.gpus
    there = there_is(name, capacity, live)
    return float("inf") if there is None else there - live.taken.get(name, 0.0)


def yet_to_take(candidate: Candidate, capacity: Capacity, *, known: bool) -> Uses:
    """What it would take that it does not hold yet; a step's part that its processing holds was left out at birth."""
    own = uses_of_step(candidate.wants, capacity)
    return own if known else together(candidate.takes, own)


def uses_of_step(wants: Wants, capacity: Capacity) -> Uses:
    """What a step takes itself: of limits, and a place in its queue where there are only so many."""
    if not wants.queue or (queue := QUEUE + wants.queue) not in capacity.limits:
        return wants.uses
    return (*wants.uses, (queue, 1.0))


def there_is(name: str, capacity: Capacity, live: Live) -> float | None:
    """How much there is of a name; of what no limit names, once where it is locked, else as much as anybody likes."""
    there = limit_of(name, capacity.limits)
    return 1.0 if there is None and name in live.locked else there
