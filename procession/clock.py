"""The only place that reads the time.

Moments are aware datetimes in UTC everywhere in Procession; in the database they are integer microseconds since 1970
(`micros`, `moment`), outside they are ISO 8601. Tests move `Clock` by hand; everything else gets the system's one.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import overload

from procession.errors import Invalid

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock:
    """The system's clock. A test passes its own subclass to stand still or to jump."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never jump, for measuring spans within one process."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait; for the few spans in which nothing shall wake."""
        time.sleep(seconds)


class FixedClock(Clock):
    """A clock that moves only when told; for tests and for questions such as "when is it due next?"."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - _EPOCH).total_seconds()

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move by so many seconds; a negative number jumps back."""
        self.at += timedelta(seconds=seconds)


def micros(at: datetime) -> int:
    """A moment as integer microseconds since 1970, exactly."""
    return (at - _EPOCH) // _MICROSECOND


@overload
def moment(value: int) -> datetime: ...


@overload
def moment(value: None) -> None: ...


def moment(value: int | None) -> datetime | None:
    """The moment of so many microseconds since 1970; None stays None."""
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def read_moment(text: str) -> datetime:
    """The moment that somebody wrote in ISO 8601; without a zone it is UTC. Invalid if it is none, or out of reach."""
    try:
        at = datetime.fromisoformat(text.strip().replace("z", "Z"))
        at = (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"{text[:40]!r} is not a moment; write e.g. 2026-03-01T12:00:00Z") from None
    if not 1970 <= at.year < 2200:
        raise Invalid(f"{text[:40]!r} is not between 1970 and 2200; correct the year")
    return at


def iso(at: datetime | None) -> str | None:
    """A moment as people and programs outside see it: ISO 8601 in UTC with ``Z``; None stays None."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_at(value: int | None) -> str | None:
    """A moment of so many microseconds since 1970 as people and programs outside see it; None stays None."""
    return None if value is None else iso(moment(value))
