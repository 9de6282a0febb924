"""Statistics: how much of each task came and how it ended, when, and how long it took (M118).

In: a task or all, and a span of days. Out: counts by state, by day and by hour of the day from the tallies; durations
of processings and of each step from the rows of those that ended last. Always: times are UTC.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean, median

from procession.clock import micros, moment
from procession.commands.events import unknown_task
from procession.commands.spans import within
from procession.errors import NotFound
from procession.model.states import PROCESSING
from procession.project import Project
from procession.store import counting, of_tasks, tallies, tasks
from procession.store.database import Tx

MOST, MOST_OF_EACH = 20_000, 500
"""Durations are those of so many processings that ended last: of one task, of each of all."""

UNCOUNTED = ("cancelled", "skipped")
"""Neither well nor badly: a person stopped it, or there was nothing to do."""


@dataclass(frozen=True, slots=True)
class Durations:
    """Of how many, and seconds."""

    n: int
    mean: float
    median: float
    p95: float
    longest: float


@dataclass(frozen=True, slots=True)
class OfStep:
    """One step: how its attempts ended, and how long those took that succeeded."""

    name: str
    outcomes: dict[str, int]
    durations: Durations | None

    @property
    def success(self) -> float | None:
        """Share of the attempts that succeeded, as `share` counts."""
        return share(self.outcomes)


@dataclass(frozen=True, slots=True)
class OfTask:
    """One task."""

    name: str
    now: dict[str, int]
    """State → how many are in it now."""
    days: dict[str, dict[str, int]]
    """Date → what (``matched`` and the states in which they ended) → how many."""
    hours: dict[int, dict[str, int]]
    """Hour of the day → what → how many, all days together."""
    durations: Durations | None
    """From begin to end, of those that succeeded."""
    steps: tuple[OfStep, ...]

    @property
    def ended(self) -> dict[str, int]:
        """State → how many ended so in these days."""
        sums: Counter[str] = Counter()
        for counts in self.days.values():
            sums.update(counts)
        return {state: n for state, n in sums.items() if state in PROCESSING.terminal}

    @property
    def success(self) -> float | None:
        """Share of those that ended in these days and succeeded, as `share` counts."""
        return share(self.ended)


def stats(project: Project, task: str | None = None, days: int = 7) -> list[OfTask]:
    """Statistics of these days, today included."""
    today = project.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    since = micros(today - timedelta(days=days - 1))
    with project.store.read() as tx:
        names = tasks.names(tx)
        if task is not None and task not in names and not of_tasks.known(tx, task):
            raise NotFound(unknown_task(task, names))
        now, by_day, by_hour = of_tasks.counts(tx), _table(), _table()
        for each in tallies.since(tx, "task", since):
            at = moment(each.hour)
            by_day[each.name, f"{at:%Y-%m-%d}"][each.what] += each.n
            by_hour[each.name, at.hour][each.what] += each.n
        wanted, most = ([task], MOST) if task else (sorted({*names, *now}), MOST_OF_EACH)
        return [
            OfTask(
                name,
                now.get(name, {}),
                {str(day): dict(counts) for (of, day), counts in sorted(by_day.items(), key=str) if of == name},
                {int(hour): dict(n) for (of, hour), n in sorted(by_hour.items(), key=_hour) if of == name},
                durations([us / 1e6 for _, state, us in counting.spans(tx, name, since, most) if state == "succeeded"]),
                _steps(tx, name, since, most),
            )
            for name in wanted
        ]


def _table() -> defaultdict[tuple[str, str | int], Counter[str]]:
    return defaultdict(Counter)


def _hour(item: tuple[tuple[str, str | int], Counter[str]]) -> tuple[str, int]:
    return item[0][0], int(item[0][1])


def _steps(tx: Tx, task: str, since: int, most: int) -> tuple[OfStep, ...]:
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    took: dict[str, list[float]] = defaultdict(list)
    for name, outcome, started_at, finished_at in counting.attempts(tx, task, since, most):
        outcomes[name][outcome] += 1
        if outcome == "succeeded" and started_at is not None and finished_at is not None:
            took[name].append((finished_at - started_at) / 1e6)
    return tuple(OfStep(name, dict(counts), durations(took[name])) for name, counts in outcomes.items())


def durations(seconds: Sequence[float]) -> Durations | None:
    """Mean, median, 95th percentile (nearest rank) and the longest; None of nothing."""
    if not seconds:
        return None
    return Durations(len(seconds), fmean(seconds), median(seconds), within(0.95, seconds), max(seconds))


def share(counts: Mapping[str, int]) -> float | None:
    """Of what ended so, the share that succeeded; what a person cancelled and what was skipped does not count. None: of
    nothing."""
    total = sum(n for how, n in counts.items() if how not in UNCOUNTED)
    return counts.get("succeeded", 0) / total if total else None
