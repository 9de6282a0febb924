"""Events out of a table: text with commas, semicolons or tabs, a line for each event.

*In:* a text whose first line names the columns. *Out:* for each line the event that it means, as the verb ``emit``
takes it, or why it means none. *Always:* pure and bounded; ``event``, ``key``, ``title``, ``priority`` and
``not_before`` are what they are called, any other column is a parameter; a cell that is JSON and no text is read as
JSON, so ``3`` is a number and ``"3"`` a text; an empty cell is none.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from procession.errors import Invalid

MOST_LINES = 1_000
MOST_CHARACTERS = 256 * 1024
MOST_COLUMNS = 200
OWN = ("event", "key", "title", "priority", "not_before")
"""Columns that are no parameters."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    number: int
    """As an editor counts: the names of the columns stand in line 1."""
    event: dict[str, Any] = field(default_factory=dict)
    """As ``emit`` takes it."""
    problem: str = ""


def read_events(text: str, event: str = "") -> list[Line]:
    """The lines; `event` names those that do not say it. Invalid where the table as a whole cannot be read."""
    if len(text) > MOST_CHARACTERS:
        raise Invalid(f"the table has {len(text)} characters; the longest has {MOST_CHARACTERS}: send it in parts")
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    if not text.strip():
        raise Invalid("the table is empty; its first line names the columns, each line below is an event")
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=_divider(text), strict=True))
    except csv.Error as error:
        raise Invalid(f"the table cannot be read: {error}") from None
    names = [name.strip() for name in rows[0]]
    _check_names(names)
    found = [(number, row) for number, row in enumerate(rows[1:], 2) if any(cell.strip() for cell in row)]
    if len(found) > MOST_LINES:
        raise Invalid(f"the table has {len(found)} events; at most {MOST_LINES} go at once: send it in parts")
    if not found:
        raise Invalid("the table names its columns and has no line below them")
    return [_line(number, names, row, event) for number, row in found]


def _divider(text: str) -> str:
    first = text.partition("\n")[0]
    return max((",", ";", "\t"), key=first.count)


def _check_names(names: Sequence[str]) -> None:
    if len(names) > MOST_COLUMNS:
        raise Invalid(f"the table has {len(names)} columns; at most {MOST_COLUMNS}")
    if not all(names):
        raise Invalid("a column has no name; the first line of the table names each")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Invalid(f"two columns are called {twice[0][:60]!r}; name each once")


def _line(number: int, names: Sequence[str], row: Sequence[str], event: str) -> Line:
    if len(row) > len(names):
        return Line(number, problem=f"it has {len(row)} cells, and there are {len(names)} columns")
    cells = {name: cell for name, cell in zip(names, row, strict=False) if cell.strip()}
    made: dict[str, Any] = {name: cells[name].strip() for name in OWN if name in cells}
    made.setdefault("event", event)
    if not made["event"]:
        return Line(number, problem="it names no event; add a column event, or say one for all lines")
    if "priority" in made:
        try:
            made["priority"] = int(made["priority"])
        except ValueError:
            return Line(number, problem=f"priority is a whole number, not {made['priority'][:40]!r}")
    try:
        made["params"] = {name: _value(cell) for name, cell in cells.items() if name not in OWN}
    except (ValueError, RecursionError):
        return Line(number, problem="a cell has a number that no program can read")
    return Line(number, made)


def _value(cell: str) -> Any:
    """What a cell says: JSON where it is some, else the text."""
    text = cell.strip()
    if text[:1] in '{["-0123456789' or text in ("true", "false", "null"):
        try:
            return json.loads(text)
        except (json.JSONDecodeError, RecursionError):
            return cell
    return cell
