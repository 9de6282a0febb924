"""The index of a log: how many lines stand before each 64 KiB of it, and which lines tell of something.

*In:* an open log. *Out:* an `Index`, as far as the log has grown. *Always:* every byte is read once: what has come
since the last look is added, and a log that is another one now is read anew; memory is bounded (a word for each 64 KiB,
a thousand lines of each kind); what was cut out of a log is passed in one step and counts as no line.
"""

from __future__ import annotations

import os
import threading
from array import array
from collections import OrderedDict
from pathlib import Path

from procession.supervise.logs import cut_of
from procession.web.logs.telling import TRACEBACK, WARNING, tells

BLOCK = 64 << 10
WINDOW = 1 << 20
"""Bytes that are read at once."""
MOST = 1_000
"""Lines of each kind that are kept."""
CANDIDATES = 10_000
"""Lines that are looked at more closely; beyond it only tracebacks count."""
EDGE = 16 << 20
"""Bytes at the beginning, and before the end of what is new, in which lines that tell are looked for."""
_LONGEST = 8 << 10
"""Bytes of a line without an end that are looked at when it goes on."""


class Index:
    """One log; `refresh` brings it up to date."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes that have been looked at."""
        self.newlines = 0
        self.blocks = array("Q", [0])
        """Newlines before each block."""
        self.errors: list[int] = []
        self.warnings: list[int] = []
        self.traceback: int | None = None
        """The line with which the last traceback begins."""
        self.open = False
        """The last line has no end yet."""
        self.skipped = False
        """There is a part of it in which no lines that tell were looked for."""
        self.cut: tuple[int, int] | None = None
        """From which byte to which nothing is kept."""
        self._tail = b""
        self._looked = 0

    @property
    def lines(self) -> int:
        """How many there are; one without its end of line counts."""
        return self.newlines + self.open

    def refresh(self, descriptor: int, log: Path) -> None:
        """Look at what has come."""
        size = os.fstat(descriptor).st_size
        self.cut = cut_of(log)
        while self.size < size:
            position = self.size
            if self.cut is not None and self.cut[0] <= position < self.cut[1] <= size:
                self._pass(self.cut[1])
                continue
            most = min(WINDOW, size - position)
            if self.cut is not None and position < self.cut[0]:
                most = min(most, self.cut[0] - position)
            data = os.pread(descriptor, most, position)
            if not data:
                return
            self._add(data, look=position < EDGE or size - position <= EDGE)

    def _pass(self, to: int) -> None:
        while (len(self.blocks)) * BLOCK <= to:
            self.blocks.append(self.newlines)
        self.size, self.open = to, True

    def _add(self, data: bytes, *, look: bool) -> None:
        text, line = self._tail + data, self.newlines + 1
        start, position = 0, self.size
        while start < len(data):
            stop = min(len(data), start + BLOCK - (position + start) % BLOCK)
            self.newlines += data.count(b"\n", start, stop)
            start = stop
            if (position + start) % BLOCK == 0:
                self.blocks.append(self.newlines)
        self.size += len(data)
        self.open = not data.endswith(b"\n")
        whole = text.rfind(b"\n") + 1
        if look:
            self._tell(text[:whole], line)
        self.skipped = self.skipped or not look
        self._tail = text[whole : whole + _LONGEST]

    def _tell(self, text: bytes, line: int) -> None:
        """Note which of these whole lines tell of something; `line` is the number of the first."""
        if self._looked >= CANDIDATES:
            place = text.rfind(b"Traceback (most recent call last):")
            if place >= 0:
                self.traceback = line + text.count(b"\n", 0, place)
                self.errors = [*self.errors[: MOST - 1], self.traceback]
            return
        before = 0
        for place, kind in tells(text):
            line += text.count(b"\n", before, place)
            before = place
            self._looked += 1
            if kind == TRACEBACK:
                self.traceback = line
            if kind is not None:
                kept = self.warnings if kind == WARNING else self.errors
                if len(kept) < MOST:
                    kept.append(line)
            if self._looked >= CANDIDATES:
                self._tell(text[place:], line)
                return

    def start_of(self, descriptor: int, line: int) -> int:
        """The byte with which a line begins, counted from 1; the end of the log where there are not so many."""
        before = line - 1
        if before <= 0:
            return 0
        block = self._block(before)
        left, position = before - self.blocks[block], block * BLOCK
        data = os.pread(descriptor, BLOCK, position)
        place = -1
        for _ in range(left):
            place = data.find(b"\n", place + 1)
            if place < 0:
                return self.size
        return position + place + 1

    def _block(self, newlines: int) -> int:
        """The last block before which there are fewer newlines than that."""
        low, high = 0, len(self.blocks)
        while low < high:
            middle = (low + high) // 2
            if self.blocks[middle] < newlines:
                low = middle + 1
            else:
                high = middle
        return low - 1


class Indexes:
    """The indexes that were used last."""

    def __init__(self, most: int = 64) -> None:
        self._most = most
        self._known: OrderedDict[str, tuple[tuple[int, int], Index]] = OrderedDict()
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}

    def of(self, descriptor: int, log: Path) -> Index:
        """The index of an open log, up to date."""
        with self._lock:
            alone = self._busy.setdefault(str(log), threading.Lock())
        with alone:
            found = self._at_hand(descriptor, str(log))
            found.refresh(descriptor, log)
        return found

    def _at_hand(self, descriptor: int, name: str) -> Index:
        there = os.fstat(descriptor)
        with self._lock:
            known = self._known.get(name)
            if known is None or known[0] != (there.st_dev, there.st_ino) or there.st_size < known[1].size:
                known = (there.st_dev, there.st_ino), Index()
            self._known[name] = known
            self._known.move_to_end(name)
            while len(self._known) > self._most:
                gone, _ = self._known.popitem(last=False)
                self._busy.pop(gone, None)
            return known[1]


INDEXES = Indexes()
"""Those of this server."""
