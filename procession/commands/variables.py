"""Variables: what a task declares, what a run would get and why, and the script with these values to take away.

*In:* a task, a run or a group. *Out:* its variables with their defaults as the script has them now; for a run the set
that applies and the value of each. *Always:* nothing is changed; files are read outside of transactions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from procession.commands.choosing import put_together
from procession.commands.events import unknown_task
from procession.definitions.variables_file import VariablesFile, read_file
from procession.errors import Invalid, NotFound, Refused
from procession.model.chosen import Chosen
from procession.model.event import check_params
from procession.model.task import Task
from procession.model.variable import ADVANCED, SECTIONS, STANDARD, Variable, find
from procession.model.variable_set import VariableSet, choose, explain
from procession.project import Project
from procession.store import tasks, variable_sets
from procession.store.database import Tx


@dataclass(frozen=True, slots=True)
class Declared:
    """The variables of a task as they are now."""

    task: Task
    variables: tuple[Variable, ...]
    file: VariablesFile | None = None
    problem: str | None = None
    """Why the file of the defaults cannot be read; the variables of the task file alone are there then."""

    @property
    def digest(self) -> str | None:
        """SHA-256 of the file of the defaults."""
        return None if self.file is None else self.file.digest

    def need(self) -> Declared:
        """These, if they could be read; Invalid else."""
        if self.problem is not None:
            raise Invalid(f"the variables of task {self.task.name} are not known: {self.problem}")
        return self


def task_of(tx: Tx, name: str) -> Task:
    """The task of this name, in force; NotFound if there is none, Refused if it has no variables."""
    found = find_task(tx, name)
    if not found.adjustable:
        raise Refused(
            f"task {name} has no variables; declare some in [tasks.{name}.variables], or name the file of the defaults"
        )
    return found


def find_task(tx: Tx, name: str) -> Task:
    """The task of this name, in force; NotFound if there is none."""
    current = tasks.current(tx)
    found = next((task for task in current.values() if task.name == name), None)
    if found is None:
        raise NotFound(unknown_task(name, [task.name for task in current.values()]))
    return found


def declared(project: Project, name: str) -> Declared:
    """The variables of a task, its file of defaults read now."""
    with project.store.read() as tx:
        task = task_of(tx, name)
    return declared_by(task)


def declared_by(task: Task) -> Declared:
    """The same of a task that was found."""
    if not task.variables_from or not Path(task.variables_from).exists():  # a reduction need not have one
        return Declared(task, tuple(v for v in task.declared if not v.needs_default))
    try:
        file = read_file(task.variables_from, task.variables_python)
    except Invalid as error:
        return Declared(task, tuple(v for v in task.declared if not v.needs_default), problem=str(error))
    return Declared(task, joined(task.declared, file.variables), file)


def joined(rules: Sequence[Variable], script: Sequence[Variable]) -> tuple[Variable, ...]:
    """The variables of the script with the rules of the task file, and those of the task file alone."""
    known = {variable.name: variable for variable in script}
    said = {variable.name: variable for variable in rules}
    found = [_ruled(said[v.name], v) if v.name in said and said[v.name].needs_default else v for v in script]
    return (*found, *(v for v in rules if not v.needs_default and v.name not in known))


def _ruled(rule: Variable, script: Variable) -> Variable:
    return replace(
        rule, default=script.default, help=rule.help or script.help, advanced=script.advanced, needs_default=False
    )


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would get."""

    declared: Declared
    run: int | None
    group: str | None
    chosen: VariableSet | None
    values: Chosen
    looks: tuple[tuple[VariableSet, str], ...]
    """Every set, and why it applies or does not."""

    def effective(self) -> list[tuple[Variable, Any, str]]:
        """Each variable with the value that it would have, and where that comes from."""
        return effective(self.declared.variables, self.values)

    def unfit(self) -> list[str]:
        """What of the values does not fit the script as it is now."""
        return misfits(self.declared.variables, self.values.sections())


def effective(variables: Sequence[Variable], values: Chosen) -> list[tuple[Variable, Any, str]]:
    """Each variable with its value, and where it comes from."""
    found = []
    for variable in variables:
        over = values.section(variable.section)
        if variable.name in over:
            found.append((variable, over[variable.name], values.origin.get(variable.name, "")))
        else:
            found.append((variable, variable.default, "default"))
    return found


def misfits(variables: Sequence[Variable], sections: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line for each value that the script as it is now has no place for, or that breaks a rule."""
    found = []
    for section in SECTIONS:
        for name, value in sections.get(section, {}).items():
            one = next((v for v in variables if (v.name, v.section) == (name, section)), None)
            if one is None:
                found.append(f"variable {name}: {section} has none of this name any more")
                continue
            try:
                one.check(value)
            except Invalid as error:
                found.append(str(error))
    return found


def preview(
    project: Project, name: str, run: int | None = None, group: str | None = None,
    params: Mapping[str, Any] | None = None,
) -> Preview:  # fmt: skip
    """What a run of this task would get now, and why."""
    given = dict(params or {})
    check_params(given)
    with project.store.read() as tx:
        task = task_of(tx, name)
        sets = variable_sets.of_task(tx, name)
    chosen = choose(sets, run, group, given)
    return Preview(
        declared_by(task), run, group, chosen, put_together(task, chosen, given),
        tuple(explain(sets, run, group, given)),
    )  # fmt: skip


# ── to take away ───────────────────────────────────────────────────────────────────────────────────

_RUN = '''"""Runs the reduction beside this file by hand:  python run.py INPUT OUTPUT_DIRECTORY"""

import sys

import {script}
import {variables}

if not hasattr({script}, "web_var"):
    {script}.web_var = {variables}
print({script}.main(sys.argv[1], sys.argv[2]))
'''


def script(project: Project, found: Preview) -> dict[str, str]:
    """File name → text: the file of the defaults with the values put over it, the scripts as they are, and a file that
    runs them by hand."""
    file = found.declared.need().file
    if file is None:
        raise Refused(
            f"task {found.declared.task.name} has no file of defaults; its variables are parameters of its scripts"
        )
    path = Path(file.path)
    texts = {path.name: _text_of(path) + _over(found)}
    for each in _scripts(found.declared.task):
        if each.name not in texts:
            texts[each.name] = _text_of(each)
    main = next((each for each in _scripts(found.declared.task) if each.stem.isidentifier()), None)
    if main is not None and path.stem.isidentifier():
        texts["run.py"] = _RUN.format(script=main.stem, variables=path.stem)
    return texts


def _scripts(task: Task) -> list[Path]:
    """The Python scripts beside the file of the defaults."""
    beside = Path(task.variables_from)
    names = dict.fromkeys(name for plan in task.steps for name in plan.command.scripts)
    return [p for p in map(Path, names) if p.suffix == ".py" and p.parent == beside.parent and p != beside]


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError as error:
        raise Refused(f"{path} cannot be read ({error.strerror})") from None


def _over(found: Preview) -> str:
    lines = ["", "", f"# Put over the defaults by Procession, for task {found.declared.task.name}, {_for(found)}."]
    for section in (STANDARD, ADVANCED):
        values = found.values.section(section)
        if values:
            known = next((v for v in found.declared.variables if v.section == section), None)
            start = f"{section}.update(" if known else f"{section} = dict("
            lines += [start + "{", *(f"    {name!r}: {value!r}," for name, value in values.items()), "})"]
    return "\n".join(lines) + "\n"


def _for(found: Preview) -> str:
    said = [f"run {found.run}"] if found.run is not None else []
    said += [f"group {found.group}"] if found.group is not None else []
    said += [f"set {found.chosen.id}"] if found.chosen is not None else ["the defaults"]
    return " ".join(", ".join(said).split())


def read_words(variables: Sequence[Variable], words: Mapping[str, Any]) -> dict[str, Any]:
    """Values as people write them in one word, read by the types of the variables; what is no text stays as it is."""
    return {
        name: find(variables, name).read(value) if isinstance(value, str) else value for name, value in words.items()
    }
