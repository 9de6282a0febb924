"""The board of a worker: a small file in memory, shared with its launcher, that says which call runs now.

In: before each call its number and key, written by the worker. Out: what runs, since when, and what has ever begun of
the last few thousand; and the launcher's words to the worker, which it looks at without waiting.
Always: a call is on the board before its first instruction, so what is not there has not begun, also when both
processes were killed; the file outlives them. Standard library only, Python 3.8 or newer.
"""

from __future__ import annotations

import mmap
import os
import struct
import time

RING = 4096
"""So many of the last calls are remembered; never so many are claimed and not settled at a time."""
# native: each word is then written at once, and never seen half
_NOW = struct.Struct("QQ")
"""At 0: the number of the call that runs (0: none), and its start (nanoseconds, monotonic)."""
_SKIP = struct.Struct("QQ")
"""At 16: the first and the last number that are not to begin."""
_WISH = struct.Struct("QQ")
"""At 32: the call that is held, and the one that is to end."""
_HEAD = 64
_KEY = struct.Struct("QII")
SIZE = _HEAD + RING * _KEY.size


class Board:
    """One worker's board; worker and launcher have it open, each writes its own words only."""

    def __init__(self, path: str, *, make: bool = False) -> None:
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | ((os.O_CREAT | os.O_EXCL) if make else 0)
        descriptor = os.open(path, flags, 0o600)
        try:
            if make:
                os.ftruncate(descriptor, SIZE)
            self._map = mmap.mmap(descriptor, SIZE)
        finally:
            os.close(descriptor)

    # ── the worker ──────────

    def begin(self, number: int, processing_id: int, ordinal: int, attempt: int) -> bool:
        """Write down that this call begins; False: it is not to begin any more."""
        place = _HEAD + number % RING * _KEY.size
        _KEY.pack_into(self._map, place, processing_id, ordinal, attempt)
        _NOW.pack_into(self._map, 0, number, time.monotonic_ns())
        first, last = _SKIP.unpack_from(self._map, 16)
        if first <= number <= last:
            _KEY.pack_into(self._map, place, 0, 0, 0)
            self.end()
            return False
        return True

    def end(self) -> None:
        """No call runs."""
        _NOW.pack_into(self._map, 0, 0, 0)

    def wanted(self, number: int) -> str:
        """``hold``, ``end`` or nothing: what the launcher wants of this call."""
        held, ending = _WISH.unpack_from(self._map, 32)
        return "end" if ending == number else "hold" if held == number else ""

    # ── the launcher ──────────

    def running(self) -> tuple[int, float]:
        """The number of the call that runs (0: none), and when it began (monotonic seconds)."""
        number, since = _NOW.unpack_from(self._map, 0)
        return number, since / 1e9

    def skip(self, first: int, last: int) -> None:
        """Let the worker begin none of these; certain for what it has not begun a moment later."""
        _SKIP.pack_into(self._map, 16, first, last)

    def wish(self, held: int, ending: int) -> None:
        """Say which call is held, and which is to end; 0: none."""
        _WISH.pack_into(self._map, 32, held, ending)

    def begun(self) -> set[tuple[int, int, int]]:
        """Every attempt that has begun: processing id, ordinal, number."""
        keys = _KEY.iter_unpack(self._map[_HEAD:])
        return {key for key in keys if key[0]}

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()
