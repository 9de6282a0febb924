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
from procession.model.capacity import QUEUE, Capacity, Kept, Live
from procession.model.locks import Pending, Standing, waited_for
from procession.model.setting import MAINTENANCE, Settings
from procession.model.sharing import Accounts
from procession.project import Project
from procession.store import claiming, families, loads, locks, of_tasks, settings
from procession.store import disk as store_disk
from procession.store.database import Tx


@dataclass(slots=True)
class Room:
    """All that decides who may start."""

    capacity: Capacity
    live: Live
    settings: Settings = field(default_factory=Settings)
    expected: Mapping[str, int] = field(default_factory=dict)
    """Task → bytes that one of its processings is expected to write, of those of which anything is known."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Queue → its share of the starts; 1 for those that are not named."""
    accounts: Accounts = field(default_factory=dict)
    """What each queue was given (`model/sharing.py`)."""
    place: str | None = None
    """Only what has its directory at this place, or none yet, is a candidate; None: all are."""
    drained: bool = False
    """A person lets this launcher start nothing."""
    for_people: bool = False
    """It is asked only in order to say why: then everything is read."""

    @property
    def serves_common(self) -> bool:
        """Are steps served that name no queue? Where they are not, none of those that want nothing is read."""
        pause = self.settings.pause_of_queue("")
        stopped = pause is not None and pause.mode != "drain"
        return self.for_people or ("" in self.capacity.queues and not stopped)

    @property
    def open_queues(self) -> frozenset[str]:
        """Queues that are served here, of which steps of what has begun may start."""
        pauses = {queue: self.settings.pause_of_queue(queue) for queue in self.capacity.queues}
        return frozenset(queue for queue, pause in pauses.items() if pause is None or pause.mode == "drain")

    @property
    def begins_common(self) -> bool:
        """May processings begin with such steps?"""
        return self.for_people or (self.serves_common and self.settings.pause_of_queue("") is None)


def room_for(
    project: Project, tx: Tx, place: str | None, capacity: Capacity, name: str = "", host: str = ""
) -> Room:  # fmt: skip
    """What the launcher of this place, name and host may use now, and what is running; without a place a program
    elsewhere asks."""
    said, now = project.settings, settings.all_of(tx)
    own = now.of_launcher(name)
    memory = now.number("memory", capacity.memory)
    here = replace(
        capacity,
        cpus=own.get("cpus") or now.number("cpus", capacity.cpus) or capacity.cpus,
        queues=_queues(own, capacity),
        memory=None if memory is None else int(memory),
        gpus=int(now.number("gpus", capacity.gpus) or 0),
        limits=now.limits(dict(said.limits)),
        patience=said.patience * 1e6,
        workers=int(own.get("workers", said.pool)),
        now=project.now(),
        full=full(project.var, said),
    )
    limits = {QUEUE + queue: float(n) for queue, n in queues_at_once(project, now).items() if n}
    here.limits = {**here.limits, **limits}
    room = Room(here, count_live(tx, place or "", here.now), now, place=place, drained=own.get("mode") == "drain")
    room.weights = {queue: plan.weight for queue, plan in said.plans_of_queues}
    if here.gpus:
        room.live.devices = loads.devices(tx, host)
        room.live.gpus = len(room.live.devices)
    if room.live.waits:
        _keep_for_waiters(tx, room)
    _limit_disk(project, tx, room)
    return room


def _queues(own: Mapping[str, Any], capacity: Capacity) -> frozenset[str]:
    """The queues that a launcher serves: as it said at its start, as was set since, or in maintenance."""
    if own.get("mode") == MAINTENANCE:
        return frozenset({MAINTENANCE})
    return frozenset(own["queues"]) if "queues" in own else capacity.queues


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
    found = standing(tx, space, budget, room.place or project.var.place_id(), used)
    room.capacity.disk, room.capacity.disk_most, room.expected = found.room, found.most, found.expected


def queues_at_once(project: Project, now: Settings) -> dict[str, int]:
    """How many steps of each queue may run; 0: as many as there is room for."""
    said = {name: plan.at_once for name, plan in project.settings.plans_of_queues}
    return {name: now.queue_at_once(name, n) for name, n in {**dict.fromkeys(now.queues, 0), **said}.items()}


def capacity_of(row: Any) -> Capacity:
    """What the launcher of this row said of itself when it started."""
    return Capacity(
        row.cpus,
        memory=row.memory,
        gpus=row.gpus,
        labels=frozenset(json.loads(row.labels or "[]")),
        queues=frozenset(json.loads(row.queues or '[""]')),
    )


def count_live(tx: Tx, place: str, now: int) -> Live:
    """What is running, from rows, and who waits for locks: processors and memory at this place, everything else
    wherever it runs."""
    taken = loads.live(tx, place)
    live = Live(taken.cpus, taken.attempts, taken.odd, of_tasks.running_by_task(tx), taken.memory)
    live.calls, live.call_cpus = taken.calls, taken.call_cpus
    holds, live.waits = locks.all_of(tx, now)
    if holds:
        standing = Standing()
        standing.hold(holds)
        for name, shares in standing.shares.items():
            for pid, share in shares.items():
                live.lock(name, pid, share)
    for pid, text in loads.of_processings(tx):
        live.take(wants.read_opening(text).uses, pid)
    if live.taken:  # by processings, from their first step to their last
        live.gathering = frozenset(pid for pid, _, _ in families.waiting_for_children(tx))
    for pid, ordinal, text in loads.of_steps(tx):
        wanted = wants.read(text)
        live.take(wanted.uses, pid, ordinal)
        if wanted.queue:
            live.take(((QUEUE + wanted.queue, 1.0),), pid)
    return live


def standing_of(tx: Tx, limits: Mapping[str, float], now: int) -> Standing:
    """Who has what of all names, and who waits for what."""
    holds, waits = locks.all_of(tx, now)
    standing = Standing(limits, waits=waits)
    standing.hold(holds)
    for pid, text in loads.of_processings(tx):
        standing.use(wants.read_opening(text).uses, pid)
    for pid, ordinal, text in loads.of_steps(tx):
        standing.use(wants.read(text).uses, pid, ordinal)
    standing.pending = [Pending(pid, ordinal, wants.read(text).uses) for pid, ordinal, text in claiming.wanting(tx)]
    if gathering := {pid: (pid, ordinal) for pid, ordinal, _ in families.waiting_for_children(tx)}:
        asking = {*(each.processing_id for each in waits), *(each.processing_id for each in standing.pending)}
        origins = families.origins(tx, asking)
        standing.parents = {pid: gathering[origin] for pid, origin in origins.items() if origin in gathering}
    return standing


def _keep_for_waiters(tx: Tx, room: Room) -> None:
    """What somebody waits for who wants to lock it is kept from all that could start later, but for those that this
    one waits for."""
    live, capacity = room.live, room.capacity
    standing = standing_of(tx, capacity.limits, capacity.now)
    edges = standing.edges()
    for wait in live.waits:
        before = waited_for(wait, edges)
        if before & live.gathering:
            continue  # their children may need what would be kept
        live.passing |= before
        for name in wait.names:
            if (more := standing.more(name, wait.owner)) > 0:
                first = live.kept.get(name) or Kept(wait.processing_id, 0.0, wait.since)
                live.kept[name] = replace(first, amount=first.amount + more)
