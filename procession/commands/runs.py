"""Runs anew: the runs of a list are processed once more, each as its next version, or several as one.

*In:* a task and its runs; values, which script, a description. *Out:* new versions, or one processing whose event lists
the runs and their files. *Always:* all are processed or none, and each that cannot be is refused with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from procession.commands.asked import Asked
from procession.commands.birth import Own
from procession.commands.choosing import INPUTS, RUNS, Chooser
from procession.commands.reruns import CURRENT, KEPT, Wish, anew, changed, in_force, submit_one_of
from procession.commands.restarts import Anew, restart_anew
from procession.commands.variables import declared_by, find_task
from procession.errors import Invalid, Refused
from procession.model.command import Command, placeholders
from procession.model.event import check_params
from procession.model.processing import Processing
from procession.model.runs import read_runs, write_runs
from procession.model.states import PROCESSING
from procession.model.task import Task
from procession.project import Project
from procession.store import processings, variable_sets
from procession.store.database import Tx

MOST_TOLD = 20
"""Reasons that are told where many are refused."""


@dataclass(frozen=True, slots=True)
class OfRun:
    """What became of one run of a list, or why nothing can."""

    run: int
    id: int | None
    """Its newest processing."""
    now: int | None
    """The one that processes it anew."""
    text: str


class _TakeBack(Exception):
    """It was only to be seen what would happen."""


def rerun_runs(
    project: Project, task_name: str, runs: str, wish: Wish, who: Asked, most: int, *, together: bool = False,
    dry_run: bool = False,
) -> list[OfRun]:  # fmt: skip
    """Process these runs of a task anew, each as its next version, or `together` as one processing; all or none.

    Refused with the reasons where one of them is not there, has not ended, or is of another group than the others; a
    dry run answers them instead.
    """
    wish.check()
    numbers = read_runs(runs, most)
    with project.store.read() as tx:
        task = find_task(tx, task_name)
        if not task.run_by:
            raise Refused(f"task {task_name} does not say run_by, so its processings have no runs; process them by id")
        found = variable_sets.newest_of_runs(tx, task_name, numbers)
        there = processings.find_all(tx, found.values())
    known = declared_by(task)
    over = changed(known, wish)
    hows = {each.id: anew(project, each, wish, known, over) for each in there}
    answers: list[OfRun] = []
    try:
        with project.store.begin() as tx:
            answers = _unfit(tx, task_name, numbers, found)
            if not answers:
                done = _together if together else _one_by_one
                answers = done(project, tx, task, numbers, found, hows, wish, who)
            elif not dry_run:
                raise Refused(_reasons(answers))
            if dry_run:
                raise _TakeBack
    except _TakeBack:
        pass
    return answers


def _unfit(tx: Tx, task: str, numbers: list[int], found: Mapping[int, int]) -> list[OfRun]:
    """The runs that stand in the way, each with its reason."""
    processings.standings(tx, found.values())  # all locks at once, in the order of everybody
    by_id = {each.id: each for each in processings.find_all(tx, found.values())}
    there = {run: by_id[pid] for run, pid in found.items() if pid in by_id}
    usual = there[next(run for run in numbers if run in there)].group if there else None
    unfit = []
    for run in numbers:
        one = there.get(run)
        if one is None:
            unfit.append(OfRun(run, None, None, f"run {run}: task {task} has not processed it"))
        elif one.state not in PROCESSING.terminal:
            unfit.append(OfRun(run, one.id, None, f"run {run}: processing {one.id} is {one.state}"))
        elif one.group != usual:
            unfit.append(OfRun(run, one.id, None, f"run {run}: it is of group {one.group}, the others of {usual}"))
    return unfit


def _reasons(unfit: list[OfRun]) -> str:
    shown = "; ".join(each.text for each in unfit[:MOST_TOLD])
    more = f"; and {len(unfit) - MOST_TOLD} more" if len(unfit) > MOST_TOLD else ""
    return f"nothing was done, for not all of the runs can be run again: {shown}{more}"


def _one_by_one(
    project: Project, tx: Tx, task: Task, numbers: list[int], found: Mapping[int, int], hows: Mapping[int, Anew],
    wish: Wish, who: Asked,
) -> list[OfRun]:  # fmt: skip
    answers = []
    for run in numbers:
        done = restart_anew(project, tx, found[run], who, hows[found[run]])
        answers.append(OfRun(run, found[run], done.id, f"run {run}: {done.text}"))
    return answers


def _together(
    project: Project, tx: Tx, task: Task, numbers: list[int], found: Mapping[int, int], hows: Mapping[int, Anew],
    wish: Wish, who: Asked,
) -> list[OfRun]:  # fmt: skip
    """One processing of all of them: its event lists the runs and their files, and has what all have in common."""
    if wish.variables != KEPT or wish.script != CURRENT:
        raise Refused(
            "several runs as one have the values of a new run, and the script as it is now; change single ones"
        )
    definition_id, now = in_force(tx, task.name)
    by_id = {each.id: each for each in processings.find_all(tx, found.values())}
    old = [by_id[found[run]] for run in numbers]
    params = _common(now, numbers, old, {"project": str(project.root)})
    _check_reducible(now, params)
    check_params(params)
    values = Chooser(tx).choose_for(now, params)
    over = next(iter(hows.values())).changed
    own = Own(values.over(over, f"changed by {who.by}") if over else values, wish.description)
    title = f"runs {write_runs(numbers)}"
    new_id = submit_one_of(project, tx, (definition_id, now), now.on, params, title, wish, who, own)
    return [OfRun(run, found[run], new_id, f"run {run}: it is in processing {new_id}") for run in numbers]


def _common(task: Task, numbers: list[int], old: list[Processing], given: Mapping[str, str]) -> dict[str, Any]:
    template = task.input_by or "{path}"
    files = []
    for run, each in zip(numbers, old, strict=True):
        try:
            files.append(Command((template,), allow_dash=True).render(task.values(each.params), {}, given)[0])
        except Invalid as error:
            raise Refused(f"run {run} names no file: {error}; say input_by in the task") from None
    first = old[0].params
    same_everywhere = {
        name: value for name, value in first.items() if all(name in o.params and o.params[name] == value for o in old)
    }
    listed = dict.fromkeys(_alone(template), files) | {name: write_runs(numbers) for name in _alone(task.run_by)}
    return {**same_everywhere, **listed, RUNS: numbers, INPUTS: files}


def _check_reducible(task: Task, params: Mapping[str, Any]) -> None:
    """Refuse what no reduction could be made of: its command asks for what the runs do not have in common."""
    there = task.values(params).keys()
    for step in task.steps:
        if step.kind != "reduce":
            continue
        if not _alone(task.input_by):
            raise Refused(
                f"several runs have a list of files, which is no part of {task.input_by or 'a path'}; let the event "
                'bring the whole path, as in input = "{path}"'
            )
        if missing := sorted(step.command.parameters() - there):
            raise Refused(f"step {step.name} needs {{{missing[0]}}}, which these runs do not have in common")


def _alone(template: str) -> list[str]:
    """The parameter that is all of a template."""
    return [p.name for p in placeholders(template) if template == f"{{{p.name}}}"]
