"""Verbs on variables: what a task declares, the sets that change it for runs to come, what a run would get."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.commands import variable_sets, variables
from procession.commands.variables import read_words
from procession.contract import strict_json
from procession.errors import Invalid
from procession.model.variable_set import VariableSet
from procession.project import Project
from procession.verbs.bounds import LARGEST, identity, up_to
from procession.verbs.verb import Caller, verb


def _object(text: str | None) -> dict[str, Any] | None:
    """The parameters of an event, as JSON in a query."""
    if text is None:
        return None
    try:
        found = strict_json(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"params is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise Invalid("params is an object of JSON: names and values")
    return found


def _run(name: str, value: int | None) -> int | None:
    """A run number, or none."""
    return None if value is None else up_to(name, value, LARGEST, 0)


@verb("variables", "read", "GET /tasks/{task}/variables")
def variables_(project: Project, caller: Caller, task: str) -> Any:
    """The variables of a task: types, current defaults of the script, help."""
    return present.declared(variables.declared(project, task))


@verb("variable-sets", "read", "GET /tasks/{task}/variable-sets")
def variable_sets_(project: Project, caller: Caller, task: str) -> Any:
    """The sets of variables of a task, also those of runs to come, and which no longer fit the script."""
    return present.page([present.variable_set(each) for each in variable_sets.listed(project, task)], None)


@verb("variable-set-add", "operate", "POST /tasks/{task}/variable-sets", status=201)
def variable_set_add(
    project: Project, caller: Caller, task: str, values: dict[str, Any] | None = None,
    texts: dict[str, str] | None = None, first_run: int | None = None, last_run: int | None = None,
    group: str | None = None, where: str | None = None, fix_all: bool = False, replace: bool = False,
    description: str = "",
) -> Any:  # fmt: skip
    """Set variables for new runs: from a run on, for a group, or where a condition holds."""
    given = dict(values or {})
    if texts:
        if twice := sorted(given.keys() & texts.keys()):
            raise Invalid(f"variable {twice[0]}: it is given twice")
        given |= read_words(variables.declared(project, task).need().variables, texts)
    new = VariableSet(
        task, group=group, first_run=_run("first_run", first_run), last_run=_run("last_run", last_run), where=where,
        description=description,
    )  # fmt: skip
    made = variable_sets.add(project, new, given, caller.asked(), fix_all=fix_all, replacing=replace)
    return {**present.variable_set(made.listed), "removed": list(made.removed), "cut": list(made.cut)}


@verb("variable-set-remove", "operate", "DELETE /tasks/{task}/variable-sets/{id}")
def variable_set_remove(project: Project, caller: Caller, task: str, id: int) -> Any:
    """Delete a set of variables. Existing processings keep their values; an earlier set applies again."""
    gone = variable_sets.remove(project, task, identity("id", id), caller.asked())
    return {"id": gone.id, "task": gone.task, "scope": gone.scope, "removed": True}


@verb("variables-preview", "read", "GET /tasks/{task}/variables/preview")
def variables_preview(
    project: Project, caller: Caller, task: str, run: int | None = None, group: str | None = None,
    params: str | None = None,
) -> Any:  # fmt: skip
    """What a run would get now, and why: the set that applies, each value. 'params' is an object, as JSON."""
    return present.preview(variables.preview(project, task, _run("run", run), group, _object(params)))


@verb("variables-script", "read", "GET /tasks/{task}/variables/script")
def variables_script(
    project: Project, caller: Caller, task: str, run: int | None = None, group: str | None = None,
    params: str | None = None,
) -> Any:  # fmt: skip
    """The script with the values that a run would get, as files that run by hand."""
    return {
        "files": variables.script(project, variables.preview(project, task, _run("run", run), group, _object(params)))
    }
