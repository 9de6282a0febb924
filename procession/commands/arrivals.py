"""Arrivals: when events came and from where; and of each what every task made of it.

In: a number of hours, or events. Out: counts by ten minutes, sources with what came last; decisions. Always: of so many
of the newest events at most, and it is said since when they were counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from procession.model.event import Event
from procession.model.task import CALL, Task
from procession.project import Project
from procession.store import events, pages, processings, search, tasks
from procession.store.database import Tx

WIDTH = 600_000_000
"""Microseconds: ten minutes."""
MOST = 20_000
OF_SOURCES = 5_000
LOOKED = 10_000
"""Events that one page looks at, at most."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where events come from: ``watch:NAME``, ``http:NAME`` …, all attempts together."""

    name: str
    n: int
    last_at: int


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What came."""

    since: int
    spans: tuple[tuple[int, int], ...]
    """Beginning of ten minutes, and how many came; where none came there is none."""
    sources: tuple[Source, ...]
    """Of the newest events, those first of which one came last."""


def arrivals(project: Project, hours: int = 24) -> Arrivals:
    """What came in these hours."""
    since = (project.now() - hours * 3_600_000_000) // WIDTH * WIDTH
    with project.store.read() as tx:
        spans = pages.arrivals(tx, search.id_at(tx, "event", since), MOST, WIDTH)
        sources = pages.sources(tx, OF_SOURCES)
    counted = [(at, n) for at, n in spans if at >= since]
    if sum(n for _, n in spans) >= MOST:  # the first of them may be cut
        counted = counted[1:]
        since = counted[0][0] if counted else since
    found: dict[str, Source] = {}
    for name, n, at in sources:
        kind = "attempt" if name.startswith("attempt:") else name
        known = found.get(kind, Source(kind, 0, 0))
        found[kind] = Source(kind, known.n + n, max(known.last_at, at))
    return Arrivals(since, tuple(counted), tuple(sorted(found.values(), key=lambda each: (-each.last_at, each.name))))


def newest(
    tx: Tx, *, name: str | None, untaken: bool, before: int | None, limit: int, untimed: bool
) -> tuple[list[Event], int | None]:  # fmt: skip
    """Events, newest first, and the id below which to go on. `untimed`: without those of timetables; of so many of the
    newest only, so that a page may be short though there is more."""
    since = events.floor(tx, before, LOOKED) if untimed else None
    found = events.newest(
        tx, name=name, untaken=untaken, before=before, limit=limit + 1, since=(since or 0) if untimed else None
    )
    return found[:limit], found[limit - 1].id if len(found) > limit else since


@dataclass(frozen=True, slots=True)
class Decision:
    """What a task made of an event."""

    task: str
    code: str
    """``took``; ``unmet``: its condition is not met; ``gone``: it takes such events, and there is no processing."""
    processings: tuple[int, ...]
    text: str


def decisions(tx: Tx, events: Sequence[Event], born: Mapping[int, Sequence[int]]) -> dict[int, list[Decision]]:
    """Event → what every task made of it; `born`: event → its processings."""
    named = processings.tasks_of(tx, [pid for ids in born.values() for pid in ids])
    current = list(tasks.current(tx).values())
    return {
        each.id: decide(current, each, {pid: named[pid] for pid in born.get(each.id, ()) if pid in named})
        for each in events
    }


def decide(current: Sequence[Task], event: Event, born: Mapping[int, str]) -> list[Decision]:
    """What every task made of this event; `born`: its processings, and the task of each."""
    found = []
    for name in sorted(set(born.values())):
        ids = tuple(pid for pid, task in born.items() if task == name)
        found.append(Decision(name, "took", ids, f"{name} took it: processing {', '.join(map(str, ids))}"))
    for task in current:
        if task.on != event.name or task.name in born.values():
            continue
        if task.accepts(event.name, event.params):
            why = "its processing was deleted, or the task is newer than the event"
            found.append(Decision(task.name, "gone", (), f"{task.name} takes such events; {why}"))
        else:
            found.append(Decision(task.name, "unmet", (), f"{task.name} did not take it: where {task.where}"))
    if not found and event.name.startswith(CALL):
        return [Decision(event.name.removeprefix(CALL), "gone", (), "its processing was deleted")]
    return found
