"""A task with variables in its file, and a file of defaults beside a script: what the tests of variables share."""

from pathlib import Path
from textwrap import dedent
from typing import Any

from procession.commands import variable_sets
from procession.commands.asked import Asked
from procession.commands.variable_sets import Made
from procession.model.chosen import Chosen
from procession.model.variable_set import VariableSet
from tests.flow.driven import Driven

DECLARED = """
[tasks.t]
on = "e"
run = "./one.sh {threshold}"
run_by = "{run}"
group_by = "{rb}"
input_by = "{path}"
[tasks.t.variables]
threshold = 0.5
method = { default = "fast", choices = ["fast", "exact"], help = "How it counts." }
spectra = { default = [1, 2], advanced = true }
title = "a"
live = false
"""
FROM_FILE = """
[tasks.t]
on = "e"
run = "./one.sh"
variables_from = "reduce_vars.py"
run_by = "{run}"
group_by = "{rb}"
"""
DEFAULTS = '''
"""What the instrument scientist changes."""
standard_vars = {"wavelength": 1.8, "title": "gem", "live": False}
advanced_vars = {"spectra": [1, 2, 3], "masks": ["a"], "path": None}
variable_help = {"standard_vars": {"wavelength": "In angstroms."}, "advanced_vars": {}}
'''
WHO = Asked("ada")


def defaults(root: Path, text: str = DEFAULTS) -> Path:
    """Write the file of the defaults."""
    root.mkdir(parents=True, exist_ok=True)
    path = root / "reduce_vars.py"
    path.write_text(dedent(text))
    return path


def add(
    d: Driven, first: int | None = None, last: int | None = None, *, group: str | None = None,
    where: str | None = None, replacing: bool = False, fix_all: bool = False, task: str = "t", **values: Any,
) -> Made:  # fmt: skip
    """Make a set."""
    new = VariableSet(task, group=group, first_run=first, last_run=last, where=where)
    return variable_sets.add(d.project, new, values, WHO, fix_all=fix_all, replacing=replacing)


def chosen(d: Driven, processing_id: int) -> Chosen:
    """The values that a processing was born with."""
    return d.get(processing_id).values
