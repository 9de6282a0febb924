"""One log as its viewer asks for it: what there is, pieces of its lines, a search, all of it as plain text.

*In:* a processing, a step, an attempt. *Out:* what `static/js/README.md` says of ``<x-log>``. *Always:* it is read as
the caller, who sees no log that the verb ``logs`` would refuse; a log that is not there is one without lines.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from procession.commands import processings
from procession.commands.logs import FRAMEWORK, has_ended
from procession.contract import open_regular
from procession.errors import HostError, NotFound
from procession.model.outcome import Outcome
from procession.model.processing import Attempt, Processing, Step
from procession.supervise import logs
from procession.units import size
from procession.web.logs.index import EDGE, INDEXES, Index
from procession.web.logs.lines import Line, Times, read
from procession.web.logs.telling import ERROR, TRACEBACK, kind
from procession.web.page import Ask

MOST_LINES = 2_000
NEAR = 20
"""So many of the last lines that are not empty may hold the one that tells why a script failed."""
TRACEBACK_LINES = 200
GOOD = frozenset({Outcome.SUCCEEDED, Outcome.SKIPPED, Outcome.CANCELLED, Outcome.VOID})


@dataclass(frozen=True, slots=True)
class Log:
    """One log, open."""

    of: Attempt
    path: Path
    live: bool
    file: BinaryIO | None
    """None: there is none (any more)."""
    index: Index

    @property
    def failed(self) -> bool:
        """Is there something that went wrong in it?"""
        return self.of.outcome is not None and self.of.outcome not in GOOD

    def lines(self, first: int, count: int) -> Iterator[Line]:
        """Lines of it."""
        return iter(()) if self.file is None else read(self.file.fileno(), self.path, self.index, first, count)


@contextmanager
def opened(ask: Ask, *, framework: bool = False) -> Iterator[Log]:
    """The log that the path of a page names; NotFound where there is no such attempt."""
    found, step, attempt = chosen(ask)
    with of(ask, found, step, attempt, framework=framework) as log:
        yield log


@contextmanager
def of(ask: Ask, found: Processing, step: Step, attempt: Attempt, *, framework: bool = False) -> Iterator[Log]:
    """The log of an attempt that the caller may see."""
    directory = ask.project.var.attempt(found.id, step.ordinal, step.name, attempt.number)
    path = directory / (FRAMEWORK if framework else "log")
    live = not has_ended(found, step) and attempt.number == step.attempts[-1].number
    try:
        file = open_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        yield Log(attempt, path, live, None, Index())
        return
    except OSError as error:
        raise HostError(f"the log {path} cannot be shown: {error.strerror}; was it replaced?") from None
    with file:
        yield Log(attempt, path, live, file, INDEXES.of(file.fileno(), path))


def chosen(ask: Ask) -> tuple[Processing, Step, Attempt]:
    """What a path names; NotFound where there is no such attempt, or not for the caller."""
    pid, name = ask.number("id"), ask.values["step"]
    number = ask.values["attempt"].partition(".")[0]
    try:
        ask.verb("logs", id=pid, step=name, attempt=int(number) if number.isdigit() else 0, limit=1)
    except NotFound:
        ask.verb("why", id=pid)  # may they see it at all?
    except HostError:
        pass  # it is theirs, but no file that can be read; who opens it says so
    found = processings.get(ask.project, pid)
    step = processings.find_step(found, name)
    attempt = next((each for each in step.attempts if str(each.number) == number), None)
    if attempt is None:
        raise NotFound(f"step {step.name} of processing {pid} has no attempt {number[:20]}")
    return found, step, attempt


def about(log: Log) -> dict[str, Any]:
    """What there is: how many lines, and which of them tell something."""
    index = log.index
    trace = traceback_of(log)
    errors = sorted({*index.errors, *trace})
    return {
        "lines": index.lines, "size": index.size, "state": "failed" if log.failed else "ok", "live": log.live,
        "error_line": error_line(log), "errors": errors, "warnings": list(index.warnings), "note": note(log),
    }  # fmt: skip


def error_line(log: Log) -> int | None:
    """The line that tells most of why it failed; None where it did not, or where nothing was printed."""
    if not log.failed:
        return None
    if log.index.traceback is not None:
        return log.index.traceback
    last = [each for each in log.lines(max(1, log.index.lines - 10 * NEAR), 10 * NEAR + 1) if each.text.strip()][-NEAR:]
    telling = [each.number for each in last if kind(each.text.encode()[:1_000]) in (ERROR, TRACEBACK)]
    return telling[-1] if telling else last[-1].number if last else None


def traceback_of(log: Log) -> list[int]:
    """The lines of the last traceback: all that are indented, and the one that names the error."""
    start = log.index.traceback
    if start is None:
        return []
    found = [start]
    for each in log.lines(start + 1, TRACEBACK_LINES):
        found.append(each.number)
        if each.text[:1] not in ("", " ", "\t"):
            break
    return found


def note(log: Log) -> str | None:
    """What whoever reads it should know first."""
    if log.file is None:
        return None if log.live else "There is no log: nothing was printed, or it was cleaned away"
    if (cut := log.index.cut) is not None:
        kept = f"first {size(cut[0])} and last {size(max(0, log.index.size - cut[1]))} kept"
        return f"{size(log.index.size)} written; {kept}"
    if log.index.skipped:
        return f"{size(log.index.size)} written; errors and warnings are marked in the first and last {size(EDGE)}"
    return None


def piece(log: Log, first: int, count: int) -> bytes:
    """These lines as NDJSON, and where they end."""
    times = Times(log.path, log.of.finished_at.timestamp() if log.of.finished_at else None)
    found, end, is_open = [], log.index.size, False
    for line in log.lines(max(1, first), min(count, MOST_LINES)):
        text = line.text.encode("utf-8", "replace").decode()
        found.append(json.dumps([line.number, times.at(line.end), text], ensure_ascii=False))
        end, is_open = line.end, not line.whole
    last = {"lines": log.index.lines, "end": end, "live": log.live, "open": is_open}
    return ("\n".join([*found, json.dumps(last)]) + "\n").encode("utf-8", "replace")


def plain(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """All of it, as it was written; a word where something is not kept."""
    with file:
        for each in logs.pieces(file.fileno(), path, 0, os.fstat(file.fileno()).st_size):
            yield f"\n… {size(each.gone)} were not kept …\n".encode() if each.gone else each.data
