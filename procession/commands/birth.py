"""Birth: one event and one task become a processing with all its steps, in the caller's transaction.

In: who is born (`Newborn`). Out: rows of processings and steps, counted and in the journal. Always: what it will take
of limits is made out here, once; one whose conditions leave no step, or whose task is paused with ``skip``, is born
skipped, so that it stays visible and can be submitted again. The values of its variables are chosen here, once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from procession.clock import moment
from procession.commands import sources
from procession.commands.choosing import Chooser, check_brought, first_run_of, group_of, run_of
from procession.commands.endings import Ended, note_ends
from procession.errors import Invalid
from procession.model.chosen import Chosen
from procession.model.command import Command
from procession.model.origin import NOWHERE, Origin
from procession.model.processing import unfold
from procession.model.setting import Settings
from procession.model.states import State
from procession.model.task import REDUCTION_SCRIPT, StepPlan, Task
from procession.model.wants import Opening, Uses, Wants, named, together
from procession.project import Project
from procession.store import moves, processings, settings, tallies
from procession.store.database import Tx
from procession.store.moves import Moving
from procession.store.tallies import Count
from procession.workdir import Var


@dataclass(slots=True)
class Newborn:
    """A processing on its way into the tables."""

    event_id: int
    key: str | None
    params: Mapping[str, Any]
    definition_id: int
    task: Task
    rank: int
    due_at: int | None = None
    origin_id: int | None = None
    launcher_id: int | None = None
    version: int = 1
    first_id: int | None = None
    code_of: int | None = None
    callback: str | None = None
    description: str | None = None
    values: Chosen | None = None
    """What replaces the defaults of its variables; None: as its sets and its event say."""
    run: int | None = None
    group: str | None = None
    alone: str | None = None
    """A limit of one that it takes besides."""
    cancelled: str | None = None
    """Why it is born cancelled: its cancel came before it did."""
    origin: Origin = NOWHERE
    id: int = 0


@dataclass(frozen=True, slots=True)
class Own:
    """What the processings of an event have that no event brings: a person has asked for it."""

    values: Chosen | None = None
    """Of their variables; None: as their sets say."""
    description: str | None = None


def bear(project: Project, tx: Tx, born: Sequence[Newborn], by: str) -> list[int]:
    """Write these processings; return their ids, in order. The launcher is poked after the commit."""
    if not born:
        return []
    now = project.now()
    for each, new_id in zip(born, tx.reserve_ids("processing", len(born)), strict=True):
        each.id = new_id
        if each.task.source or each.task.experiment:
            each.origin = sources.origin(each.task, each.params, _given(project, each, now))
    sources.note(project, tx, [each.origin for each in born])
    _choose(tx, born)
    set_now = settings.all_of(tx)
    ends = {each.id: end for each in born if (end := _ended(each, set_now))}
    rows, steps = [], []
    for each in born:
        row, of_it = _rows(project, each, ends.get(each.id), now)
        rows.append(row)
        steps += of_it
    processings.add(tx, rows, steps)
    alive = [Moving(each.id, now) for each in born if each.id not in ends]
    moves.note(tx, "processing", "submit", alive, by, str(State.WAITING))
    for state in (State.SKIPPED, State.CANCELLED):
        ended = [Moving(pid, now, reason=reason) for pid, (end, reason) in ends.items() if end is state]
        moves.note(tx, "processing", "submit", ended, by, str(state))
    first = Counter(each.task.name for each in born if each.version == 1)
    tallies.add(tx, now, [Count("task", name, "matched", n) for name, n in first.items()])
    over = [Ended(e.id, e.definition_id, e.task.name, *ends[e.id], e.callback) for e in born if e.id in ends]
    note_ends(project, tx, over, {each.definition_id: each.task for each in born}, now)
    tx.after(project.wake)
    return [each.id for each in born]


def _choose(tx: Tx, born: Sequence[Newborn]) -> None:
    """Give each its run, its group and the values of its variables."""
    chooser = Chooser(tx)
    for each in born:
        if each.task.run_by and not (each.values and each.values.trial):  # a trial is no run of its own
            each.run = run_of(each.task, each.params)
        if each.task.group_by:
            each.group = group_of(each.task, each.params)
        if each.values is None:
            run = first_run_of(each.task, each.params) if each.task.adjustable else None
            each.values = chooser.choose(each.task, each.params, run, each.group)


def _ended(born: Newborn, set_now: Settings) -> tuple[State, str] | None:
    """The state in which it is born, and why, where it never begins."""
    if born.cancelled is not None:
        return State.CANCELLED, born.cancelled
    skipped = _skipped(born, set_now)
    return None if skipped is None else (State.SKIPPED, skipped)


def _skipped(born: Newborn, set_now: Settings) -> str | None:
    """Why it is born skipped, if it is."""
    pause = set_now.skipping(born.task.name, born.task.group)
    if pause is None and (of_source := set_now.pause_of_source(born.origin.source)) and of_source.mode == "skip":
        pause = of_source
    if pause is not None and born.launcher_id is None:
        return pause.sentence
    if born.task.skips(born.params):
        return f"skip_when holds: {born.task.skip_when}"
    if born.task.whens:
        pending = {plan.ordinal: State.PENDING for plan in born.task.steps}
        ready, passed = unfold(born.task, pending, lambda: (_values(born), {}))
        if passed and not ready:
            return "none of its steps applies: no condition (when) holds"
    return None


def _values(born: Newborn) -> Mapping[str, Any]:
    return born.task.values(born.params, born.values.to_json() if born.values else None)


def _rows(
    project: Project, born: Newborn, ended: tuple[State, str] | None, now: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    own, of_steps = _wants(project, born, now)
    first = {plan.ordinal: of_steps[plan.ordinal] for plan in born.task.steps if not plan.needs}
    entry = Opening(own, born.origin.source, {ordinal: text for ordinal, text in first.items() if text is not None})
    row = {
        "id": born.id, "event_id": born.event_id, "task": born.task.name, "definition_id": born.definition_id,
        "version": born.version, "state": str(ended[0] if ended else State.WAITING), "priority": born.rank,
        "launcher_id": born.launcher_id, "created_at": now,
        "waiting_at": None if ended else now, "due_at": None if ended else born.due_at,
        "finished_at": now if ended else None, "reason": ended[1] if ended else None, "origin_id": born.origin_id,
        "first_id": born.first_id, "code_of": born.code_of, "wants": entry.to_json(),
        "callback": born.callback, "source": born.origin.source, "experiment": born.origin.experiment,
        "description": born.description or None,
        "variables": born.values.to_json() if born.values else None, "run_number": born.run, "run_group": born.group,
    }  # fmt: skip
    trial = born.values is not None and born.values.trial

    def state(plan: StepPlan) -> str:
        passed = trial and plan.kind == "results"
        return str(ended[0] if ended else State.SKIPPED if passed else State.PENDING)

    steps = [
        {
            "processing_id": born.id, "ordinal": plan.ordinal, "name": plan.name,
            "state": state(plan), "priority": born.rank, "cpus": plan.cpus,
            "memory": plan.memory, "gpus": plan.gpus, "wants": of_steps[plan.ordinal],
        }
        for plan in born.task.steps
    ]  # fmt: skip
    return row, steps


def _given(project: Project, born: Newborn, now: int) -> Mapping[str, Any]:
    return project.given(born.id, str(project.var.files(born.id)), moment(now).date().isoformat(), born.key)


def _wants(project: Project, born: Newborn, now: int) -> tuple[Uses, dict[int, str | None]]:
    """What the processing takes, and by ordinal what each step takes beside; Invalid where a name comes out unfit."""
    task = born.task
    if task.wants_nothing and born.alone is None:
        return (), dict.fromkeys((plan.ordinal for plan in task.steps), None)
    given = _given(project, born, now)
    values = _values(born)

    def name(template: str) -> str:
        return Command((template,), allow_dash=True).render(values, {}, given)[0]

    own = named(task.uses, name)
    if born.alone is not None and born.alone not in dict(own):
        own = together(own, named(((born.alone, 1.0),), lambda text: text))
    held = dict(own)

    def of_step(plan: StepPlan) -> str | None:
        more = tuple((n, rest) for n, a in named(plan.uses, name) if (rest := a - held.get(n, 0.0)) > 0)
        return Wants(more, plan.labels, plan.queue, plan.outside).to_json()

    return own, {plan.ordinal: of_step(plan) for plan in task.steps}


# ── what an event must bring ───────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=1024)
def _asked_at_birth(command: Command) -> Command:
    """The words of a command that need nothing but the event; outputs of steps come later."""
    if command.shell:
        return command
    words = tuple(word for word in command.words if not Command((word,)).outputs())
    return Command(words, (), command.shell, command.allow_dash)


@lru_cache(maxsize=16)
def _nowhere(var: Var) -> str:
    """The working directory of what is not born yet."""
    return str(var.files(0))


def check_parameters(
    project: Project, task: Task, params: Mapping[str, Any], key: str | None, now: int, alone: str | None = None,
    asked: Chosen | None = None,
) -> None:  # fmt: skip
    """Raise Invalid where the commands or the limits of a task miss a value, or cannot be made from these.

    `asked`: what a person wants its variables to be.
    """
    given = project.given(0, _nowhere(project.var), moment(now).date().isoformat(), key)
    try:
        check_brought(task, params)
    except Invalid as error:
        raise Invalid(f"task {task.name}: {error}") from None
    values = task.values(params, asked.to_json() if asked else None)
    if not task.accept_scripts and any(plan.kind == "reduce" for plan in task.steps):
        text = params.get(REDUCTION_SCRIPT)
        if text is not None and (not isinstance(text, str) or text.strip()):
            raise Invalid(
                f"task {task.name} executes its own script alone, and the event brings one in {REDUCTION_SCRIPT}; "
                "leave it out, or write accept_scripts = true in the task if senders of events may run anything here"
            )
    for plan in task.steps:
        try:
            if plan.command.words:
                _asked_at_birth(plan.command).render(values, {}, given)
        except Invalid as error:
            raise Invalid(f"task {task.name}, step {plan.name}: {error}") from None
    try:
        sources.origin(task, params, given)
    except Invalid as error:
        raise Invalid(f"task {task.name}: {error}") from None
    if alone is not None or not task.wants_nothing:
        check_wants(project, task, params, key, now, alone, asked)


def check_wants(
    project: Project, task: Task, params: Mapping[str, Any], key: str | None, now: int, alone: str | None,
    values: Chosen | None,
) -> None:  # fmt: skip
    """Raise Invalid where these values of its variables make an unfit name of a limit: told before anything is written,
    for a birth is never refused half-way."""
    try:
        _wants(project, Newborn(0, key, params, 0, task, 0, alone=alone, values=values), now)
    except Invalid as error:
        by = "" if values is None or values.set_id is None else f", with set {values.set_id} of its variables"
        raise Invalid(f"task {task.name}{by}: {error}") from None
