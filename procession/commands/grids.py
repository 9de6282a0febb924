"""Grids: the newest processings of a task as one picture: by their steps, or as a pivot.

In: a task, a query, how many of the newest. Out: a `Grid`; its cells are packed by `model/grid.py`. Always: a fixed
number of queries; what is older than what it shows is not looked at, and `complete` says whether there is any.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from procession.clock import moment
from procession.commands.events import unknown_task
from procession.commands.searching import meant
from procession.commands.shading import Shading, check_colour, shading
from procession.errors import Invalid, NotFound
from procession.model import grid as model
from procession.model.event import PARAMETER
from procession.model.grid import Column, Grid, Mark
from procession.project import Project
from procession.store import pages, processings, search, tasks
from procession.store.pages import Cell, Head

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
    across, down = _axis("columns", columns), _axis("rows", rows)
    if (down is None) != (rows == "steps") or (across is None) != (rows == "steps"):
        raise Invalid("a grid has steps over processings, or two of day, hour and param.NAME")
    if check_colour(colour) != "state" and rows != "steps":
        raise Invalid("a cell that stands for several processings has the colour of their worst state, and no other")
    with project.store.read() as tx:
        names = tasks.names(tx)
        if task not in names and not processings.known_task(tx, task):
            raise NotFound(unknown_task(task, names))
        asked = meant(project, query, tasks_=(task,))
        ids, complete = search.newest(tx, asked, newest)
        heads = pages.heads(tx, ids)
        if down is None or across is None:
            cells = pages.cells(tx, ids)
            found = _of_steps(heads, cells)
            shades = shading(tx, colour, [head.id for head in reversed(heads)], found.rows, cells)
        else:
            found, shades = _pivot(heads, down, across), None
    return replace(found, complete=complete), shades


def _of_steps(heads: Sequence[Head], cells: Iterable[Cell]) -> Grid:
    """The oldest on the left; steps in the order of the chain, by their names, since definitions change."""
    by_id: dict[int, dict[str, Cell]] = defaultdict(dict)
    places: dict[str, int] = {}
    for cell in cells:
        by_id[cell.processing_id][cell.name] = cell
        places[cell.name] = max(cell.ordinal, places.get(cell.name, 0))
    names = sorted(places, key=lambda name: (places[name], name))
    columns, packed = [], []
    for head in reversed(heads):
        mine, over = by_id[head.id], model.is_over(head.state)
        columns.append(_column(head))
        packed.append([_of_cell(mine.get(name), head, over=over) for name in names])
    return Grid(tuple(names), tuple(columns), model.pack(packed))


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
        seconds = (head.finished_at - head.started_at) / 1e6
    return Column(head.title, head.id, head.state, head.started_at, seconds)


# ── pivots ─────────────────────────────────────────────────────────────────────────────────────────

Axis = Callable[[Head], str]


def _axis(what: str, name: str) -> Axis | None:
    """What puts a processing into a row or a column; None for steps and processings themselves."""
    if name in ("steps", "processings"):
        return None
    if name == "day":
        return lambda head: f"{moment(head.created_at):%Y-%m-%d}"
    if name == "hour":
        return lambda head: f"{moment(head.created_at):%H}"
    if name.startswith("param.") and PARAMETER.fullmatch(name[6:]):
        return lambda head: _text(json.loads(head.params).get(name[6:]))
    raise Invalid(f"{name[:40]!r} is nothing that {what} can be; there are: day, hour, param.NAME")


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _of_many(marks: Sequence[Mark]) -> int:
    return model.cell(model.worst(marks), len(marks))


def _pivot(heads: Sequence[Head], down: Axis, across: Axis) -> Grid:
    marks: dict[tuple[str, str], list[Mark]] = defaultdict(list)
    for head in heads:
        mark = model.mark_of_processing(
            head.state, errors=head.errors, held=head.held_at is not None, asking=head.asking
        )
        marks[down(head), across(head)].append(mark)
    rows = sorted({row for row, _ in marks})[-WIDEST:]
    columns = sorted({column for _, column in marks})[-WIDEST:]
    packed = [[_of_many(marks.get((row, column), ())) for row in rows] for column in columns]
    return Grid(tuple(rows), tuple(Column(column) for column in columns), model.pack(packed))
