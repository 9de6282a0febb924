"""Variables, sets of them, and what a run would get → JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.clock import iso_at

if TYPE_CHECKING:  # what a command does not use it does not load
    from procession.commands.variable_sets import Listed
    from procession.commands.variables import Declared, Preview
    from procession.model.processing import Processing
    from procession.model.variable import Variable


def variables_of(found: Processing) -> dict[str, Any] | None:
    """What replaces the defaults of its variables; null where nothing does."""
    values = found.values
    if not values:
        return None
    return {
        "standard_vars": dict(values.standard_vars),
        "advanced_vars": dict(values.advanced_vars),
        "origin": dict(values.origin),
        "set": values.set_id,
        "trial": values.trial,
    }


def variable(found: Variable) -> dict[str, Any]:
    """A variable as its task declares it."""
    return {
        "name": found.name,
        "type": found.type,
        "default": found.default,
        "help": found.help,
        "choices": list(found.choices),
        "min": found.minimum,
        "max": found.maximum,
        "advanced": found.advanced,
    }


def declared(found: Declared) -> dict[str, Any]:
    """The variables of a task."""
    return {
        "task": found.task.name,
        "file": found.task.variables_from or None,
        "script": found.digest,
        "problem": found.problem,
        "items": [variable(each) for each in found.variables],
        "next": None,
    }


def variable_set(found: Listed) -> dict[str, Any]:
    """A set of variables as it stands."""
    one = found.found
    return {
        "id": one.id,
        "task": one.task,
        "kind": one.kind,
        "scope": one.scope,
        "first_run": one.first_run,
        "last_run": one.last_run,
        "made_for": one.made_for,
        "group": one.group,
        "where": one.where,
        "standard_vars": dict(one.standard_vars),
        "advanced_vars": dict(one.advanced_vars),
        "follows": list(found.follows),
        "standing": found.standing,
        "unfit": list(found.unfit),
        "script_changed": found.script_changed,
        "description": one.description,
        "by": one.by,
        "at": iso_at(one.at),
    }


def preview(found: Preview) -> dict[str, Any]:
    """What a run would get, and why."""
    return {
        "task": found.declared.task.name,
        "run": found.run,
        "group": found.group,
        "set": None if found.chosen is None else found.chosen.id,
        "variables": [{**variable(v), "value": value, "origin": origin} for v, value, origin in found.effective()],
        "sets": [{"id": each.id, "scope": each.scope, "why": why} for each, why in found.looks],
        "unfit": found.unfit(),
        "problem": found.declared.problem,
    }
