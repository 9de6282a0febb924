"""Sets of variables: values for the processings of a task that are still to come.

*In:* a task, what the set is for, values. *Out:* rows of `variable_set`. *Always:* a value that its variable cannot
have is refused with the variable and the rule; a set that would lie over others is refused with their names, unless
it shall replace them; what was born keeps its values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from procession.commands.asked import Asked
from procession.commands.variables import Declared, declared, declared_by, find_task, misfits, task_of
from procession.errors import NotFound, Refused
from procession.model.variable import ADVANCED, OTHER, STANDARD, sorted_values
from procession.model.variable_set import VariableSet, conflicts, displaced, standing
from procession.project import Project
from procession.store import moves, tasks
from procession.store import variable_sets as store

MOST = 10_000
"""Sets of a task."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A set as it stands."""

    found: VariableSet
    standing: str
    """``current``, ``upcoming``, ``past``, ``covered``, or ``removed`` where its task is gone."""
    follows: tuple[str, ...]
    """Variables that follow the script: all that the set does not fix."""
    unfit: tuple[str, ...]
    """What of it does not fit the script any more, one line each."""
    script_changed: bool
    """The file of the defaults is another than when it was made."""


@dataclass(frozen=True, slots=True)
class Made:
    """A set that was made."""

    listed: Listed
    removed: tuple[int, ...]
    """Sets that it took the place of."""
    cut: tuple[int, ...]
    """Sets that begin behind it now."""


def add(
    project: Project, new: VariableSet, values: Mapping[str, Any], who: Asked, *, fix_all: bool = False,
    replacing: bool = False,
) -> Made:  # fmt: skip
    """Make a set. `values`: name → value; `fix_all` fixes the others at their present defaults, too.

    Refused where it conflicts with others, unless `replacing`.
    """
    new.check()
    known = declared(project, new.task).need()
    _check_reachable(new, known)
    given = dict(values)
    if fix_all:
        given = {**_present(known, given), **given}
    sections = sorted_values(known.variables, given)
    new = replace(
        new, standard_vars=sections[STANDARD], advanced_vars=sections[ADVANCED], made_for=new.first_run, by=who.by,
        at=project.now(), script=known.digest,
    )  # fmt: skip
    with project.store.begin() as tx:
        store.hold_task(tx, new.task)
        task_of(tx, new.task)
        sets = store.of_task(tx, new.task)
        if len(sets) >= MOST:
            raise Refused(f"task {new.task} has {len(sets)} sets already; delete some")
        in_the_way = conflicts(new, sets)
        if in_the_way and not replacing:
            raise Refused(_conflict(new, in_the_way))
        cut = []
        for each in in_the_way:
            if (left := displaced(each, new)) is None or left.first_run is None:
                store.remove(tx, each.id)
            else:
                store.cut(tx, each.id, left.first_run)
                cut.append(each.id)
        made = replace(new, id=store.add(tx, new))
        said = f"set {made.id} of task {new.task}: {new.scope}"
        moves.tell(tx, "task", "variables", project.now(), who.by, said)
    removed = tuple(each.id for each in in_the_way if each.id not in cut)
    return Made(_listed_one(project, known, made), removed, tuple(cut))


def _check_reachable(new: VariableSet, known: Declared) -> None:
    """Refuse a set that no processing could ever have."""
    for kind, key in (("runs", "run_by"), ("group", "group_by")):
        if new.kind == kind and not getattr(known.task, key):
            raise Refused(
                f"a set for {new.scope} would never apply: task {new.task} does not say {key}, so its processings have "
                f'none; write {key} = "{{…}}" in [tasks.{new.task}]'
            )


def _present(known: Declared, given: Mapping[str, Any]) -> dict[str, Any]:
    """The present defaults of what is not given, as far as they can be fixed."""
    twice = {name for name, n in Counter(v.name for v in known.variables).items() if n > 1}
    names = {f"{v.section}.{v.name}" if v.name in twice else v.name: v for v in known.variables if v.type != OTHER}
    return {name: v.default for name, v in names.items() if name not in given}


def _conflict(new: VariableSet, others: Sequence[VariableSet]) -> str:
    shown = ", ".join(f"set {each.id} ({each.scope})" for each in others[:5])
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    return (
        f"a set for {new.scope} of task {new.task} conflicts with {shown}{more}, "
        "which would go before it; choose other runs, or say that it replaces them (--replace)"
    )


def remove(project: Project, task: str, set_id: int, who: Asked) -> VariableSet:
    """Delete a set; what was born with it keeps its values. NotFound if the task has no such set."""
    with project.store.begin() as tx:
        store.hold_task(tx, task)
        found = next((each for each in store.of_task(tx, task) if each.id == set_id), None)
        if found is None:
            raise NotFound(f"task {task[:60]} has no set {set_id}; see: procession variables list {task[:60]}")
        store.remove(tx, set_id)
        moves.tell(tx, "task", "variables", project.now(), who.by, f"set {set_id} of task {task} is deleted")
    return found


def listed(project: Project, task: str) -> list[Listed]:
    """All sets of a task: those by group, by runs in their order, by filter. Of a task that is gone they are there
    still, and can be deleted."""
    with project.store.read() as tx:
        sets = store.of_task(tx, task)
        names = tasks.names(tx)
        latest = store.latest_run(tx, task)
        known = None
        if task in names or not sets:
            known = find_task(tx, task)
    found = None if known is None else declared_by(known)
    order = {"group": 0, "runs": 1, "filter": 2}
    rows = sorted(sets, key=lambda each: (order[each.kind], each.first_run or 0, each.made_for or 0, each.id))
    return [_listed(each, sets, found, latest) for each in rows]


def _listed_one(project: Project, known: Declared, made: VariableSet) -> Listed:
    with project.store.read() as tx:
        return _listed(made, store.of_task(tx, made.task), known, store.latest_run(tx, made.task))


def _listed(each: VariableSet, sets: Sequence[VariableSet], known: Declared | None, latest: int | None) -> Listed:
    if known is None:
        return Listed(each, "removed", (), (), script_changed=False)
    fixed = {(STANDARD, name) for name in each.standard_vars} | {(ADVANCED, name) for name in each.advanced_vars}
    sections = {STANDARD: each.standard_vars, ADVANCED: each.advanced_vars}
    unfit = misfits(known.variables, sections) if known.problem is None else [known.problem]
    return Listed(
        each, standing(each, sets, latest),
        tuple(v.name for v in known.variables if (v.section, v.name) not in fixed), tuple(unfit),
        script_changed=known.digest is not None and each.script not in (None, known.digest),
    )  # fmt: skip
