"""A file with the number of the last run: which runs have come since, and of which of them the data are there.

*In:* a `Reading` (where the number stands, where the data of a run will be), the last number that is known and those
that are still waited for, looks at moments of a clock that does not jump. *Out:* a `Count`. *Always:* nothing is opened
but the file with the number, and of that the first bytes; a run is complete only if two looks, `quiet` seconds apart,
saw its file the same; a number that cannot be right is a line of text, and nothing is forgotten for it.
"""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

MOST = 4096
"""Bytes of the file that are read."""
DIGITS = 15
"""A number with more is no number of a run."""
NUMBER = r"(?<![A-Za-z0-9._-])([0-9]+)(?![A-Za-z0-9._-])"
"""The first whole number that stands alone."""
_PLACE = re.compile(r"\{([A-Za-z_]\w*)(?::0([1-9][0-9]?)d)?\}")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a counter file is, and where the data of its runs will be."""

    file: str
    pattern: str = ""
    """Regular expression whose first group is the number; empty: the first number that stands alone."""
    expect: str = ""
    """Where the data of a run will be: ``{run}`` or ``{run:08d}`` is its number; empty: nothing is waited for."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Other names in `expect`."""
    quiet: float = 5.0
    """Seconds for which the data must not have changed."""
    gap: int = 10_000
    """So many runs at most are taken at a time, and waited for."""

    def path(self, run: int) -> str | None:
        """Where the data of this run will be; None: nobody says."""
        if not self.expect:
            return None

        def value(found: re.Match[str]) -> str:
            if found[1] != "run":
                return self.values[found[1]]
            return f"{run:0{int(found[2] or 1)}d}"

        return _PLACE.sub(value, self.expect)


def names_in(expect: str) -> Iterator[tuple[str, bool]]:
    """The names in a template of a path, and whether each has a width; ValueError where a brace is anything else."""
    if "{" in _PLACE.sub("", expect) or "}" in _PLACE.sub("", expect):
        raise ValueError("a brace in it is no {name} and no {run:08d}")
    for found in _PLACE.finditer(expect):
        yield found[1], found[2] is not None


@dataclass(slots=True)
class Count:
    """What one look saw."""

    number: int | None = None
    """What the file says; None: nothing that could be used."""
    complete: list[int] = field(default_factory=list)
    """Runs whose data are there and do not change any more; growing numbers."""
    problem: str | None = None


def read_number(reading: Reading) -> int:
    """The number that the file has; ValueError says what is wrong with it. OSError where it cannot be read."""
    descriptor = os.open(reading.file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{reading.file} is no file")
        text = file.read(MOST).decode("utf-8", "replace")
    found = re.search(reading.pattern or NUMBER, text)
    digits = found[1] if found and found.re.groups else found[0] if found else ""
    digits = (digits or "").strip()
    if not re.fullmatch(rf"[0-9]{{1,{DIGITS}}}", digits):
        said = " ".join(text.split())[:60]
        raise ValueError(f"{reading.file} has no number of a run: {said!r}" if said else f"{reading.file} is empty")
    return int(digits)


class Counter:
    """One counter file, looked at. Not for two threads at once."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.last: int | None = None
        """The last number that is known; None: none yet."""
        self.pending: Sequence[int] = ()
        """Runs up to it that are waited for."""
        self._seen: dict[int, tuple[tuple[int, int, int], float]] = {}
        """Run → what its file looked like, and the look that first saw it so."""

    def look(self, now: float) -> Count:
        """Look; `now` is the moment by a clock that does not jump, in seconds. Blocks on the file system."""
        count = Count()
        try:
            count.number = read_number(self.reading)
        except (OSError, ValueError) as error:
            count.problem = str(error)
        wanted = list(self.pending)
        if count.number is not None and self.last is not None:
            wanted += range(self.last + 1, min(count.number, self.last + self.reading.gap) + 1)
        for run in wanted:
            if self._complete(run, now):
                count.complete.append(run)
        asked = set(wanted)
        self._seen = {run: seen for run, seen in self._seen.items() if run in asked}
        return count

    def _complete(self, run: int, now: float) -> bool:
        path = self.reading.path(run)
        if path is None:
            return True
        try:
            seen = os.stat(path)
        except OSError:
            self._seen.pop(run, None)
            return False
        stamp = (seen.st_ino, seen.st_size, seen.st_mtime_ns)
        before, since = self._seen.get(run, (None, now))
        if before != stamp:
            self._seen[run] = (stamp, since := now)
        return stat.S_ISREG(seen.st_mode) and seen.st_size > 0 and now - since >= self.reading.quiet


class Glances:
    """Looks at one counter, each in a thread of its own, one at a time. One thread uses it."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.since: float | None = None
        """Since when it is being looked at; None if it is not."""
        self._seen: list[Count] = []

    def begin(self, last: int | None, pending: Sequence[int], now: float, poke: Callable[[], object]) -> None:
        """Look, with what is known; `poke` is called when it has ended, in any thread."""
        self.counter.last, self.counter.pending, self.since = last, pending, now
        threading.Thread(target=self._look, args=(now, poke), daemon=True, name="counter").start()

    def take(self) -> Count | None:
        """What was seen since; then it may be looked at again."""
        if not self._seen:
            return None
        self.since = None
        return self._seen.pop()

    def _look(self, now: float, poke: Callable[[], object]) -> None:
        try:
            count = self.counter.look(now)
        except Exception as error:  # whatever a file system answers, the next look begins anew
            count = Count(problem=f"{self.counter.reading.file} cannot be looked at ({type(error).__name__}: {error})")
        self._seen.append(count)
        poke()
