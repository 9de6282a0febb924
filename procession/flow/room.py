"""Room: all that the admission is asked with, made from the rows of one transaction.

What a host may use, what is running, what people have set over the files. The claim and ``why`` make it the same way,
so they cannot disagree.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from procession.model import wants
from procession.model.admission import Capacity, Live
from procession.model.setting import Settings
from procession.project import Project
from procession.store import processings, settings, steps
from procession.store.database import Tx


@dataclass(slots=True)
class Room:
    """All that decides who may start."""

    capacity: Capacity
    live: Live
    settings: Settings = field(default_factory=Settings)
    expected: Mapping[str, int] = field(default_factory=dict)
    """Task → bytes that one of its processings is expected to write."""


def room_for(project: Project, tx: Tx, host: str, capacity: Capacity) -> Room:
    """What this host may use now, and what is running."""
    said, now = project.settings, settings.all_of(tx)
    memory = now.number("memory", capacity.memory)
    here = replace(
        capacity,
        cpus=now.number("cpus", capacity.cpus) or capacity.cpus,
        memory=None if memory is None else int(memory),
        limits=now.limits(dict(said.limits)),
        patience=said.patience * 1e6,
        now=project.now(),
    )
    return Room(here, count_live(tx, host), now)


def capacity_of(row: Any) -> Capacity:
    """What the launcher of this row said of itself when it started."""
    return Capacity(
        row.cpus,
        memory=row.memory,
        labels=frozenset(json.loads(row.labels or "[]")),
        queues=frozenset(json.loads(row.queues or '[""]')),
    )


def count_live(tx: Tx, host: str) -> Live:
    """What is running, from rows."""
    cpus, count, odd, memory = steps.live(tx, host)
    live = Live(cpus, count, odd, processings.running_by_task(tx), memory)
    for pid, text in processings.taking(tx):
        live.take(wants.read_opening(text).uses, pid)
    if live.taken:  # by processings, from their first step to their last
        live.gathering = frozenset(pid for pid, _, _ in steps.waiting_for_children(tx))
    for pid, text in steps.taking(tx):
        live.take(wants.read(text).uses, pid)
    return live
