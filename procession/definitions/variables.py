"""From ``[tasks.NAME.variables]`` and ``variables_from`` to the variables of a task.

A value alone is a default; a table says more. Where a step is a reduction (``reduce = "reduce.py"``), the file
``reduce_vars.py`` beside its script is the one of the defaults, and the table may say rules alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from procession.definitions.schema import TaskTable, VariableTable, read_table
from procession.definitions.sources import Place
from procession.definitions.steps import Surroundings
from procession.errors import Invalid
from procession.model.command import GIVEN
from procession.model.event import PARAMETER
from procession.model.variable import Variable, declare

FILE = "reduce_vars.py"
"""What the file of the defaults is called beside a reduction script."""


def read_variables(raw: dict[str, Any], table: TaskTable, place: Place, around: Surroundings) -> dict[str, Any]:
    """The fields of a `Task` that tell of its variables."""
    step = _reduction(raw)
    source = _source(step, table, place, around)
    found: dict[str, Any] = {key: value for key in ("run_by", "group_by", "input_by") if (value := getattr(table, key))}
    if source is not None:
        choice = next((c for c in (step.get("python"), table.python, around.python) if isinstance(c, str)), None)
        found |= {"variables_from": str(source), "variables_python": str(around.find_python(choice, place))}
    inner = place.at("variables")
    declared = [_variable(name, each, inner.at(name), source) for name, each in (table.variables or {}).items()]
    return {**found, "declared": tuple(variable for variable in declared if variable is not None)}


def defaults_of(table: TaskTable) -> dict[str, Any]:
    """Name → default, of those that have one."""
    pairs = ((name, each.get("default") if isinstance(each, dict) else each) for name, each in _named(table))
    return {name: value for name, value in pairs if value is not None}


def _named(table: TaskTable) -> Any:
    return (table.variables or {}).items()


def _reduction(raw: dict[str, Any]) -> dict[str, Any]:
    """The first step that is a reduction; empty if none is."""
    steps = raw.get("steps")
    found = [step for step in (steps if isinstance(steps, list) else ()) if isinstance(step, dict)]
    return next((step for step in found if isinstance(step.get("reduce"), str) and step["reduce"].strip()), {})


def _source(step: dict[str, Any], table: TaskTable, place: Place, around: Surroundings) -> Path | None:
    """The file of the defaults: as it is named, or the one beside the script of a reduction, which need not exist."""
    if table.variables_from is not None:
        path = Path(os.path.normpath(around.root / table.variables_from))
        if not path.is_file():
            place.at("variables_from").error(f"there is no file {path}; name the one with standard_vars")
        return path
    if not step:
        return None
    named = step.get("vars")
    beside = around.root / named if isinstance(named, str) else (around.root / step["reduce"]).parent / FILE
    return Path(os.path.normpath(beside))


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
