"""Grids: the newest processings of a task as one picture: by their steps, or as a pivot.

In: a task, a query, how many of the newest. Out: a `Grid`; its cells are packed by `model/grid.py`. Always: a fixed
number of queries; what is older than what it shows is not looked at, and `complete` says whether there is any.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median

from procession.commands.events import unknown_task
from procession.commands.searching import meant
from procession.commands.shading import Shading, check_colour, shading
from procession.errors import Invalid, NotFound
from procession.model import grid as model
from procession.model import pivot
from procession.model.grid import Column, Grid, Mark
from procession.model.pivot import Axis, Place
from procession.model.states import State
from procession.project import Project
from procession.store import of_tasks, pages, search, tasks
from procession.store.database import Tx
from procession.store.pages import Cell, Head
from procession.store.took import took_of

MOST = 1000
"""Columns that are processings."""
MOST_IN_PIVOT = 5000
"""Processings of a pivot."""
WIDEST = 500
"""Rows or columns of a pivot; of more the last."""


def grid(
    project: Project, task: str, query: str = "", newest: int = MOST, rows: str = "steps", columns: str = "processings",
    colour: str = "state",
) -> tuple[Grid, Shading | None]:  # fmt: skip
    """The newest processings of a task. `rows`: ``steps``, or for a pivot ``day``, ``hour`` or ``param.NAME``; then
    `columns` are one of these as well. `colour`: see `shading`; of a pivot the cells have no shade."""
    if (rows == "steps") != (columns == "processings"):
        raise Invalid("a grid has steps over processings, or two of day, hour and param.NAME")
    axes = None if rows == "steps" else (pivot.axis("rows", rows), pivot.axis("columns", columns))
    if check_colour(colour) != "state" and axes:
        raise Invalid("a cell that stands for several processings has the colour of their worst state, and no other")
    with project.store.read() as tx:
        names = tasks.names(tx)
        if task not in names and not of_tasks.known(tx, task):
            raise NotFound(unknown_task(task, names))
        asked = meant(project, query, tasks_=(task,))
        ids, complete = search.newest(tx, asked, newest)
        if axes:
            found, shades = _pivot(tx, ids, *axes), None
        else:
            heads, cells = pages.heads(tx, ids), pages.cells(tx, ids)
            found = _of_steps(heads, cells)
            shades = shading(
                tx, colour, [head.id for head in reversed(heads)], [row or "" for row in found.rows], cells
            )
    oldest = None if complete else min(ids, default=None)
    return replace(found, complete=complete, oldest=oldest, query=asked.text), shades


def parameters(project: Project, task: str) -> list[str]:
    """Names of the parameters of the newest processings of a task."""
    with project.store.read() as tx:
        ids, _ = search.newest(tx, meant(project, "", tasks_=(task,)), 20)
        return sorted({name for params in pages.parameters(tx, ids) for name in params})


def numbers(project: Project, task: str) -> list[str]:
    """Names of the numbers that the scripts of the newest processings of a task have reported."""
    with project.store.read() as tx:
        lasts = pages.lasts(tx, search.newest(tx, meant(project, "", tasks_=(task,)), 20)[0])
    return sorted({name for last in lasts.values() if last.metrics for name in json.loads(last.metrics)})


# ── steps over processings ─────────────────────────────────────────────────────────────────────────


def _of_steps(heads: Sequence[Head], cells: Iterable[Cell]) -> Grid:
    """The oldest on the left; steps in the order of the chain, by their names, since definitions change."""
    by_id: dict[int, dict[str, Cell]] = defaultdict(dict)
    places: dict[str, int] = {}
    took: dict[str, list[float]] = defaultdict(list)
    for cell in cells:
        by_id[cell.processing_id][cell.name] = cell
        places[cell.name] = max(cell.ordinal, places.get(cell.name, 0))
        if cell.state == State.SUCCEEDED and cell.spent is not None:
            took[cell.name].append(cell.spent / 1e6)
    names = sorted(places, key=lambda name: (places[name], name))
    columns, packed = [], []
    for head in reversed(heads):
        mine, over = by_id[head.id], model.is_over(head.state)
        columns.append(_column(head))
        packed.append([_of_cell(mine.get(name), head, over=over) for name in names])
    medians = tuple(round(median(took[name]), 3) if took[name] else None for name in names)
    return Grid(tuple(names), tuple(columns), model.pack(packed), medians=medians)


def _of_cell(cell: Cell | None, head: Head, *, over: bool) -> int:
    if cell is None:
        return model.cell(Mark.NOTHING, 0)
    held = head.held_at is not None or cell.held_at is not None
    mark = model.mark_of_step(
        cell.state,
        cell.attempt,
        due=cell.due_at is not None,
        held=held,
        over=over,
        lost=cell.outcome == "lost",
        asking=cell.asking,
    )
    return model.cell(mark, cell.attempt)


def _column(head: Head) -> Column:
    seconds = None
    if head.started_at is not None and head.finished_at is not None:
        seconds = took_of(head.started_at, head.finished_at, head.idle) / 1e6
    return Column(head.title, head.id, head.state, head.started_at, seconds)


# ── pivots ─────────────────────────────────────────────────────────────────────────────────────────


def _pivot(tx: Tx, ids: Sequence[int], down: Axis, across: Axis) -> Grid:
    names = sorted({axis.parameter for axis in (down, across) if axis.parameter})
    marks: dict[tuple[Place, Place], list[Mark]] = defaultdict(list)
    for one in pages.placed(tx, ids, names):
        mark = model.mark_of_processing(one.state, errors=one.errors, held=one.held_at is not None, asking=one.asking)
        row, column = (axis.place(one.created_at, one.values.get(axis.parameter)) for axis in (down, across))
        marks[row, column].append(mark)
    rows, columns = _last({row for row, _ in marks}), _last({column for _, column in marks})
    cells = [[marks.get((row, column), []) for row in rows] for column in columns]
    return Grid(
        tuple(rows), tuple(Column(column) for column in columns),
        model.pack([[model.cell(model.worst(some), len(some)) for some in column] for column in cells]),
        counts=tuple(tuple(map(len, column)) for column in cells),
    )  # fmt: skip


def _last(places: Iterable[Place]) -> list[Place]:
    """In their order, those without a value first; of more than `WIDEST` the last."""
    return sorted(places, key=lambda place: (place is not None, place or ""))[-WIDEST:]
