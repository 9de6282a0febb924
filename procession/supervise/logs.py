"""Reading logs: piece by piece, over what was cut out of them, and when something was printed.

In: an open log and its path. Out: pieces: bytes as the script wrote them, or how many of them are gone.
Always: offsets are those of the bytes that the script wrote; NULs that nobody wrote are never shown as its output,
whether ``log.cut`` tells of them (also in a copy without holes) or the file itself has a hole; a hole of any size is
passed in one step. Scripts may write beside their log: what is not as a shim writes it counts as not there.
"""

from __future__ import annotations

import json
import os
import stat
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from procession.supervise.log import CUT, TIMES

CHUNK = 1 << 16
"""Bytes of the largest piece."""
_LARGEST_TIMES = 8 << 20
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Piece(NamedTuple):
    """Bytes of a log, or a gap in it."""

    data: bytes
    """What the script wrote; empty: a gap."""
    gone: int
    """How many bytes are missing here."""
    end: int
    """The offset behind it."""


def pieces(descriptor: int, log: Path | str, position: int, end: int | None = None) -> Iterator[Piece]:
    """The log from this offset on to this one, or to where it ends now."""
    while end is None or position < end:
        piece = _piece(descriptor, log, position, CHUNK if end is None else min(CHUNK, end - position))
        if piece is None:
            return
        yield piece
        position = piece.end


def _piece(descriptor: int, log: Path | str, position: int, most: int) -> Piece | None:
    data = os.pread(descriptor, most, position)
    if not data:
        return None
    if 0 not in data:
        return Piece(data, 0, position + len(data))
    start, end = _gap(descriptor, log, position)  # asked after reading: what was cut meanwhile is known by now
    if start >= position + len(data):
        return Piece(data, 0, position + len(data))
    if start > position:
        return Piece(data[: start - position], 0, start)
    return Piece(b"", end - position, end)


def _gap(descriptor: int, log: Path | str, position: int) -> tuple[int, int]:
    """Where the next gap from here on begins and ends; the end of the file, twice, if there is none."""
    size = os.fstat(descriptor).st_size
    try:
        start = os.lseek(descriptor, position, os.SEEK_HOLE)
    except OSError:  # no holes here, or cut off meanwhile
        start = size
    try:
        end = os.lseek(descriptor, start, os.SEEK_DATA) if start < size else size
    except OSError:  # a hole up to the end
        end = size
    cut = cut_of(log)
    if cut and position < cut[1] <= size and cut[0] <= start:
        return max(cut[0], position), max(cut[1], end if start <= cut[1] else 0)
    return start, end


def cut_of(log: Path | str) -> tuple[int, int] | None:
    """From which offset to which bytes of this log were cut out; None: none were."""
    try:
        fields = json.loads(_content(f"{os.path.dirname(log)}/{CUT}", 4096))
        start, end = fields["from"], fields["to"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return (start, end) if type(start) is type(end) is int and 0 <= start < end else None


def printed_at(log: Path | str, offset: int) -> int | None:
    """When the byte at this offset was there for certain (microseconds UTC); it was printed at most one mark before.

    None: after the last mark, that is in the last second of the script, or it ran for less than one.
    """
    known = marks(log)
    place = bisect_right(known, offset, key=lambda mark: mark[0])
    return known[place][1] if place < len(known) else None


def marks(log: Path | str) -> list[tuple[int, int]]:
    """How large the log was, and when (microseconds UTC), about once a second; none where nothing was noted."""
    try:
        lines = _content(f"{os.path.dirname(log)}/{TIMES}", _LARGEST_TIMES).split(b"\n")[:-1]
        found = [(int(size), int(at)) for at, size in (line.split() for line in lines)]
    except (OSError, ValueError):
        return []
    shrunk = [number for number in range(1, len(found)) if found[number][0] < found[number - 1][0]]
    return found[shrunk[-1] if shrunk else 0 :]  # a script that truncated its log began anew


def _content(path: str, most: int) -> bytes:
    descriptor = os.open(path, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is not a regular file")
        return os.read(descriptor, most)
    finally:
        os.close(descriptor)
