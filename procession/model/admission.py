"""Who may start: one pure function over candidates, capacity and what is live.

The claim asks `admit` inside its transaction, with rows that nobody else can change meanwhile; ``procession why`` asks
the same function with the same rows. So what people are told is what really decides, and limits are counted from live
rows, never from counters. A candidate that does not fit never holds back another one that does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

ROUNDING = 1e-9
"""What sums of tenths of processors may be off."""


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


@dataclass(slots=True)
class Live:
    """What is running, counted from rows. `admit` counts what it admits into it."""

    cpus: float = 0.0
    count: int = 0
    odd: int = 0
    """Live steps that do not take exactly one processor."""
    processings: dict[str, int] = field(default_factory=dict)
    """Running processings of each task."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a candidate may not start: a code for programs, a sentence for people."""

    code: str
    sentence: str


def admit(
    candidates: Iterable[Candidate], capacity: Capacity, live: Live
) -> tuple[list[Candidate], dict[tuple[int, int], Obstacle]]:
    """Give away the room, first come first served; return who may start, and why the others may not."""
    admitted: list[Candidate] = []
    obstacles: dict[tuple[int, int], Obstacle] = {}
    begun: set[int] = set()
    for candidate in candidates:
        known = candidate.begun or candidate.processing_id in begun
        if obstacle := _obstacle(candidate, capacity, live, live.processings, known=known):
            obstacles[candidate.processing_id, candidate.ordinal] = obstacle
            continue
        admitted.append(candidate)
        live.cpus += candidate.cpus
        live.count += 1
        live.odd += candidate.cpus != 1
        if not known:
            begun.add(candidate.processing_id)
            live.processings[candidate.task] = live.processings.get(candidate.task, 0) + 1
    return admitted, obstacles


def shims(capacity: Capacity, live: Live) -> int:
    """How many attempts may run at the same time: all that are live, or, where some are queued ahead, one for each
    processor."""
    return max(1, live.count if live.cpus <= capacity.cpus + ROUNDING else int(capacity.cpus))


def _obstacle(
    candidate: Candidate, capacity: Capacity, live: Live, processings: Mapping[str, int], *, known: bool
) -> Obstacle | None:
    running = processings.get(candidate.task, 0)
    if not known and candidate.at_once and running >= candidate.at_once:
        return Obstacle(
            "at_once",
            f"{running} of {candidate.at_once} processings of task {candidate.task} are running; "
            "it starts when one ends",
        )
    if candidate.cpus > capacity.cpus:
        return Obstacle(
            "too_many_cpus",
            f"it needs {candidate.cpus:g} cpus and this host may use {capacity.cpus:g}; "
            "lower cpus of the step or raise [launcher] cpus",
        )
    queues = live.odd == 0 and candidate.cpus == 1
    room = capacity.cpus + (capacity.ahead if queues else 0) - live.cpus
    if candidate.cpus > room + ROUNDING:
        return Obstacle(
            "cpus",
            f"it needs {candidate.cpus:g} cpus; {live.cpus:g} of {capacity.cpus:g} are in use; "
            "it starts when they are free",
        )
    return None
