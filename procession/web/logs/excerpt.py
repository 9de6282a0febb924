"""An excerpt of a log for whoever has no scripts: the lines around the error, else the last ones.

*In:* an open log. *Out:* lines as text, each with what it tells. *Always:* no control character is left in them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from procession.web.logs.reading import Log, error_line, traceback_of
from procession.web.logs.telling import WARNING, kind

BEFORE, LAST = 60, 200
WIDEST = 2_000
"""Characters of a line."""
_ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)?|[PX^_][^\x1b]{0,4096}(?:\x1b\\)?|[ -/]*[0-~])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Shown:
    """A line."""

    number: int
    text: str
    look: str
    """``error``, ``warning`` or nothing."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some of the lines of a log."""

    before: int
    """So many stand before."""
    lines: list[Shown]
    after: int
    error: int | None


def excerpt(log: Log) -> Excerpt:
    """The lines that matter."""
    error = error_line(log)
    first = max(1, (log.index.lines - LAST + 1) if error is None else error - BEFORE)
    errors = {*log.index.errors, *traceback_of(log), *(() if error is None else (error,))}
    found = [_shown(each.number, each.text, errors) for each in log.lines(first, LAST)]
    after = max(0, log.index.lines - (found[-1].number if found else 0))
    return Excerpt(first - 1 if found else 0, found, after, error)


def _shown(number: int, text: str, errors: set[int]) -> Shown:
    look = "error" if number in errors else "warning" if kind(text.encode("utf-8", "replace")) == WARNING else ""
    return Shown(number, clean(text), look)


def clean(text: str) -> str:
    """As a terminal would leave it: the last state of a line that was drawn anew, no colours, no control characters."""
    last = text.rstrip("\r").rpartition("\r")[2]
    found = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", _ESCAPE.sub("", last[: 4 * WIDEST]))
    return found if len(found) <= WIDEST else f"{found[:WIDEST]} …"
