"""The grid of a task for the island ``x-grid``, and as a table of a parameter or a day against the days.

*In:* an `Ask`, a task, a filter. *Out:* the JSON of ``js/README.md``; or rows of cells, each the worst of its
processings. *Always:* so many of the newest, by a fixed number of queries; one who may see some tasks only has asked
for one of them before.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from procession import present_pages
from procession.clock import iso, moment
from procession.commands import bulk
from procession.commands.shading import shading
from procession.errors import Invalid
from procession.model import grid
from procession.model.event import PARAMETER
from procession.model.grid import Mark
from procession.model.states import State
from procession.store import pages, search
from procession.store.pages import Cell, Head
from procession.web.listing import meant
from procession.web.page import Ask

MOST = 1_000
"""Columns that are processings."""
MOST_IN_PIVOT = 5_000
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


def of_steps(ask: Ask, task: str, text: str, newest: int, colour: str = "state") -> dict[str, Any]:
    """What ``x-grid`` draws: the oldest first, steps in the order of the chain by their names."""
    asked = bulk.read_text(ask.project, meant(text, task))
    with ask.project.store.read() as tx:
        ids, _ = search.newest(tx, asked, newest)
        heads, cells = pages.heads(tx, ids), pages.cells(tx, ids)
        steps = _steps(cells)
        shades = shading(tx, colour, [head.id for head in reversed(heads)], steps, cells)
    by_id: dict[int, dict[str, Cell]] = defaultdict(dict)
    for cell in cells:
        by_id[cell.processing_id][cell.name] = cell
    packed = bytearray()
    for head in reversed(heads):
        packed += bytes(_byte(by_id[head.id].get(name), head) for name in steps)
    return {
        "steps": steps, "columns": [_column(head) for head in reversed(heads)],
        "states": base64.b64encode(packed).decode("ascii"), "medians": [_median(cells, name) for name in steps],
        "colour": None if shades is None else present_pages.shading(shades),
    }  # fmt: skip


def _steps(cells: Iterable[Cell]) -> list[str]:
    """Names in the order of the chain."""
    places: dict[str, int] = {}
    for cell in cells:
        places[cell.name] = max(cell.ordinal, places.get(cell.name, 0))
    return sorted(places, key=lambda name: (places[name], name))


def _found(ask: Ask, task: str, text: str, most: int) -> list[Head]:
    asked = bulk.read_text(ask.project, meant(text, task))
    with ask.project.store.read() as tx:
        return pages.heads(tx, search.newest(tx, asked, most)[0])


def _byte(cell: Cell | None, head: Head) -> int:
    if cell is None:
        return 0
    mark = grid.mark_of_step(
        cell.state, cell.attempt, due=cell.due_at is not None,
        held=head.held_at is not None or cell.held_at is not None, over=grid.is_over(head.state),
        lost=cell.outcome == "lost",
        asking=cell.asking,
    )  # fmt: skip
    return min(cell.attempt, grid.MOST_COUNTED) << 4 | STATES[mark]


def _column(head: Head) -> dict[str, Any]:
    done = head.started_at is not None and head.finished_at is not None
    return {
        "id": head.id, "title": head.title,
        "started": None if head.started_at is None else iso(moment(head.started_at)),
        "seconds": round(((head.finished_at or 0) - (head.started_at or 0)) / 1e6, 3) if done else None,
    }  # fmt: skip


def _median(cells: Iterable[Cell], name: str) -> float | None:
    took = [
        (cell.finished_at - cell.started_at) / 1e6
        for cell in cells
        if cell.name == name and cell.state == State.SUCCEEDED and cell.started_at and cell.finished_at
    ]
    return round(median(took), 3) if took else None


# ── a parameter or the hour, against the days ──────────────────────────────────────────────────────

Axis = Callable[[Head], str]


@dataclass(frozen=True, slots=True)
class Cross:
    """A cell of a pivot."""

    kind: str
    """How it is drawn; empty: there is none."""
    n: int
    query: str
    """What means these processings."""


@dataclass(frozen=True, slots=True)
class Pivot:
    """A table of worst states."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[Cross, ...], ...]
    """Row after row."""


def pivot(ask: Ask, task: str, text: str, by: str) -> Pivot:
    """The newest processings: rows by the hour of the day or a parameter (``param.tile``), columns by their days."""
    row_of = _axis(by)
    heads = _found(ask, task, text, MOST_IN_PIVOT)
    marks: dict[tuple[str, str], list[Mark]] = defaultdict(list)
    for head in heads:
        mark = grid.mark_of_processing(
            head.state, errors=head.errors, held=head.held_at is not None, asking=head.asking
        )
        marks[row_of(head), _day(head)].append(mark)
    rows = sorted({row for row, _ in marks})[-ROWS:]
    columns = sorted({column for _, column in marks})[-COLUMNS:]
    whole = meant(text, task)
    return Pivot(
        tuple(rows), tuple(columns),
        tuple(tuple(_cross(whole, by, row, day, marks.get((row, day), ())) for day in columns) for row in rows),
    )  # fmt: skip


def _cross(whole: str, by: str, row: str, day: str, marks: Sequence[Mark]) -> Cross:
    term = f' {by}:"{row}"'.replace("\\", "\\\\") if by.startswith("param.") and row and '"' not in row else ""
    query = f"{whole} after:{day} before:{day}T23:59:59.999999Z{term}"
    return Cross(DRAWN[grid.worst(marks)] if marks else "", len(marks), query)


def _axis(by: str) -> Axis:
    if by == "hour":
        return lambda head: f"{moment(head.created_at):%H}"
    if by.startswith("param.") and PARAMETER.fullmatch(by[6:]):
        return lambda head: _text(json.loads(head.params).get(by[6:]))
    raise Invalid(f"{by[:40]!r} is nothing that rows can be; there are: steps, hour, param.NAME")


def _day(head: Head) -> str:
    return f"{moment(head.created_at):%Y-%m-%d}"


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def parameters(ask: Ask, task: str) -> list[str]:
    """Names of the parameters of the newest processings."""
    return sorted({name for head in _found(ask, task, "", 20) for name in json.loads(head.params)})


def numbers(ask: Ask, task: str) -> list[str]:
    """Names of the numbers that the scripts of the newest processings have reported."""
    asked = bulk.read_text(ask.project, meant("", task))
    with ask.project.store.read() as tx:
        lasts = pages.lasts(tx, search.newest(tx, asked, 20)[0])
    return sorted({name for last in lasts.values() if last.metrics for name in json.loads(last.metrics)})
