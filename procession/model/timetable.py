"""When a periodic task is due: nominal times, each at most once.

A timetable knows nominal times only; whether the run before lives is the business of `flow/intake.py`. Both kinds
answer the same questions: `due` says which nominal times are to be run now, `next_after` when to ask again, `begins`
what to remember for a task that is new. After downtime there is one run, for the newest nominal time that was missed,
and it is marked late; `Cron` can also be told to run all of them, or none.

A clock that was set back must not silence a task (G26): a last time from which more than one period is still to come is
not believed. Whoever emits an event takes the nominal time as its key, so that a time that comes twice runs once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from procession.errors import Invalid
from procession.model import cron

LATE_AFTER = timedelta(seconds=60)
"""A run that starts later than this after its nominal time is marked late (or half a period, if that is shorter)."""

CATCH_UP = ("one", "all", "skip")
"""What a `Cron` does about nominal times that were missed for longer than the grace of `LATE_AFTER`."""

CATCH_UP_MOST = 100
"""So many missed nominal times are run at most; the newest."""

_SPANS = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 32 * 24, 367 * 24, 9 * 366 * 24, 51 * 366 * 24))
"""How far to look back for missed times, from near to far, so that years of minutes are never counted."""
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One nominal time that is due."""

    nominal_at: datetime
    late: bool


class Timetable(Protocol):
    """What `flow/intake.py` asks of every kind. `last` is the last nominal time that was run, `ended` when it ended."""

    def begins(self, now: datetime) -> datetime | None:
        """What to remember as the last nominal time of a task that is new; None: its first time is at once."""

    def due(self, last: datetime | None, now: datetime, ended: datetime | None = None) -> list[Occurrence]:
        """The nominal times to run now, oldest first; whoever runs one remembers it as `last`."""

    def next_after(self, last: datetime | None, now: datetime, ended: datetime | None = None) -> datetime | None:
        """When `due` will next have an answer (in the past, if it has one); None: not as things stand."""


@dataclass(frozen=True, slots=True)
class Every:
    """``every = "10 min"``: the first time at once, then one period after the other."""

    period: timedelta
    from_end: bool = False
    """The period is counted from the end of the run before, not from its nominal start."""

    def begins(self, now: datetime) -> datetime | None:
        return None

    def due(self, last: datetime | None, now: datetime, ended: datetime | None = None) -> list[Occurrence]:
        """The newest nominal time at or before `now` that has not been yet, if there is one.

        Counted from the end, nothing is due as long as `ended` is None: the last run lives. If that run cannot be
        found any more, give its nominal time as its end.
        """
        count_from = ended if self.from_end and last is not None else last
        if last is None or (count_from is not None and count_from - now > self.period):
            return [Occurrence(now, late=False)]
        if count_from is None or (missed := (now - count_from) // self.period) < 1:
            return []
        first = count_from + self.period
        if self.from_end:
            return [Occurrence(first, late=now - first > LATE_AFTER)]
        late = missed > 1 and now - first > min(LATE_AFTER, self.period / 2)
        return [Occurrence(count_from + missed * self.period, late)]

    def next_after(self, last: datetime | None, now: datetime, ended: datetime | None = None) -> datetime | None:
        count_from = ended if self.from_end and last is not None else last
        if last is None or (count_from is not None and count_from - now > self.period):
            return now
        return None if count_from is None else count_from + self.period


@dataclass(frozen=True, slots=True)
class Cron:
    """``cron = "0 6 * * *"`` in a time zone; `model/cron.py` says which moments these are."""

    expression: str
    timezone: str = "UTC"
    catch_up: str = "one"

    def check(self) -> Cron:
        """Return this timetable if it can be kept; Invalid says what is wrong and what to do."""
        cron.check(self.expression)
        cron.zone(self.timezone)
        if self.catch_up not in CATCH_UP:
            raise Invalid(f"catch_up = {self.catch_up[:40]!r} is not known; it is one of {', '.join(CATCH_UP)}")
        return self

    def begins(self, now: datetime) -> datetime | None:
        """Nothing before a task was known is ever caught up; so too where its timetable is changed."""
        return now

    def due(self, last: datetime | None, now: datetime, ended: datetime | None = None) -> list[Occurrence]:
        """The nominal times after `last` up to `now` that `catch_up` lets through.

        ``one`` is the newest, late if the first that was missed is; ``all`` is at most `CATCH_UP_MOST`, each late for
        itself; ``skip`` is what is not late. Nothing without a `last`: see `begins`.
        """
        if last is None:
            return []
        set_back = self._set_back(last, now)
        if last > now and not set_back and self.catch_up != "skip":
            return []  # by less than a period: the next time is the one that was run already
        after = now - _SPANS[-1] if last > now else last
        if self.catch_up == "skip":
            after = max(after, now - LATE_AFTER - _MICROSECOND)
        most = CATCH_UP_MOST if self.catch_up == "all" and not set_back else 1
        times = self._newest(after, now, most)
        if not times:
            return []
        missed = times[0] if set_back or most > 1 else self._first(after) or times[0]
        return [Occurrence(at, late=now - (at if most > 1 else missed) > LATE_AFTER) for at in times]

    def next_after(self, last: datetime | None, now: datetime, ended: datetime | None = None) -> datetime | None:
        if self.due(last, now):
            return now
        return self._first(now if last is None or self._set_back(last, now) else max(last, now))

    def _set_back(self, last: datetime, now: datetime) -> bool:
        """Was the clock set back by more than a period? Then a time comes before the one that was the last."""
        return last > now and (self._first(now) or last) < last

    def _moments(self, after: datetime) -> Iterator[datetime]:
        return cron.moments(self.expression, cron.zone(self.timezone), after)

    def _first(self, after: datetime) -> datetime | None:
        return next(self._moments(after), None)

    def _newest(self, after: datetime, now: datetime, most: int) -> list[datetime]:
        """The newest nominal times later than `after` up to `now`, oldest first, at most so many."""
        times: list[datetime] = []
        for span in _SPANS:
            start = max(after, now - span)
            times = []
            for at in self._moments(start):
                if at > now:
                    break
                times.append(at)
            if len(times) >= most or start == after:
                break
        return times[-most:]
