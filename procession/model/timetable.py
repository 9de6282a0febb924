"""When a periodic task is due: nominal times, counted from start to start.

A timetable knows nominal times only; whether the run before has ended is the business of `flow/intake.py`. After
downtime there is one run, for the newest nominal time that was missed, and it is marked late.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LATE_AFTER = timedelta(seconds=60)
"""A run that starts later than this after its nominal time is marked late (or half a period, if that is shorter)."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One nominal time that is due."""

    nominal_at: datetime
    late: bool


@dataclass(frozen=True, slots=True)
class Every:
    """``every = "10 min"``: the first time at once, then one period after the other."""

    period: timedelta

    def due(self, last: datetime | None, now: datetime) -> Occurrence | None:
        """The newest nominal time at or before `now` that has not been yet; None if there is none.

        A clock that was set back must not silence a task: a last time more than one period ahead is not believed.
        """
        if last is None or last - now > self.period:
            return Occurrence(now, late=False)
        missed = (now - last) // self.period
        if missed < 1:
            return None
        nominal = last + missed * self.period
        return Occurrence(nominal, late=missed > 1 and now - (last + self.period) > min(LATE_AFTER, self.period / 2))

    def next_after(self, last: datetime | None, now: datetime) -> datetime:
        """When `due` will next have an answer."""
        if last is None or last - now > self.period:
            return now
        return last + self.period
