"""Lines of a log: any of them, by their numbers, without reading what stands before.

*In:* an open log, its index, the number of the first line. *Out:* lines, each with the byte behind it. *Always:* of a
line that is too long the middle is left out, and said; what was cut out of a log is said where it was; of a piece no
more than a few MiB are in memory, however many of its lines are long.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from procession.supervise import logs
from procession.units import size
from procession.web.logs.index import Index

LONGEST = 1 << 20
"""Bytes of a line that are shown,"""
SHORT = 4 << 10
"""and of each further one as soon as all together have `BUDGET`."""
BUDGET = 4 << 20


class Line(NamedTuple):
    """One line."""

    number: int
    start: int
    """Its first byte,"""
    end: int
    """and the one behind it."""
    text: str
    whole: bool
    """It has its end of line."""


class _Text:
    """A line that comes piece by piece: its beginning and its end are kept."""

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0
        self.length = 0

    def add(self, data: bytes) -> None:
        self.length += len(data)
        room = self._half - len(self._head)
        self._head += data[:room] if room > 0 else b""
        rest = data[max(0, room) :]
        if rest:
            self._tail += rest
            if (over := len(self._tail) - self._half) > 0:
                self._left_out += over
                del self._tail[:over]

    def text(self) -> str:
        told = f" … {size(self._left_out)} left out … ".encode() if self._left_out else b""
        return (bytes(self._head) + told + bytes(self._tail)).decode("utf-8", "replace").removesuffix("\r")


def read(descriptor: int, log: Path, index: Index, first: int, count: int) -> Iterator[Line]:
    """These lines, as many as there are."""
    if first > index.lines:
        return
    start = position = index.start_of(descriptor, first)
    budget = BUDGET
    text, number = _Text(LONGEST), first
    for piece in logs.pieces(descriptor, log, position, index.size):
        if piece.gone:
            text.add(f" … {size(piece.gone)} were not kept … ".encode())
        parts = piece.data.split(b"\n")
        for part in parts[:-1]:
            text.add(part)
            position += len(part) + 1
            yield Line(number, start, position, text.text(), True)
            budget -= text.length
            text, number, start = _Text(LONGEST if budget > 0 else SHORT), number + 1, position
            if number >= first + count:
                return
        text.add(parts[-1])
        position = piece.end
    if position > start:
        yield Line(number, start, position, text.text(), False)


class Times:
    """When lines were printed, by the marks beside the log."""

    def __init__(self, log: Path, ended: float | None) -> None:
        self._marks = logs.marks(log)
        self._ended = ended

    def at(self, end: int) -> int | None:
        """Milliseconds (UTC) at which the bytes before this one were there for certain; None: nobody knows yet."""
        place = bisect_right(self._marks, end - 1, key=lambda mark: mark[0])
        if place < len(self._marks):
            return self._marks[place][1] // 1000
        return None if self._ended is None else round(self._ended * 1000)
