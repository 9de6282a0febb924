"""From ``[tasks.NAME.variables]`` and ``variables_from`` to the variables of a task.

A value alone is a default; a table says more. Where a step is a reduction (``reduce = "reduce.py"``), its file of
variables is the one of the defaults, and the table may say rules alone. What its runs are grouped by is their
experiment, and the file of a run is the input of that step, where the task does not say otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from procession.definitions.sources import Place
from procession.definitions.steps import Draft, Surroundings
from procession.definitions.tables import read_table
from procession.definitions.task_tables import TaskTable, VariableTable
from procession.errors import Invalid
from procession.model.command import GIVEN
from procession.model.event import PARAMETER
from procession.model.variable import Variable, declare


def read_variables(table: TaskTable, steps: Sequence[Draft], place: Place, around: Surroundings) -> dict[str, Any]:
    """The fields of a `Task` that tell of its variables."""
    step = next((step for step in steps if step.kind == "reduce" and step.defaults), None)
    source = _source(step, table, place, around)
    said = {
        "run_by": table.run_by,
        "group_by": table.group_by or table.experiment,
        "input_by": table.input_by or (step.input if step else ""),
    }
    found: dict[str, Any] = {key: value for key, value in said.items() if value}
    if source is not None:
        python = step.interpreter if step else str(around.find_python(table.python or around.python, place))
        found |= {"variables_from": str(source), "variables_python": python}
    inner = place.at("variables")
    declared = [_variable(name, each, inner.at(name), source) for name, each in (table.variables or {}).items()]
    return {**found, "declared": tuple(variable for variable in declared if variable is not None)}


def defaults_of(table: TaskTable) -> dict[str, Any]:
    """Name → default, of those that have one."""
    pairs = ((name, each.get("default") if isinstance(each, dict) else each) for name, each in _named(table))
    return {name: value for name, value in pairs if value is not None}


def _named(table: TaskTable) -> Any:
    return (table.variables or {}).items()


def _source(step: Draft | None, table: TaskTable, place: Place, around: Surroundings) -> Path | None:
    """The file of the defaults: as it is named, or that of the first reduction, which need not exist."""
    if table.variables_from is not None:
        path = Path(os.path.normpath(around.root / table.variables_from))
        if not path.is_file():
            place.at("variables_from").error(f"there is no file {path}; name the one with standard_vars")
        return path
    return Path(step.defaults) if step else None


def _variable(name: str, raw: Any, place: Place, source: Path | None) -> Variable | None:
    if not PARAMETER.fullmatch(name) or name in GIVEN:
        place.error(f"cannot be the name of a variable; start with a letter, and do not use {', '.join(GIVEN)}")
        return None
    table = read_table(VariableTable, raw if isinstance(raw, dict) else {"default": raw}, place)
    if table.default is None and source is None:
        place.error("has no default; write default = ... (only beside a reduction script it may be left out)")
        return None
    if table.default is None and table.type is None and not table.choices:
        place.error("says neither default nor type; write one of them")
        return None
    try:
        return declare(
            name, table.default, type=table.type, help=table.help or "", choices=table.choices or (),
            minimum=table.min, maximum=table.max, advanced=bool(table.advanced),
        )  # fmt: skip
    except Invalid as error:
        place.error(str(error).partition(": ")[2] or str(error))
        return None
