"""Re-runs: what has ended is processed anew with other variables, as its next version or as a trial.

*In:* an ended processing; values, which script, a description. *Out:* a new version; or a trial, which is a processing
beside the versions whose output stays in its directory. *Always:* values are checked before anything is written; files
are read outside of transactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from procession import code
from procession.commands.asked import Asked, Done
from procession.commands.birth import Own
from procession.commands.choosing import Chooser
from procession.commands.events import submit_all
from procession.commands.processings import look
from procession.commands.restarts import Anew, restart_anew
from procession.commands.variables import Declared, declared_by, read_words
from procession.definitions.variables_file import read_text
from procession.errors import Invalid, NotFound, Refused
from procession.model.chosen import Chosen
from procession.model.event import NewEvent, check_text
from procession.model.processing import Processing
from procession.model.task import Task
from procession.model.variable import OTHER, SECTIONS, same, sorted_values
from procession.model.variable_set import MAX_DESCRIPTION
from procession.project import Project
from procession.store import scripts, tasks
from procession.store.database import Tx

KEPT, ORIGINAL, CURRENT = "kept", "original", "current"


@dataclass(frozen=True, slots=True)
class Wish:
    """How something is to be processed anew."""

    values: Mapping[str, Any]
    """Name → value, over all others."""
    texts: Mapping[str, str]
    """The same as people write them in one word; read by the types of the variables."""
    variables: str = KEPT
    """``kept``: as the version that runs again; ``original``: as the first version; ``current``: as a new run."""
    script: str = CURRENT
    """``current``: definition and scripts as they are now; ``original``: as the first version had them."""
    description: str | None = None
    priority: int | None = None
    fresh: bool = False

    def check(self) -> Wish:
        """This wish, if it can be; Invalid else."""
        if self.variables not in (KEPT, ORIGINAL, CURRENT):
            raise Invalid(f"variables are kept, original or current, not {self.variables[:40]!r}")
        if self.script not in (ORIGINAL, CURRENT):
            raise Invalid(f"the script is original or current, not {self.script[:40]!r}")
        check_text("the description", self.description or "")
        if len(self.description or "") > MAX_DESCRIPTION:
            said = len(self.description or "")
            raise Invalid(f"the description is {said} characters long; the longest is {MAX_DESCRIPTION}")
        return self


# ── one ────────────────────────────────────────────────────────────────────────────────────────────


def rerun(project: Project, processing_id: int, wish: Wish, who: Asked) -> Done:
    """Make the next version of an ended processing."""
    how = _how(project, processing_id, wish.check())
    return project.store.change(lambda tx: restart_anew(project, tx, processing_id, who, how))


def trial(project: Project, processing_id: int, wish: Wish, who: Asked) -> Done:
    """Process the event of a processing once more, to see what comes of other values: no version, and what it makes
    stays in its directory."""
    how = _how(project, processing_id, wish.check())
    with project.store.begin() as tx:
        old = look(tx, processing_id)
        definition_id, task = in_force(tx, old.task)
        if how.recorded:
            raise Refused("a trial runs the script as it is now; for the original one make a version: procession rerun")
        values = old.values if how.values is None else how.values
        if how.choose:
            values = Chooser(tx).choose_for(task, old.params)
        if how.changed:
            values = values.over(how.changed, f"changed by {who.by}")
        own = Own(replace(values, trial=True), wish.description)
        new_id = submit_one_of(
            project, tx, (definition_id, task), old.event, dict(old.params), old.title, wish, who, own
        )
    return Done(new_id, f"processing {new_id} tries the event of processing {processing_id} out")


def submit_one_of(
    project: Project, tx: Tx, by: tuple[int, Task], name: str, params: dict[str, Any], title: str, wish: Wish,
    who: Asked, own: Own,
) -> int:  # fmt: skip
    """Submit an event that a person makes of what came before, for one task alone; return the processing."""
    event = NewEvent(
        name, params, None, title, f"person:{who.by}", by[1].priority if wish.priority is None else wish.priority,
        not wish.fresh,
    )  # fmt: skip
    (done,) = submit_all(project, tx, [event], only=(by,), own=own)
    return done.processings[0]


def in_force(tx: Tx, name: str) -> tuple[int, Task]:
    """The definition that a task has now; Refused if it has none."""
    found = next((pair for pair in tasks.current(tx).items() if pair[1].name == name), None)
    if found is None:
        raise Refused(f"task {name} is no longer in the files, so nothing new can be made for it")
    return found


# ── what a wish comes to ───────────────────────────────────────────────────────────────────────────


def _how(project: Project, processing_id: int, wish: Wish) -> Anew:
    with project.store.read() as tx:
        old = look(tx, processing_id)
        task = _task_for(tx, old, wish)
    known = declared_by(task)
    return anew(project, old, wish, known, changed(known, wish))


def _task_for(tx: Tx, old: Processing, wish: Wish) -> Task:
    """The definition by whose variables the values are read."""
    if wish.script == ORIGINAL:
        return tasks.by_hash(tx, _first(tx, old).definition)
    return in_force(tx, old.task)[1]


def changed(known: Declared, wish: Wish) -> dict[str, dict[str, Any]]:
    """The values of a wish by section, checked; Invalid names the variable and the rule."""
    if not wish.values and not wish.texts:
        return {}
    if not known.task.adjustable:
        raise Invalid(f"task {known.task.name} has no variables, so none can be changed")
    known.need()
    if twice := sorted(wish.values.keys() & wish.texts.keys()):
        raise Invalid(f"variable {twice[0]}: it is given twice")
    return sorted_values(known.variables, {**wish.values, **read_words(known.variables, wish.texts)})


def anew(project: Project, old: Processing, wish: Wish, known: Declared, over: Mapping[str, Mapping[str, Any]]) -> Anew:
    """How the next version of this processing is born."""
    original = wish.script == ORIGINAL
    return Anew(
        recorded=original, priority=wish.priority, fresh=wish.fresh, recorded_of=old.root if original else None,
        values=_original(project, old, known) if wish.variables == ORIGINAL else old.values,
        choose=wish.variables == CURRENT, changed=over, description=wish.description,
    )  # fmt: skip


def _first(tx: Tx, old: Processing) -> Processing:
    try:
        return look(tx, old.root)
    except NotFound:
        raise Refused(
            f"the first version of processing {old.id}, processing {old.root}, is not kept any more; take the current "
            "script and variables"
        ) from None


def _original(project: Project, old: Processing, known: Declared) -> Chosen:
    """What the first version had: its values, and beside them the defaults of its script where they are others now."""
    with project.store.read() as tx:
        first = _first(tx, old)
        kept = [scripts.code_of(tx, first.id, step.ordinal).get(known.task.variables_from) for step in first.steps]
    found = replace(first.values, origin=dict.fromkeys(first.values.flat(), "version 1"))
    digest = next(filter(None, kept), None)
    text = None if digest is None else code.text_of(project.var.code, digest)
    if text is None or digest == known.digest:
        return found
    before = read_text(known.task.variables_from, text.encode(), known.task.variables_python).variables
    now = {(v.section, v.name): v for v in known.variables}
    over: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for variable in before:
        there = now.get((variable.section, variable.name))
        if there is None or OTHER in (there.type, variable.type) or same(there.default, variable.default):
            continue
        if variable.name not in first.values.section(variable.section):
            over[variable.section][variable.name] = variable.default
    return found.over(over, "default of version 1")
