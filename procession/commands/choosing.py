"""Choosing: which values a processing is born with, and which run and group it is of.

*In:* the parameters of an event, the sets of its task. *Out:* `Chosen` with the origin of each. *Always:* what the
event itself brings goes before every set; the choice is made once, at the birth, and stands in the row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from procession.errors import Invalid
from procession.model.chosen import Chosen, of_message
from procession.model.command import Command
from procession.model.task import Task
from procession.model.variable import SECTIONS, Variable
from procession.model.variable_set import LARGEST_RUN, MAX_GROUP, VariableSet, choose
from procession.store import variable_sets
from procession.store.database import Tx

RUNS, INPUTS = "runs", "inputs"
"""Parameters of an event that is of several runs: their numbers, and their files."""
_NUMBER = re.compile(r"[0-9]{1,19}")


@dataclass(slots=True)
class Chooser:
    """The sets of the tasks of one transaction, each task's read once."""

    tx: Tx
    _sets: dict[str, list[VariableSet]] = field(default_factory=dict)

    def choose(self, task: Task, params: Mapping[str, Any], run: int | None, group: str | None) -> Chosen:
        """The values of a new processing."""
        if not task.adjustable:
            return Chosen()
        if task.name not in self._sets:
            self._sets[task.name] = variable_sets.of_task(self.tx, task.name)
        sets = self._sets[task.name]
        return put_together(task, choose(sets, run, group, params) if sets else None, params)

    def choose_for(self, task: Task, params: Mapping[str, Any]) -> Chosen:
        """The values that an event of these parameters is born with."""
        return self.choose(task, params, first_run_of(task, params), group_of(task, params))


def put_together(task: Task, chosen: VariableSet | None, params: Mapping[str, Any]) -> Chosen:
    """The values of a set, and over them those of the event."""
    found = Chosen()
    if chosen is not None:
        sections = {"standard_vars": chosen.standard_vars, "advanced_vars": chosen.advanced_vars}
        found = Chosen(set_id=chosen.id).over(sections, f"set {chosen.id} ({chosen.scope})")
        # what has its default in a file is no parameter: a script would look for it among these values alone
        found = found.without(frozenset(v.name for v in task.declared if v.name in params and not v.needs_default))
    return found.over(of_message(params), "the event")


def run_of(task: Task, params: Mapping[str, Any]) -> int | None:
    """The run number of an event; None where it has none."""
    text = _rendered(task.run_by, task, params)
    if text is None or not _NUMBER.fullmatch(text) or int(text) >= LARGEST_RUN:
        return None
    return int(text)


def first_run_of(task: Task, params: Mapping[str, Any]) -> int | None:
    """The run by which its set is chosen: its own, or the first of several."""
    runs = params.get(RUNS)
    if isinstance(runs, list) and runs and all(type(run) is int for run in runs):
        return int(min(runs))
    return run_of(task, params)


def group_of(task: Task, params: Mapping[str, Any]) -> str | None:
    """What the run of an event is grouped by; None where it is nothing."""
    text = _rendered(task.group_by, task, params)
    return None if text is None or len(text) > MAX_GROUP else text


def _rendered(template: str, task: Task, params: Mapping[str, Any]) -> str | None:
    if not template:
        return None
    try:
        return Command((template,), allow_dash=True).render(task.values(params), {}, {})[0]
    except Invalid:  # the event does not bring it
        return None


def check_brought(task: Task, params: Mapping[str, Any]) -> None:
    """Raise Invalid where an event brings values that its task cannot have."""
    if not task.adjustable:
        return
    brought = of_message(params)
    for variable in task.declared:
        if variable.name in params:
            _check(variable, params[variable.name])
        for section in SECTIONS:
            if variable.name in brought.get(section, {}):
                variable.check(brought[section][variable.name])


def _check(variable: Variable, value: Any) -> None:
    """A parameter may come as text, as a script finds it."""
    if isinstance(value, str) and variable.type not in ("text", "enum"):
        variable.read(value)
    else:
        variable.check(value)
