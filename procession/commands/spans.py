"""Spans: how long the steps of a task took, when, and since when one takes longer.

In: a task and a number of days. Out: for each step points of time and duration, the median and ninetieth percentile of
those that succeeded, failures, and a change of level if there is one. Always: of all that ended where they are few,
else of a sample that is spread over the days, so it costs the same however many there were.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from procession.commands.events import unknown_task
from procession.errors import NotFound
from procession.model import drift
from procession.model.drift import Shift
from procession.project import Project
from procession.store import of_tasks, pages, tasks
from procession.store.pages import Point

DAY = 86_400_000_000
PARTS = 50
"""The days are divided into so many."""
MOST_POINTS = 2000
FEWEST = 2
"""Processings of each part, at least."""
NO_FAILURES = frozenset({"succeeded", "skipped", "void", "cancelled"})
"""Outcomes of attempts that are no failures."""


@dataclass(frozen=True, slots=True)
class OfStep:
    """One step."""

    name: str
    points: tuple[Point, ...]
    """Of the sample, by their ends."""
    median: float | None
    """Seconds, of those that succeeded."""
    p90: float | None
    failures: int
    shift: Shift | None


@dataclass(frozen=True, slots=True)
class Spans:
    """A task."""

    task: str
    since: int
    looked_at: int
    """Processings."""
    complete: bool
    """Did no other processing of it end in these days?"""
    steps: tuple[OfStep, ...]
    hosts: dict[int, str]


def spans(project: Project, task: str, days: int = 7) -> Spans:
    """How long the steps of a task took in these days."""
    now = project.now()
    since, width = now - days * DAY, days * DAY // PARTS
    parts = [(since + n * width, since + (n + 1) * width) for n in range(PARTS)]
    with project.store.read() as tx:
        names = tasks.names(tx)
        if task not in names and not of_tasks.known(tx, task):
            raise NotFound(unknown_task(task, names))
        chain = next((len(each.steps) for each in tasks.current(tx).values() if each.name == task), 1)
        most = MOST_POINTS // chain
        ids = pages.sampled(tx, task, [(since, now + 1)], most + 1)
        points = pages.points(tx, ids)
        if not (complete := len(ids) <= most and len(points) <= MOST_POINTS):  # of an older, longer chain are more
            ids = pages.sampled(tx, task, parts, max(FEWEST, most // PARTS))
            points = pages.points(tx, ids)[-MOST_POINTS:]
        hosts = pages.hosts(tx)
    by_step: dict[tuple[int, str], list[Point]] = defaultdict(list)
    for point in points:
        by_step[point.ordinal, point.name].append(point)
    found = tuple(_of_step(name, some) for (_, name), some in sorted(by_step.items()))
    return Spans(task, since, len(ids), complete, found, hosts)


def within(share: float, values: Sequence[float]) -> float:
    """The smallest of these values that is no less than such a share of them."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def _of_step(name: str, points: list[Point]) -> OfStep:
    good = [(p.finished_at, (p.finished_at - p.started_at) / 1e6) for p in points if p.outcome == "succeeded"]
    spans = [seconds for _, seconds in good]
    middle, high = (median(spans), within(0.9, spans)) if spans else (None, None)
    failures = sum(point.outcome not in NO_FAILURES for point in points)
    return OfStep(name, tuple(points), middle, high, failures, drift.shift(good))
