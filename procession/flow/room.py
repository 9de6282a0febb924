"""Room: all that the admission is asked with, made from the rows of one transaction.

What a host may use, what is running, what people have set over the files. The claim and ``why`` make it the same way,
so they cannot disagree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from procession import disk
from procession.flow.budget import budget_of, full, limited, standing
from procession.model import wants
from procession.model.admission import Capacity, Live
from procession.model.setting import Settings
from procession.project import Project
from procession.store import disk as store_disk
from procession.store import processings, settings, steps
from procession.store.database import Tx


@dataclass(slots=True)
class Room:
    """All that decides who may start."""

    capacity: Capacity
    live: Live
    settings: Settings = field(default_factory=Settings)
    expected: Mapping[str, int] = field(default_factory=dict)
    """Task → bytes that one of its processings is expected to write, of those of which anything is known."""
    place: str | None = None
    """Only what has its directory at this place, or none yet, is a candidate; None: all are."""
    for_people: bool = False
    """It is asked only in order to say why: then everything is read."""

    @property
    def serves_common(self) -> bool:
        """Are steps served that name no queue? Where they are not, none of those that want nothing is read."""
        return self.for_people or "" in self.capacity.queues


def room_for(project: Project, tx: Tx, place: str | None, capacity: Capacity) -> Room:
    """What the launcher of this place may use now, and what is running; None: a program elsewhere asks."""
    said, now = project.settings, settings.all_of(tx)
    memory = now.number("memory", capacity.memory)
    here = replace(
        capacity,
        cpus=now.number("cpus", capacity.cpus) or capacity.cpus,
        memory=None if memory is None else int(memory),
        limits=now.limits(dict(said.limits)),
        patience=said.patience * 1e6,
        workers=said.pool,
        now=project.now(),
        full=full(project.var, said),
    )
    room = Room(here, count_live(tx, place or ""), now, place=place)
    _limit_disk(project, tx, room)
    return room


def _limit_disk(project: Project, tx: Tx, room: Room) -> None:
    """Say what may be written, where there is a budget."""
    try:
        space = disk.space(project.var.root / "work")
    except OSError:  # it is away; nothing can start there, and what tries says so
        return
    budget = budget_of(project.settings, room.settings, space)
    if not limited(budget):
        return
    used = project.post.sweeper.used if project.post else store_disk.used
    found = standing(tx, space, budget, used)
    room.capacity.disk, room.capacity.disk_most, room.expected = found.room, found.most, found.expected


def capacity_of(row: Any) -> Capacity:
    """What the launcher of this row said of itself when it started."""
    return Capacity(
        row.cpus,
        memory=row.memory,
        labels=frozenset(json.loads(row.labels or "[]")),
        queues=frozenset(json.loads(row.queues or '[""]')),
    )


def count_live(tx: Tx, place: str) -> Live:
    """What is running, from rows: processors and memory at this place, everything else wherever it runs."""
    taken = steps.live(tx, place)
    live = Live(taken.cpus, taken.attempts, taken.odd, processings.running_by_task(tx), taken.memory)
    live.calls, live.call_cpus = taken.calls, taken.call_cpus
    for pid, text in processings.taking(tx):
        live.take(wants.read_opening(text).uses, pid)
    if live.taken:  # by processings, from their first step to their last
        live.gathering = frozenset(pid for pid, _, _ in steps.waiting_for_children(tx))
    for pid, text in steps.taking(tx):
        live.take(wants.read(text).uses, pid)
    return live
