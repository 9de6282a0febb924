"""Showing a log: its end, or as it grows. Bytes go out as they are in a pipe; a terminal gets no control characters
that could move its cursor, set its title or touch its clipboard (colours stay)."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import click

from procession import units
from procession.cli.table import clean
from procession.contract import open_regular
from procession.errors import HostError, NotFound
from procession.model.processing import Processing
from procession.model.states import PROCESSING
from procession.supervise import logs
from procession.workdir import Var

LOOK_EVERY = 0.1
"""Seconds between two looks at a growing file."""

_FARTHEST = 64 << 20
"""Bytes from the end in which the last lines are looked for: a log without lines opens at once, too."""

_KEPT_BACK = 4096
"""Bytes of an unfinished escape sequence that wait for their rest; of a longer one only the ESC is taken out."""

_MULTIBYTE = rb"[\xc3-\xdf][\x80-\xbf]|\xc2[\xa0-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
_SPECIAL = re.compile(
    rb"(\x1b\[[0-9;:]*m|" + _MULTIBYTE + rb")"  # colours and letters stay
    rb"|\x1b\[[0-?]*[ -/]*[@-~]?|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?"
    rb"|\xc2[\x80-\x9f]?|[\x80-\x9f]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
"""Group 1 stays, the rest goes: everything but text, tab, new line, carriage return and SGR colours (ECMA-48). C1
controls go as UTF-8 and as single bytes; a lone 0xC2 goes too, or it could find a new second half."""
_UNFINISHED = re.compile(
    rb"(?:\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[ -/]*)"
    rb"|[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z"
)


class Screen:
    """Takes out of a stream of bytes what could harm a terminal; a sequence may be cut anywhere between writes."""

    def __init__(self) -> None:
        self._kept = b""

    def clean(self, chunk: bytes) -> bytes:
        """What of this and the bytes before may be shown by now."""
        chunk = self._kept + chunk
        unfinished = _UNFINISHED.search(chunk)
        end = unfinished.start() if unfinished and len(chunk) - unfinished.start() <= _KEPT_BACK else len(chunk)
        self._kept = chunk[end:]
        return _SPECIAL.sub(rb"\1", chunk[:end])


_screen = Screen()


def tail(path: Path, lines: int | None) -> int:
    """Write the file, or its last lines, as long as it is now; return where that was."""
    with _opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        start = 0 if lines is None else _start_of(path, size, lines, file.fileno())
        return _show(file, path, start, size)


def follow(path: Path, position: int, ended: Callable[[], bool]) -> None:
    """Write what is added to the file until it has ended; what was added before that is written too."""
    with _opened(path) as file:
        while True:
            last = ended()
            position = _show(file, path, position)
            if last:
                return
            time.sleep(LOOK_EVERY)


def _show(file: BinaryIO, path: Path, position: int, end: int | None = None) -> int:
    """Write a log from here to there, or to its end; return where that was. Where bytes are missing, say so."""
    if os.fstat(file.fileno()).st_size < position:
        write(b"\n[... the script has emptied its log ...]\n")
        position = 0
    for piece in logs.pieces(file.fileno(), path, position, end):
        write(piece.data or b"\n[... %b of the log left out ...]\n" % units.size(piece.gone).encode())
        position = piece.end
    return position


def write(chunk: bytes) -> None:
    """Write bytes to standard output, made harmless if it is a terminal."""
    sys.stdout.buffer.write(_screen.clean(chunk) if sys.stdout.isatty() else chunk)
    sys.stdout.buffer.flush()


def _opened(path: Path) -> BinaryIO:
    """Open a log; NotFound if it is not there, HostError if it is something else or not ours to read."""
    try:
        return open_regular(path)
    except FileNotFoundError:
        raise NotFound(f"there is no log {path} (yet)") from None
    except OSError as error:
        raise HostError(
            f"the log {path} cannot be shown: {error.strerror}; was it replaced by something else?"
        ) from None


def _start_of(path: Path, length: int, lines: int, descriptor: int) -> int:
    """Where the last so many lines begin, found from the end: a log of any size opens at once. What was cut out ends
    a line."""
    if not lines:
        return length
    cut = logs.cut_of(path)
    lowest = cut[1] if cut and cut[1] < length else 0
    position, found = length, 0
    while position > max(lowest, length - _FARTHEST):
        step = min(logs.CHUNK, position - lowest)
        position -= step
        chunk = os.pread(descriptor, step, position)
        at = len(chunk)
        while (at := chunk.rfind(b"\n", 0, at)) >= 0:
            found += position + at != length - 1
            if found == lines:
                return position + at + 1
    return cut[0] if cut and position == lowest else position


class Echo:
    """Shows what the scripts of one processing print, attempt after attempt, each byte once."""

    def __init__(self, var: Var, *, logs: bool = True) -> None:
        self._var = var
        self._logs = logs
        self._shown: dict[Path, int] = {}
        self._asked: set[tuple[int, int]] = set()

    def tell(self, found: Processing) -> None:
        """Write what is new."""
        for step in found.steps:
            for attempt in step.attempts if self._logs else ():
                self._more(self._var.attempt(found.id, step.ordinal, step.name, attempt.number) / "log")
            if step.asking is not None and (step.ordinal, step.attempt) not in self._asked:
                self._asked.add((step.ordinal, step.attempt))
                self.asks(found.id, step.name, step.asking.asks or "")

    def asks(self, processing_id: int, step: str, text: str) -> None:
        """Say once what a step asks a person, and how it is answered."""
        hint = f"answer it with: procession answer {processing_id} {step} VALUE"
        click.echo(clean(f"procession: step {step} asks: {text}; {hint}"), err=True)

    def _more(self, log: Path) -> None:
        try:
            opened = open_regular(log)
        except OSError:
            return
        with opened as file:
            self._shown[log] = _show(file, log, self._shown.get(log, 0))


def follow_all(look: Callable[[], Processing], var: Var) -> None:
    """Write what all scripts of a processing print until it has ended."""
    echo = Echo(var)
    while True:
        found = look()
        echo.tell(found)
        if found.state in PROCESSING.terminal:
            return
        time.sleep(LOOK_EVERY)
