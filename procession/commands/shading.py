"""Shading: a number for each cell of a grid, and how strongly it is drawn: durations, attempts, hosts, metrics.

In: the cells of a grid, and what they are coloured by. Out: a `Shading`; None by state, which the cells say themselves.
Always: one query more; a step that has no such number has no shade, and a number that nobody reported is no error.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from procession.errors import Invalid
from procession.model import grid
from procession.model.event import PARAMETER
from procession.store import pages
from procession.store.database import Tx
from procession.store.pages import Cell, Last

COLOURS = ("state", "duration", "attempts", "host")
"""What a grid may be coloured by, beside ``metric.NAME``."""
METRIC = "metric."


@dataclass(frozen=True, slots=True)
class Shading:
    """What the cells of a grid show beside their states."""

    by: str
    values: tuple[float | None, ...]
    """Of each cell, column after column; of hosts the place among `names`."""
    levels: bytes
    """Of each cell: 0 none, else from 1 to `grid.LEVELS`; of hosts which of `names`, the last for all further ones."""
    low: float | None
    """The smallest value."""
    high: float | None
    names: tuple[str, ...] = ()

    @property
    def base64(self) -> str:
        """The levels as text."""
        return base64.b64encode(self.levels).decode("ascii")


def check_colour(by: str) -> str:
    """What a grid may be coloured by; Invalid for anything else."""
    if by in COLOURS or (by.startswith(METRIC) and PARAMETER.fullmatch(by.removeprefix(METRIC))):
        return by
    raise Invalid(f"{by[:40]!r} is nothing that cells can be coloured by; there are: {', '.join(COLOURS)}, metric.NAME")


def shading(tx: Tx, by: str, ids: Sequence[int], names: Sequence[str], cells: Sequence[Cell]) -> Shading | None:
    """The shades of a grid whose columns are these processings, and whose rows the steps of these names."""
    if check_colour(by) == "state":
        return None
    lasts = {} if by in ("duration", "attempts") else pages.lasts(tx, ids)
    hosts = pages.hosts(tx) if by == "host" else {}
    told = _told(by, cells, lasts, hosts)
    places = {(cell.processing_id, cell.name): cell for cell in cells}
    columns = [places.get((pid, name)) for pid in ids for name in names]
    values = tuple(None if cell is None else told.values.get((cell.processing_id, cell.ordinal)) for cell in columns)
    there = [value for value in values if value is not None]
    low, high = (min(there), max(there)) if there else (None, None)
    usual = _usual(cells, told.values) if by == "duration" else {}
    levels = bytes(
        0 if cell is None or value is None or low is None or high is None
        else min(int(value), grid.LEVELS - 1) + 1 if by == "host"
        else grid.beside(value, usual[cell.name]) if by == "duration"
        else grid.between(value, low, high)
        for cell, value in zip(columns, values, strict=True)
    )  # fmt: skip
    return Shading(by, values, levels, low, high, told.names)


@dataclass(frozen=True, slots=True)
class _Told:
    values: dict[tuple[int, int], float]
    names: tuple[str, ...] = ()


def _told(
    by: str, cells: Sequence[Cell], lasts: dict[tuple[int, int], Last], hosts: dict[int, str]
) -> _Told:  # fmt: skip
    """The number of each step that has one."""
    if by == "host":
        of = {key: last.worker or hosts.get(last.launcher_id or 0) for key, last in lasts.items()}
        names = sorted({name for name in of.values() if name})
        places = {name: float(place) for place, name in enumerate(names)}
        return _Told({key: places[name] for key, name in of.items() if name}, tuple(names))
    if by.startswith(METRIC):
        name = by.removeprefix(METRIC)
        found = ((key, json.loads(last.metrics).get(name)) for key, last in lasts.items() if last.metrics)
        return _Told({key: float(value) for key, value in found if value is not None})
    number: Callable[[Cell], float | None] = _seconds if by == "duration" else _attempts
    return _Told({(c.processing_id, c.ordinal): value for c in cells if (value := number(c)) is not None})


def _seconds(cell: Cell) -> float | None:
    return None if cell.spent is None else cell.spent / 1e6


def _attempts(cell: Cell) -> float | None:
    return float(cell.attempt) if cell.attempt else None


def _usual(cells: Sequence[Cell], values: dict[tuple[int, int], float]) -> dict[str, float]:
    """Step → the median of its durations."""
    by_name: dict[str, list[float]] = defaultdict(list)
    for cell in cells:
        if (value := values.get((cell.processing_id, cell.ordinal))) is not None:
            by_name[cell.name].append(value)
    return {name: median(some) for name, some in by_name.items()}
