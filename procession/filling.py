"""Filling: how fast a disk becomes full, from what was free every hour.

*In:* what the file system says now, and the lines that were written before. *Out:* seconds until only the floor is
free; None where nobody can say: too little is known, or it does not become less. *Always:* a line an hour and 30 days
of them, written by the sweeper of the launcher of this place; a line that cannot be read is left out.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from procession.disk import Space

HOUR = 3_600_000_000
"""Microseconds."""
KEPT = 30 * 24 * HOUR
LOOKED_AT = 24 * HOUR
"""Today's rate is that of the last day."""
LEAST = 3 * HOUR
"""Less than that is no rate."""
FARTHEST = 366 * 86_400.0
"""Seconds: beyond that nothing is said."""


class Sample(NamedTuple):
    """The disk at a moment."""

    at: int
    """Microseconds UTC."""
    free: int
    total: int


def samples(path: Path) -> list[Sample]:
    """What was written, oldest first; nothing where there is no file."""
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(ValueError, TypeError):
            found.append(Sample(*map(int, line.split())))
    return sorted(found)


def note(path: Path, now: int, space: Space) -> None:
    """Write what is free, if the last line is an hour old, or later than now because the clock was put back."""
    before = samples(path)
    if before and 0 <= now - before[-1].at < HOUR:
        return
    kept = [each for each in before if now - KEPT <= each.at < now]
    passing = path.with_name(f".{path.name}.{os.getpid()}")
    lines = (f"{each.at} {each.free} {each.total}\n" for each in (*kept, Sample(now, space.free, space.total)))
    passing.write_text("".join(lines), "ascii")
    passing.replace(path)


def until_full(known: Sequence[Sample], now: int, space: Space, floor: int) -> float | None:
    """Seconds until only `floor` bytes are free, at the rate of the last day; None where nobody can say."""
    day = [each for each in known if now - LOOKED_AT <= each.at < now]
    grown = max((at for at, each in enumerate(day, 1) if each.total != space.total), default=0)
    day = [*day[grown:], Sample(now, space.free, space.total)]  # a disk that was enlarged begins anew
    if now - day[0].at < LEAST:
        return None
    hours = [(each.at - now) / HOUR for each in day]
    middle, free = sum(hours) / len(day), sum(each.free for each in day) / len(day)
    spread = sum((hour - middle) ** 2 for hour in hours)
    rate = sum((hour - middle) * (each.free - free) for hour, each in zip(hours, day, strict=True)) / spread
    if rate >= 0:
        return None
    seconds = max(0, space.free - floor) / -rate * 3600
    return seconds if seconds <= FARTHEST else None
