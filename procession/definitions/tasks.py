"""From a table ``[tasks.NAME]`` to a `Task`: when it runs, for which events, what it takes, its steps."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence, Set
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from procession.definitions.sources import Place
from procession.definitions.steps import (
    Chosen,
    Draft,
    Surroundings,
    ancestors,
    call,
    check_names,
    check_uses,
    could_be,
    draft,
    needs_of,
    plan,
)
from procession.definitions.tables import read_table
from procession.definitions.task_tables import Options, ResultsTable, TaskTable
from procession.definitions.values import NAME
from procession.definitions.variables import defaults_of, read_variables
from procession.errors import Invalid
from procession.model import condition
from procession.model.command import GIVEN, Command, placeholders
from procession.model.question import OUTPUT
from procession.model.task import CALL, TIMETABLE, Expect, StepPlan, Task
from procession.model.timetable import Cron
from procession.model.wants import Uses
from procession.model.watching import WATCH

STARTS = ("every", "cron", "on", "watch", "counter")
"""What a task may start by; it says exactly one."""
NOT_SHARED = ("uses",)
"""Of a task itself, not of each of its steps."""


def build_task(name: str, raw: Any, place: Place, around: Surroundings) -> Task | None:
    """The task of one table; None, with the mistakes noted, where something is missing."""
    if not NAME.fullmatch(name):
        place.error("is not a name; write 1 to 128 letters, digits and . _ : - only, not starting with - or .")
    table = read_table(TaskTable, raw, place)
    if not isinstance(raw, dict):
        return None
    called = "function" in raw or "outside" in raw
    _exactly_one(raw, place, STARTS, "when it runs", needed=not called)
    _exactly_one(raw, place, ("run", "steps", "function", "outside"), "what it runs")
    _check_call(raw, place)
    _check_time(raw, table, place)
    _check_starts(raw, place)
    shared = _shared_options(raw, table, place)
    if called:
        steps = [call(table.function or "", None, shared, place, around)]
    else:
        steps = [draft(each, at, shared, around) for each, at in _step_tables(raw, table, place)]
    check_names(steps)
    if table.accept_scripts and not any(step.kind == "reduce" for step in steps):
        place.at("accept_scripts").error('says nothing without a step { reduce = "reduce.py" }; remove it')
    if table.results is not None and (copying := _results(table.results, place.at("results"), around)):
        steps.append(copying)
    told = read_variables(table, steps, place, around)
    periodic = ("every" in raw or "cron" in raw) and not raw.keys() & {"on", "watch", "counter"}
    known = around.variables.keys() | defaults_of(table).keys()
    _check_placeholders(steps, known, periodic=periodic)
    check_uses(table.uses or (), place.at("uses"), around)
    _check_cycle(table.uses or (), steps, place.at("uses"))
    if not called and not any(getattr(table, key) for key in STARTS):
        return None
    if not all(step.name and step.command is not None for step in steps):
        return None
    return _task(name, table, tuple(_plans(steps)), around, told)


def _check_starts(raw: dict[str, Any], place: Place) -> None:
    """Keys that say more of a watch or of a counter stand beside one."""
    for keys, starts in (
        (("ignore", "empty"), ("watch",)),
        (("emit", "key", "title", "quiet"), ("watch", "counter")),
        (("number", "expect_path", "expect_within", "params", "gap"), ("counter",)),
    ):
        for key in keys:
            if key in raw and not any(start in raw for start in starts):
                which = starts[0]
                place.at(key).error(f'says nothing without {which}; remove it, or write {which} = "..."')


def _task(
    name: str, table: TaskTable, steps: tuple[StepPlan, ...], around: Surroundings, told: Mapping[str, Any]
) -> Task:
    said = {
        key: value
        for key in ("every", "cron", "timezone", "catch_up", "where", "at_once", "uses", "priority", "delay", "group",
                    "max_failures", "disk", "retention", "max_waiting", "inputs", "accept_scripts", "skip_when",
                    "source", "experiment")
        if (value := getattr(table, key)) is not None
    }  # fmt: skip
    expect = None if table.expect is None else Expect(table.expect.at_least, table.expect.per)
    return Task(
        name=name,
        on=table.on or _own_event(table) + name,
        grants=tuple(table.grants or ()),
        steps=steps,
        from_end=table.from_ == "end",
        expect=expect,
        variables={**around.variables, **defaults_of(table)},
        **told,
        **said,
    )


def _own_event(table: TaskTable) -> str:
    if table.watch or table.counter:
        return WATCH
    return TIMETABLE if table.every is not None or table.cron is not None else CALL


def _check_call(raw: dict[str, Any], place: Place) -> None:
    """Keys of tasks whose instances are submitted one by one."""
    if raw.get("outside") is False:
        place.at("outside").error(
            "says nothing; programs elsewhere do the work where it is true, else write function = ..."
        )
    for key in ("retention", "inputs"):
        if key in raw and "function" not in raw and "outside" not in raw:
            place.at(key).error("is for a task with function or outside; [work] keep says how long others stay")


def _plans(steps: list[Draft]) -> list[StepPlan]:
    pairs = zip(steps, needs_of(steps), strict=True)
    return [plan(number, step, needs) for number, (step, needs) in enumerate(pairs, 1)]


def _exactly_one(raw: dict[str, Any], place: Place, keys: tuple[str, ...], what: str, *, needed: bool = True) -> None:
    said = [key for key in keys if key in raw]
    for other in said[1:]:
        place.at(other).error(f"stands beside {said[0]}; a task has one of them, keep one")
    if not said and needed:
        place.error(f"does not say {what}; write " + " or ".join(f"{key} = ..." for key in keys))


def _check_time(raw: dict[str, Any], table: TaskTable, place: Place) -> None:
    """Keys that belong to a timetable stand beside one, and a cron line is one."""
    for key, needed in (("timezone", "cron"), ("catch_up", "every or cron"), ("from", "every")):
        if key in raw and not any(start in raw for start in needed.split(" or ")):
            place.at(key).error(f"says nothing without {needed}; remove it, or write {needed.split(' ')[0]} = ...")
    if table.cron is None:
        return
    try:
        Cron(table.cron, table.timezone or "UTC").check()
    except Invalid as error:
        place.at("timezone" if "time zone" in str(error) else "cron").error(str(error))


def _shared_options(raw: dict[str, Any], table: TaskTable, place: Place) -> Chosen:
    """Options of the task and its defaults; one that stands in both is a mistake."""
    names = [name for name in Options.model_fields if name not in NOT_SHARED]
    shared = {key: (value, place.at(key)) for key, value in table.written().items() if key in names}
    inner = place.at("defaults")
    if "defaults" in table.written():
        for key, value in read_table(Options, raw["defaults"], inner).written().items():
            if key in shared:
                inner.at(key).error(f"{key} stands in the task as well; keep one")
            shared[key] = (value, inner.at(key))
    return shared


def _step_tables(raw: dict[str, Any], table: TaskTable, place: Place) -> list[tuple[Any, Place]]:
    """What stands for each step, with its place."""
    if "run" in raw:
        return [({"run": raw["run"]}, place)]
    return [(each, place.at("steps", number)) for number, each in enumerate(table.steps or ())]


def _results(table: ResultsTable, place: Place, around: Surroundings) -> Draft | None:
    """The hidden last step that copies results: a script like any other, so that it has attempts, a log and a why."""
    words = [_plain(sys.executable), "-I", _plain(str(Path(__file__).parents[1] / "supervise" / "deliver.py"))]
    words += ["--base", "{work}"]
    for option, targets in (("--extra", table.extra or ()), ("--to", [table.to])):
        for target in targets:
            try:
                tuple(placeholders(target))
            except Invalid as error:
                place.error(str(error))
                return None
            below = target.removeprefix("{project}/")
            absolute = target if target.startswith("/") else f"{_plain(str(around.root))}/{below}"
            words += [option, os.path.normpath(absolute)]  # what is left of .. comes from a value, and is refused
    words += ["--overwrite"] if table.overwrite else []
    for pattern in table.optional or ():
        words += ["--optional", pattern]
    return Draft(place, place, "results", Command((*words, "--", *table.copy_)), {}, "results")


def _plain(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _check_placeholders(steps: list[Draft], known: Set[str], *, periodic: bool) -> None:
    """Refuse what no event can bring: outputs of steps that have not ended by then, parameters of a timetable; but for
    those that are known."""
    names = [step.name for step in steps]
    before = ancestors(needs_of(steps))
    for number, step in enumerate(steps, 1):
        if step.command is None:
            continue
        when = condition.parse(step.when) if step.when else None
        asked = step.command.outputs() | (when.outputs() if when else frozenset())
        ended = [names[ordinal - 1] for ordinal in before[number]]
        for source, output in sorted(asked):
            if source not in ended and (source in names or None not in names):
                step.run.error(_no_such_output(source, output, names, number - 1))
            elif output != OUTPUT and any(each.name == source and each.kind == "ask" for each in steps):
                step.run.error(f"{{{source}.{output}}} has no value: an answer is {{{source}.{OUTPUT}}}")
        if periodic:
            params = step.command.parameters() | (when.parameters() if when else frozenset())
            for name in sorted(params - known - {"nominal_at", "late"}):
                step.run.error(_nobody_brings(name))


def _nobody_brings(name: str) -> str:
    near = get_close_matches(name, GIVEN, 1)
    given = f"did you mean {{{near[0]}}}? " if near else f"there are {', '.join(f'{{{n}}}' for n in GIVEN)}; "
    return (
        f"{{{name}}} has no value: nobody gives a periodic task parameters; {given}"
        "write {{ for a literal brace, or give it a value in [variables]"
    )


def _no_such_output(source: str, output: str, names: list[str | None], index: int) -> str:
    asked = f"{{{source}.{output}}}"
    if source in names[:index]:
        return f"{asked} is an output of a step that need not have ended by then; write {source} into needs"
    if source in names[index:]:
        which = "this step itself" if names[index] == source else f"step {names.index(source) + 1}, which comes later"
        return f"{asked} is an output of {which}; only outputs of earlier steps have values"
    near = get_close_matches(source, [name for name in (*names[:index], "given") if name], 1)
    hint = f"did you mean {{{near[0]}.{output}}}?" if near else "write {{ for a literal brace"
    return f"{asked} names no earlier step; {hint}"


def _check_cycle(own: Uses, steps: list[Draft], place: Place) -> None:
    """A task that holds a limit while a step of it waits for one of the same family, or for more of the same, could
    wait in a circle."""
    held = dict(own)
    for step in steps:
        uses, where = step.options.get("uses", ((), step.place))
        for template, amount in uses:
            if template in held:
                if amount > held[template]:
                    where.error(
                        f"{amount:g} of {template} would be waited for while the task holds {held[template]:g} of it, "
                        "and two processings could wait for each other for ever; take all of it in uses of the task"
                    )
            elif near := next((name for name in held if _overlap(name, template)), None):
                where.error(
                    f"{template} would be waited for while the task holds {near}, and two processings could "
                    "wait for each other for ever; take both in uses of the task"
                )


def _overlap(one: str, other: str) -> bool:
    """Can both come to the same name, or are they two of a family?"""
    return family(one) == family(other) or could_be(one, other) or could_be(other, one)


def family(template: str) -> str:
    """What all limits of a template have in common: ``satellite:`` of ``satellite:{sat}``."""
    return template.partition("{")[0]


def check_circles(tasks: Sequence[Task], places: Mapping[str, Place]) -> None:
    """Refuse tasks that hold a limit from their first step to their last while a step waits for one that another of
    them holds so: they could wait for each other for ever."""
    waits: dict[str, dict[str, str]] = {}
    """Family that is held → family that is waited for meanwhile → task."""
    for task in tasks:
        inner = {family(name) for step in task.steps for name, _ in step.uses} - {family(name) for name, _ in task.uses}
        for name, _ in task.uses:
            waits.setdefault(family(name), {}).update(dict.fromkeys(inner, task.name))
    for task in tasks:
        for start in dict.fromkeys(family(name) for name, _ in task.uses):
            for first, whose in waits[start].items():
                if whose == task.name and _reaches(waits, first, start):
                    places[task.name].at("uses").error(
                        f"a step of {task.name} waits for {first} while the task holds {start}, and another task does "
                        "it the other way round: they could wait for each other for ever; take both in uses of the task"
                    )


def _reaches(waits: Mapping[str, Mapping[str, str]], start: str, goal: str) -> bool:
    seen, ahead = {start}, [start]
    while ahead:
        for found in waits.get(ahead.pop(), ()):
            if found == goal:
                return True
            if found not in seen:
                seen.add(found)
                ahead.append(found)
    return False
