"""Search in a whole log: which lines have a text, or fit an expression.

*In:* an open log and what is sought. *Out:* the true number of such lines, the first of them, and what went wrong.
*Always:* a text is found by one pass over the bytes; an expression is tried in a process of its own, which is ended
when it takes too long (B28) or when nobody waits for it any more; two searches at a time, so that the pages stay quick.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from procession.api.problems import Problem
from procession.errors import Invalid
from procession.supervise.logs import cut_of, pieces
from procession.units import size

MOST = 10_000
"""Lines that are named."""
LONGEST = 1_000
"""Characters of what is sought."""
SECONDS = 8.0
BUSY = "two searches are running; try again in a moment"
OPEN_BUSY = "somebody who has not logged in searches already; try again in a moment, or log in"
LEFT = "nobody waits for it any more"
LOOK = 0.1
"""Seconds between two looks whether anybody does."""
_GATHERED = 1 << 20
_MATCHER = Path(__file__).with_name("matcher.py")
_places = threading.BoundedSemaphore(2)
_open_place = threading.BoundedSemaphore(1)
"""Of these, for those who have not logged in."""


@dataclass(frozen=True, slots=True)
class Hits:
    """What was found."""

    count: int
    lines: list[int]
    error: str | None = None


def search(
    descriptor: int, log: Path, sought: str, *, regex: bool, case: bool, left: threading.Event | None = None,
    anonymous: bool = False,
) -> Hits:  # fmt: skip
    """Look through the whole log; Invalid for what cannot be sought, Problem where too many search at once.

    `left`: whoever asked has gone, and the search ends. `anonymous`: they have not logged in; one of them at a time.
    """
    if not sought or len(sought) > LONGEST or "\n" in sought:
        raise Invalid(f"search is one line of 1 to {LONGEST} characters")
    with _place(_open_place, OPEN_BUSY) if anonymous else nullcontext(), _place():
        look = _expression if regex else _text
        return look(descriptor, log, sought, case, left or threading.Event())


@contextmanager
def _place(places: threading.BoundedSemaphore = _places, busy: str = BUSY) -> Iterator[None]:
    if not places.acquire(blocking=False):  # to wait here would hold up those who only look
        raise Problem(503, "Busy", busy, ((b"retry-after", b"1"),))
    try:
        yield
    finally:
        places.release()


def _text(descriptor: int, log: Path, sought: str, case: bool, left: threading.Event) -> Hits:
    folded = sought if case else sought.lower()
    plain = case or sought.isascii()
    needle = folded.encode("utf-8", "replace")
    overlap = len(needle) - 1 if plain else 4 * len(needle)
    until, found, line, rest = time.monotonic() + SECONDS, _Found(), 1, b""
    for data in _gathered(descriptor, log):
        text = rest + data
        if plain:
            found.look(text if case else text.lower(), needle, line)
        else:
            found.look_folded(text.decode("utf-8", "replace").lower(), folded, line)
        rest = text[max(0, len(text) - overlap) :] if overlap else b""
        line += text.count(b"\n", 0, len(text) - len(rest))
        if time.monotonic() > until:
            return found.hits(f"stopped after {SECONDS:g} s; the rest was not searched")
        if left.is_set():
            return found.hits(LEFT)
    return found.hits(None)


class _Found:
    """Lines that were found."""

    def __init__(self) -> None:
        self._count = self._last = 0
        self._lines: list[int] = []

    def look(self, text: bytes, needle: bytes, line: int) -> None:
        """Add the lines of this text, of which the first has this number."""
        place, before = text.find(needle), 0
        while place >= 0:
            line += text.count(b"\n", before, place)
            before = place
            self._add(line)
            end = text.find(b"\n", place)
            place = -1 if end < 0 else text.find(needle, end)

    def look_folded(self, text: str, needle: str, line: int) -> None:
        """The same, by letters."""
        place, before = text.find(needle), 0
        while place >= 0:
            line += text.count("\n", before, place)
            before = place
            self._add(line)
            end = text.find("\n", place)
            place = -1 if end < 0 else text.find(needle, end)

    def _add(self, line: int) -> None:
        if line == self._last:
            return
        self._count, self._last = self._count + 1, line
        if len(self._lines) < MOST:
            self._lines.append(line)

    def hits(self, error: str | None) -> Hits:
        return Hits(self._count, self._lines, error)


def _gathered(descriptor: int, log: Path) -> Iterator[bytes]:
    """The log in pieces of about a MiB; a gap is no text."""
    gathered = bytearray()
    for piece in pieces(descriptor, log, 0):
        gathered += piece.data
        if len(gathered) >= _GATHERED:
            yield bytes(gathered)
            gathered.clear()
    if gathered:
        yield bytes(gathered)


def _expression(descriptor: int, log: Path, sought: str, case: bool, left: threading.Event) -> Hits:
    asked = json.dumps({"pattern": sought, "case": case, "cut": cut_of(log), "most": MOST})
    command = [sys.executable, "-I", "-S", str(_MATCHER), asked]
    until = time.monotonic() + SECONDS
    with subprocess.Popen(command, stdin=descriptor, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            while (answer := _answer(process)) is None:
                if left.is_set():
                    return Hits(0, [], LEFT)
                if time.monotonic() > until:
                    simpler = "make it simpler, or search a text"
                    return Hits(0, [], f"this expression takes longer than {SECONDS:g} s here; {simpler}")
        finally:
            process.kill()
    try:
        told = json.loads(answer)
    except ValueError:
        return Hits(0, [], f"this expression takes more than {size(1 << 30)} of memory; make it simpler")
    return Hits(told["count"], told["lines"], told["error"])


def _answer(process: subprocess.Popen[bytes]) -> bytes | None:
    """What the process has said, once it has ended."""
    try:
        return process.communicate(timeout=LOOK)[0]
    except subprocess.TimeoutExpired:
        return None
