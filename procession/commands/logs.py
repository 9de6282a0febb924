"""Logs: what a script printed, piece by piece, for whoever is not at this machine's terminal.

In: a processing, perhaps a step and an attempt, and an offset. Out: a `Slice`: text, and where to go on. Always: what a
slice says of the end was asked before it was read, so a reader who goes on until the end has seen everything; offsets
are those of the bytes that the script wrote; letters are never cut in two.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from procession.commands import processings
from procession.contract import open_regular
from procession.errors import HostError, Invalid, NotFound
from procession.model.processing import Processing, Step
from procession.model.states import PROCESSING
from procession.project import Project
from procession.supervise import logs

FRAMEWORK = "framework.log"
"""Beside the log of an attempt of a reduction: what its driver did."""
MOST = 1 << 20
"""Bytes of the largest slice."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of a log."""

    processing_id: int | None
    """None: it is Procession's own."""
    step: str | None
    attempt: int | None
    offset: int
    end: int
    """The offset behind it."""
    size: int
    """Bytes of the log as it is now."""
    ended: bool
    """Nothing more is printed."""
    gone: int
    """So many bytes before the text are not kept any more."""
    text: str


def path_of(
    project: Project, processing_id: int, step_name: str | None = None, attempt: int | None = None,
    *, framework: bool = False,
) -> Path:  # fmt: skip
    """Where the log of an attempt is: the latest of the step that matters, if nothing else is said. `framework`: what
    the driver of a reduction did, instead of what its script printed."""
    found = processings.get(project, processing_id)
    step, number = _attempt(found, step_name, attempt)
    return _path(project, found, step, number, framework=framework)


def _path(project: Project, found: Processing, step: Step, number: int, *, framework: bool) -> Path:
    directory = project.var.attempt(found.id, step.ordinal, step.name, number)
    path = directory / (FRAMEWORK if framework else "log")
    if framework and not path.exists() and (directory / "log").exists():
        raise NotFound(
            f"step {step.name} of processing {found.id} has no framework log: it is no reduction, or did not begin; "
            f"see: procession logs {found.id} {step.name}"
        )
    return path


def has_ended(found: Processing, step: Step) -> bool:
    """Does the latest attempt of this step print nothing more?"""
    return found.state in PROCESSING.terminal or bool(step.attempts and step.attempts[-1].outcome)


def read(
    project: Project, processing_id: int, step_name: str | None, attempt: int | None, offset: int, limit: int,
    *, framework: bool = False,
) -> Slice:  # fmt: skip
    """A slice of the log of an attempt; a negative offset counts from its end. `framework`: as in `path_of`."""
    found = processings.get(project, processing_id)
    step, number = _attempt(found, step_name, attempt)
    ended = has_ended(found, step) or number < step.attempts[-1].number
    path = _path(project, found, step, number, framework=framework)
    return _slice(path, offset, limit, (processing_id, step.name, number), ended=ended)


def read_own(project: Project, offset: int, limit: int) -> Slice:
    """A slice of what Procession itself has written."""
    return _slice(project.var.log, offset, limit, (None, None, None), ended=False)


def _attempt(found: Processing, step_name: str | None, attempt: int | None) -> tuple[Step, int]:
    step = processings.find_step(found, step_name)
    numbers = [one.number for one in step.attempts]
    if not numbers:
        raise NotFound(f"step {step.name} of processing {found.id} has not begun; see: procession why {found.id}")
    if attempt is not None and attempt not in numbers:
        raise NotFound(f"step {step.name} of processing {found.id} has no attempt {attempt}; it has {numbers}")
    return step, attempt or numbers[-1]


def _slice(path: Path, offset: int, limit: int, of: tuple[int | None, str | None, int | None], *, ended: bool) -> Slice:
    if not 1 <= limit <= MOST:
        raise Invalid(f"a slice of a log is 1 to {MOST} bytes long, not {limit}")
    try:
        opened = open_regular(path)
    except FileNotFoundError:
        raise NotFound(f"there is no log {path} (yet)") from None
    except OSError as error:
        raise HostError(f"the log {path} cannot be shown: {error.strerror}; was it replaced?") from None
    with opened as file:
        size = os.fstat(file.fileno()).st_size
        start = min(size, max(0, size + offset if offset < 0 else offset))
        data, gone, end = _bytes(file.fileno(), path, start, min(size, start + limit))
    if end < size or not ended:
        whole = _whole(data)
        if whole or not data or end < size:
            data, end = data[:whole] if whole else data, end - (len(data) - whole if whole else 0)
    return Slice(*of, start, end, size, ended, gone, data.decode("utf-8", "replace"))


def _bytes(descriptor: int, path: Path, start: int, end: int) -> tuple[bytes, int, int]:
    """Bytes up to the next gap; a gap at the beginning is passed, and counted."""
    data, gone, position = bytearray(), 0, start
    for piece in logs.pieces(descriptor, path, start, end):
        if piece.gone and data:
            break
        gone += piece.gone
        data += piece.data
        position = piece.end
    return bytes(data), gone, position


def _whole(data: bytes) -> int:
    """How many of these bytes are whole letters of UTF-8; a letter that has only begun waits for its rest."""
    for back in range(1, min(4, len(data)) + 1):
        lead = data[-back]
        if lead >= 0xC0:
            length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            return len(data) - back if back < length else len(data)
        if lead < 0x80:
            break
    return len(data)
