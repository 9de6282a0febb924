"""The grid of a task for the island ``x-grid``, and as a table of a parameter or the hour against the days.

*In:* an `Ask`, a task, a filter. *Out:* the JSON of ``js/README.md``; or rows of cells, each the worst of its
processings. *Always:* what the verb ``grid`` answers, drawn; one who may see some tasks only sees these.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from procession.commands import grids
from procession.model.grid import Mark, read_cell
from procession.model.pivot import Place, query_of
from procession.web.page import Ask

MOST = grids.MOST
ROWS, COLUMNS = 60, 31
"""Of a pivot; of more the last."""
STATES = {
    Mark.NOTHING: 0, Mark.OK: 1, Mark.OK_AGAIN: 2, Mark.OK_AMBER: 2, Mark.AGAIN: 3, Mark.FAILED: 4, Mark.RUNNING: 5,
    Mark.WAITING: 6, Mark.CANCELLED: 8, Mark.SKIPPED: 9, Mark.LOST: 10, Mark.HELD: 11,
    Mark.ASKING: 12,
}  # fmt: skip
"""How the island numbers them."""
DRAWN = {
    Mark.NOTHING: "skipped", Mark.OK: "ok", Mark.OK_AGAIN: "retried", Mark.OK_AMBER: "retried",
    Mark.AGAIN: "will-retry", Mark.FAILED: "failed", Mark.RUNNING: "running", Mark.WAITING: "waiting",
    Mark.CANCELLED: "cancelled", Mark.SKIPPED: "skipped", Mark.LOST: "lost", Mark.HELD: "held",
    Mark.ASKING: "asking",
}  # fmt: skip
"""The class by which each is drawn."""
_NUMBERS = {int(mark): number for mark, number in STATES.items()}
_BYTES = bytes(byte & 0xF0 | _NUMBERS.get(byte & 15, 0) for byte in range(256))
"""A cell → the same as the island numbers it."""


def of_steps(ask: Ask, task: str, text: str, newest: int, colour: str = "state") -> dict[str, Any]:
    """What ``x-grid`` draws: the oldest first, steps in the order of the chain by their names."""
    found = ask.verb("grid", name=task, query=text, newest=newest, colour=colour)
    cells = base64.b64decode(found["cells"]).translate(_BYTES)
    return {
        "steps": found["rows"], "columns": [_column(each) for each in found["columns"]],
        "states": base64.b64encode(cells).decode("ascii"), "medians": found["medians"], "colour": found["colour"],
    }  # fmt: skip


def _column(found: Mapping[str, Any]) -> dict[str, Any]:
    seconds = found["seconds"]
    return {
        "id": found["id"], "title": found["title"], "started": found["started_at"],
        "seconds": None if seconds is None else round(seconds, 3),
    }  # fmt: skip


# ── a parameter or the hour, against the days ──────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Cross:
    """A cell of a pivot."""

    kind: str
    """How it is drawn; empty: there is none."""
    n: int
    query: str
    """What means these processings, and no others; empty where no query can."""


@dataclass(frozen=True, slots=True)
class Pivot:
    """A table of worst states."""

    rows: tuple[Place, ...]
    columns: tuple[Place, ...]
    cells: tuple[tuple[Cross, ...], ...]
    """Row after row."""


def pivot(ask: Ask, task: str, text: str, by: str) -> Pivot:
    """The newest processings: rows by the hour of the day or a parameter (``param.tile``), columns by their days."""
    found = ask.verb("grid", name=task, query=text, newest=grids.MOST_IN_PIVOT, rows=by, columns="day")
    places: list[Place] = found["rows"]
    days: list[Place] = [each["title"] for each in found["columns"]]
    cells = base64.b64decode(found["cells"])
    rows, columns = range(len(places))[-ROWS:], range(len(days))[-COLUMNS:]

    def cross(row: int, column: int) -> Cross:
        n = found["counts"][column][row]
        if not n:
            return Cross("", 0, "")
        kind = DRAWN[read_cell(cells[column * len(places) + row])[0]]
        return Cross(kind, n, query_of(found["query"], {by: places[row], "day": days[column]}, found["oldest"]))

    return Pivot(
        tuple(places[row] for row in rows), tuple(days[column] for column in columns),
        tuple(tuple(cross(row, column) for column in columns) for row in rows),
    )  # fmt: skip


def parameters(ask: Ask, task: str) -> list[str]:
    """Names of the parameters of the newest processings."""
    return grids.parameters(ask.project, task)


def numbers(ask: Ask, task: str) -> list[str]:
    """Names of the numbers that the scripts of the newest processings have reported."""
    return grids.numbers(ask.project, task)
