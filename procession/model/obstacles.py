"""What may stand in a candidate's way, each with a code for programs and a sentence for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from procession.model.capacity import (
    CPUS,
    GPUS,
    MEMORY,
    QUEUE,
    ROUNDING,
    Candidate,
    Capacity,
    Live,
    all_needed,
    lacks,
    left_of,
    there_is,
    yet_to_take,
)
from procession.model.wants import GENERAL, NOTHING
from procession.units import size

MOST_HOLDERS = 10
"""Holders of a limit that are named to programs."""


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


def many(workers: int) -> str:
    """``is 1 worker``, ``are 4 workers``."""
    return "is 1 worker" if workers == 1 else f"are {workers} workers"


def obstacle_to(candidate: Candidate, capacity: Capacity, live: Live, *, known: bool) -> Obstacle | None:
    """The first thing that stands in its way; `known`: its processing has begun. None: it may start."""
    return (
        _forbidden(candidate, capacity, known=known)
        or _too_many(candidate, live, known=known)
        or _no_room(candidate, capacity, live)
        or _limited(candidate, capacity, live, known=known)
        or _no_disk(candidate, capacity, live, known=known)
        or (_kept_back(candidate, capacity, live, known=known) if live.kept else None)
    )


def others_beside(
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
    for name, amount in yet_to_take(candidate, capacity, known=known):
        if not lacks(candidate, name, amount, capacity, live):
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
    for name, amount in all_needed(candidate, capacity, known=known):
        kept = live.kept.get(name)
        if kept is None or candidate.since < kept.since or kept.processing_id == candidate.processing_id:
            continue
        more = live.with_it(name, amount, candidate) - live.taken.get(name, 0.0)
        if more > 0 and more + kept.amount > left_of(name, capacity, live) + ROUNDING:
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
