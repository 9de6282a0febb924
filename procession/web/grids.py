"""The grid of a task for the island ``x-grid``, and as a table of a parameter or the hour against the days.

*In:* an `Ask`, a task, a filter. *Out:* the JSON of ``js/README.md``; or rows of cells, each the worst of its
processings. *Always:* what `commands/grids.py` found, drawn; one who may see some tasks only has asked for one of them
before.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from procession import present_pages
from procession.clock import iso, moment
from procession.commands import grids
from procession.model.grid import Column, Mark, read_cell
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
    found, shades = grids.grid(ask.project, task, text, newest, colour=colour)
    return {
        "steps": list(found.rows), "columns": [_column(each) for each in found.columns],
        "states": base64.b64encode(found.cells.translate(_BYTES)).decode("ascii"), "medians": list(found.medians),
        "colour": None if shades is None else present_pages.shading(shades),
    }  # fmt: skip


def _column(found: Column) -> dict[str, Any]:
    return {
        "id": found.id, "title": found.title,
        "started": None if found.started_at is None else iso(moment(found.started_at)),
        "seconds": None if found.seconds is None else round(found.seconds, 3),
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
    found, _ = grids.grid(ask.project, task, text, grids.MOST_IN_PIVOT, by, "day")
    rows = range(len(found.rows))[-ROWS:]
    columns = range(len(found.columns))[-COLUMNS:]

    def cross(row: int, column: int) -> Cross:
        n = found.counts[column][row]
        if not n:
            return Cross("", 0, "")
        place = {by: found.rows[row], "day": found.columns[column].title}
        kind = DRAWN[read_cell(found.cells[column * len(found.rows) + row])[0]]
        return Cross(kind, n, query_of(found.query, place, found.oldest))

    return Pivot(
        tuple(found.rows[row] for row in rows), tuple(found.columns[column].title for column in columns),
        tuple(tuple(cross(row, column) for column in columns) for row in rows),
    )  # fmt: skip


def parameters(ask: Ask, task: str) -> list[str]:
    """Names of the parameters of the newest processings."""
    return grids.parameters(ask.project, task)


def numbers(ask: Ask, task: str) -> list[str]:
    """Names of the numbers that the scripts of the newest processings have reported."""
    return grids.numbers(ask.project, task)
