"""From ``{ reduce = "reduce.py" }`` in the file to the command that runs it: our driver with the step's interpreter.

In: the table of the step. Out: a `Reduction`; None, with the mistakes noted. Always: the script is fixed here, by the
people who wrote the file; values of events are parts of paths, never options of the driver.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from procession.definitions import programs
from procession.definitions.sources import Place
from procession.definitions.task_tables import StepTable
from procession.errors import Invalid
from procession.model.command import Command, parse_word, placeholders

DRIVER = Path(__file__).parents[1] / "supervise" / "reducer.py"
VARIABLES = "reduce_vars.py"
"""Looked for beside the script, where ``vars`` names no other file."""
PLOTS = ("*.png", "*.jpg", "*.jpeg", "*.gif", "*.svg", "*.webp", "*.plotly.json")
"""What is shown of the output directory, where ``artifacts`` says nothing."""
DELAY = 6 * 3600.0
"""Seconds after which a reduction is tried again whose surroundings said no."""


@dataclass(frozen=True, slots=True)
class Reduction:
    """What a step with ``reduce`` runs."""

    command: Command
    script: str
    defaults: str
    """The file of variables; it need not exist where the definition does not name it."""


def reduction(table: StepTable, name: str, interpreter: Path, root: Path, place: Place) -> Reduction | None:
    """Make it of the table of a step that has a name."""
    script = _script(table.reduce or "", root, place.at("reduce"))
    if table.vars is None:
        defaults = script.parent / VARIABLES if script else None
    else:
        defaults = _script(table.vars, root, place.at("vars"))
    inputs = (table.input,) if isinstance(table.input, str) else table.input
    if not inputs:
        place.error('does not say what main gets; write input = "{path}"')
    words = [_plain(str(interpreter)), _plain(str(DRIVER))]
    fixed: list[str] = []
    for option, template in (("output", table.output), ("logs", table.logs)):
        if template is not None and (made := _place(template, root, place.at(option))):
            words.append(f"--{option}={made[0]}")
            fixed += [made[1]] if made[1] else []
    if script is None or defaults is None or not inputs:
        return None
    words += [f"--script={_plain(str(script))}", "--text", _plain(str(script))]
    words += [f"--vars={_plain(str(defaults))}", "--vars-text", _plain(str(defaults))]
    words += [f"--into={{work}}/{name}-output", *(f"--fixed={_plain(each)}" for each in dict.fromkeys(fixed))]
    words += [f"--input={each}" for each in inputs] + ([] if isinstance(table.input, str) else ["--list"])
    words += ["--overwrite"] if table.overwrite else []
    words += ["--versions"] if table.versions is not False else []
    words += [f"--artifact={_plain(each)}" for each in (PLOTS if table.artifacts is None else table.artifacts)]
    words.append(f"--delay={DELAY if table.environment_delay is None else table.environment_delay:g}")
    return Reduction(Command(tuple(words), (str(script), str(defaults))), str(script), str(defaults))


def _script(name: str, root: Path, place: Place) -> Path | None:
    try:
        found = programs.find_script(name, root, "python")
    except (Invalid, OSError) as error:
        place.error(str(error) if isinstance(error, Invalid) else f"names no usable file ({error.strerror})")
        return None
    if programs.writable_by_all(found):
        place.warning(f"everyone may write to {found}, and so decide what is run; do: chmod o-w {found}")
    return Path(os.path.normpath(found))


def _place(template: str, root: Path, place: Place) -> tuple[str, str] | None:
    """An absolute template of a directory, and what of it must be there before: its part before the first value,
    where that is outside the project."""
    try:
        first = parse_word(template)[0]
        tuple(placeholders(template))
    except Invalid as error:
        place.error(str(error))
        return None
    if template.startswith("/"):
        head = first if isinstance(first, str) else "/"
        fixed = os.path.normpath(head if head == template else head.rpartition("/")[0] or "/")
        if Path(fixed) == root or root in Path(fixed).parents:
            return os.path.normpath(template), ""
        if not Path(fixed).is_dir():
            place.warning(f"{fixed} is not there now, and is not made: reductions wait until it is; is it mounted?")
        return os.path.normpath(template), fixed
    below = template.removeprefix("{project}/")
    return os.path.normpath(f"{_plain(str(root))}/{below}"), ""


def _plain(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
