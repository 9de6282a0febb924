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

from collections.abc import Iterable, Sequence
from dataclasses import replace

from procession.model.capacity import (
    ROUNDING,
    Candidate,
    Capacity,
    Kept,
    Live,
    all_needed,
    lacks,
    there_is,
    uses_of_step,
    yet_to_take,
)
from procession.model.obstacles import Obstacle, obstacle_to, others_beside


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
        if obstacle := obstacle_to(candidate, capacity, live, known=known):
            if capacity.all_told:
                obstacle = replace(obstacle, also=others_beside(obstacle, candidate, capacity, live, known=known))
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
        live.take(uses_of_step(candidate.wants, capacity), candidate.processing_id, candidate.ordinal)
        if not known:
            begun.add(candidate.processing_id)
            live.take(candidate.takes, candidate.processing_id)
            live.processings[candidate.task] = live.processings.get(candidate.task, 0) + 1
            if capacity.disk is not None:
                capacity.disk -= candidate.disk or 0
    return admitted, obstacles


def shims(capacity: Capacity, live: Live) -> int:
    """How many attempts may run at the same time: all that are live, or, where some are queued ahead, one for each
    processor."""
    count, cpus = live.count - live.calls, live.cpus - live.call_cpus
    return max(1, count if cpus <= capacity.cpus + ROUNDING else int(capacity.cpus))


def _keep(candidate: Candidate, others: Sequence[Candidate], capacity: Capacity, live: Live, *, known: bool) -> None:
    """Keep for this one what it waits for, unless those who hold it need others to start before they can end."""
    there = {name: there_is(name, capacity, live) for name, _ in yet_to_take(candidate, capacity, known=known)}
    taking = sorted(yet_to_take(candidate, capacity, known=known), key=lambda use: (there[use[0]] or 0.0, use[0]))
    lacking = [n for n, (name, amount) in enumerate(taking) if lacks(candidate, name, amount, capacity, live)]
    holders = {pid for n in lacking for pid in live.holders.get(taking[n][0], ())}
    if holders & live.gathering:
        return  # its children may need what would be kept
    live.passing |= _in_the_way(holders, others, capacity, live)
    for name, amount in taking[: lacking[-1] + 1] if lacking else all_needed(candidate, capacity, known=known):
        if (kept := live.kept.get(name)) is None or kept.since > candidate.since:
            live.kept[name] = Kept(candidate.processing_id, amount)


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
            if lacks(each, name, amount, capacity, live)
        }
        lacking.update(name for wait in live.waits if wait.processing_id in new for name in wait.names)
        new = {pid for name in lacking for pid in live.holders.get(name, ())} - found
    return found
