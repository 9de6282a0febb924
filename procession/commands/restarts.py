"""Restart: run again what has ended, from a step on or as a new version.

In: an ended processing. Out: with a step, the same processing, in which that step and all that need it wait for their
turn again; without one, a new version: a processing of the same event in a directory of its own.
Always: what was is kept: attempts, logs, and beside a new version the whole old one. New data come before what runs
again, unless a person says otherwise. What a restarted script emits is known by the same keys, so it is a repeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from procession.commands.asked import Asked, Done
from procession.commands.birth import Newborn, bear, check_parameters
from procession.commands.choosing import Chooser
from procession.commands.processings import find_step, keep_held, look, refuse_unfit, reopen, standing_of, uncount
from procession.errors import Refused
from procession.model.chosen import Chosen
from procession.model.event import ranked
from procession.model.processing import Processing, needing
from procession.model.states import PROCESSING, STEP
from procession.model.task import Task
from procession.project import Project
from procession.store import events, moves, scripts, settings, tasks, wishes
from procession.store.database import Tx
from procession.store.moves import Moving
from procession.store.processings import Standing


@dataclass(frozen=True, slots=True)
class Anew:
    """How a new version is born."""

    recorded: bool = False
    """With the definition and the scripts of the old one, not as they are now."""
    priority: int | None = None
    """Larger first; None: that of the old one."""
    fresh: bool = False
    """It stands among new data, not behind them."""
    recorded_of: int | None = None
    """The version whose definition and scripts are meant by `recorded`; None: the one that runs again."""
    values: Chosen | None = None
    """Of its variables; None: those that the old version had."""
    choose: bool = False
    """Its values are chosen anew, as those of a new run."""
    changed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Section → name → value, over all others."""
    description: str | None = None


def restart_from(project: Project, tx: Tx, processing_id: int, who: Asked, step_name: str) -> Done:
    """Run a step and all that need it again, in the same processing; what failed elsewhere gets another attempt too."""
    now, standing = project.now(), standing_of(tx, processing_id)
    processing = look(tx, processing_id)
    step = find_step(processing, step_name)
    _refuse_alive(processing)
    if not STEP.allows("restart", step.state):
        raise Refused(f"step {step.name} of processing {processing_id} has not run; it is {step.state}")
    again = set(needing(tasks.get(tx, standing.definition_id), step.ordinal))
    refuse_unfit(project, processing, again)
    ended = [s for s in processing.steps if s.ordinal in again and STEP.allows("restart", s.state)]
    moving = [Moving(processing_id, now, s.ordinal, s.attempt, why=who.reason) for s in ended]
    moves.steps(tx, "restart", moving, who.by)
    wishes.remove_outputs(tx, processing_id, [s.ordinal for s in ended])
    reopen(tx, processing, now, who, but=again)
    moves.processings(tx, "restart", [Moving(processing_id, now, why=who.reason)], who.by)
    uncount(tx, processing, now)
    keep_held(tx, processing_id)
    tx.after(project.wake)
    return Done(processing_id, f"processing {processing_id} runs again from step {step.name} on")


def restart_anew(project: Project, tx: Tx, processing_id: int, who: Asked, how: Anew | None = None) -> Done:
    """Bear a new version of an ended processing."""
    standing = standing_of(tx, processing_id)
    processing = look(tx, processing_id)
    _refuse_old(processing)
    new_id = bear_again(project, tx, processing, standing, who, how or Anew())
    now = project.now()
    uncount(tx, processing, now)
    wishes.replace(tx, processing_id, new_id)
    why = f"as processing {new_id}" + (f": {who.reason}" if who.reason else "")
    moves.note(tx, "processing", "restart", [Moving(processing_id, now, why=why)], who.by)
    return Done(
        new_id, f"processing {processing_id} runs again as processing {new_id}, version {processing.version + 1}"
    )


def check_anew(project: Project, tx: Tx, processing: Processing) -> None:
    """Refused or Invalid where no new version of it can be born; only looks."""
    _refuse_old(processing)
    _, task = _in_force(tx, processing)
    _fit(project, tx, processing, task, processing.values)


def _refuse_old(processing: Processing) -> None:
    _refuse_alive(processing)
    if processing.replaced_by is not None:
        raise Refused(
            f"processing {processing.id} was replaced by processing {processing.replaced_by}, a newer version; "
            "restart that one"
        )


def bear_again(project: Project, tx: Tx, processing: Processing, standing: Standing, who: Asked, how: Anew) -> int:
    """Bear the next version; Refused or Invalid where it cannot be."""
    definition_id, task = _definition(tx, processing, standing, how)
    values = _values(tx, processing, task, how, who)
    alone = _fit(project, tx, processing, task, values)
    recorded = processing if how.recorded_of is None else look(tx, how.recorded_of)
    if how.recorded:
        _check_kept(project, tx, recorded)
    priority = processing.priority if how.priority is None else how.priority
    born = Newborn(
        processing.event_id, processing.key, processing.params, definition_id, task,
        ranked(priority, backfill=not how.fresh), origin_id=processing.origin_id,
        version=processing.version + 1, first_id=processing.root,
        code_of=recorded.id if how.recorded else None, callback=standing.callback,
        alone=alone, description=how.description, values=values,
    )  # fmt: skip
    (new_id,) = bear(project, tx, [born], who.by)
    return new_id


def _fit(project: Project, tx: Tx, processing: Processing, task: Task, values: Chosen) -> str | None:
    """Refused or Invalid where a new version would be skipped, or misses something; else what it must be alone with."""
    set_now = settings.all_of(tx)
    pauses = (set_now.pause(task.name, task.group), set_now.pause_of_source(processing.source))
    if pause := next((each for each in pauses if each is not None and each.mode == "skip"), None):
        raise Refused(f"{pause.sentence}, and what is born meanwhile is skipped; resume first")
    alone = events.alone(tx, processing.event_id)
    check_parameters(project, task, processing.params, processing.key, project.now(), alone, values)
    return alone


def _values(tx: Tx, processing: Processing, task: Task, how: Anew, who: Asked) -> Chosen:
    """The values of the new version."""
    if how.choose:
        found = Chooser(tx).choose_for(task, processing.params)
    else:
        found = processing.values if how.values is None else how.values
    found = replace(found, trial=processing.values.trial)  # a trial stays one
    return found.over(how.changed, f"changed by {who.by}") if how.changed else found


def _definition(tx: Tx, processing: Processing, standing: Standing, how: Anew) -> tuple[int, Task]:
    if how.recorded:
        old = standing if how.recorded_of is None else standing_of(tx, how.recorded_of)
        return old.definition_id, tasks.get(tx, old.definition_id)
    return _in_force(tx, processing)


def _in_force(tx: Tx, processing: Processing) -> tuple[int, Task]:
    found = next((pair for pair in tasks.current(tx).items() if pair[1].name == processing.task), None)
    if found is None:
        raise Refused(
            f"task {processing.task} is no longer in the files; to run it as it was: "
            f"procession restart {processing.id} --code recorded"
        )
    return found


def _check_kept(project: Project, tx: Tx, processing: Processing) -> None:
    """Refused where the text of a script, as the old version ran it, was not kept."""
    for step in processing.steps:
        for path, digest in scripts.code_of(tx, processing.id, step.ordinal).items():
            if not (project.var.code / digest).is_file():
                raise Refused(
                    f"the text of {path} as processing {processing.id} ran it was not kept (SHA-256 {digest[:12]}…); "
                    "restart with --code now"
                )


def _refuse_alive(processing: Processing) -> None:
    if processing.state not in PROCESSING.terminal:
        raise Refused(
            f"processing {processing.id} cannot be restarted: it is {processing.state}; cancel it first, or hold it"
        )
