"""From a table ``[tasks.NAME]`` to a `Task`: options gathered, steps named and chained, commands resolved.

An option of a step stands in the step, or in ``[tasks.NAME.defaults]``, or in the task; the nearest counts,
and ``retry`` is merged key by key. Every step is looked at, whatever is wrong with the others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from procession.definitions.commands import resolve
from procession.definitions.programs import find_python
from procession.definitions.schema import NAME, Options, Retry, StepTable, TaskTable, read_table
from procession.definitions.sources import Place
from procession.errors import Invalid
from procession.model.command import GIVEN, Command
from procession.model.task import TIMETABLE, RetryPolicy, StepPlan, Task

Chosen = dict[str, tuple[Any, Place]]
"""Each option of a step with the place where it stands."""


@dataclass(slots=True)
class Surroundings:
    """What the tasks of a project share."""

    root: Path
    cpus: float
    shared: bool
    """Other hosts may have launchers too."""
    python: str | None
    python_place: Place
    pythons: dict[str | None, Path] = field(default_factory=dict)

    def find_python(self, choice: str | None, place: Place) -> Path:
        """What ``python`` means for this choice; a mistake is noted once."""
        if choice not in self.pythons:
            try:
                self.pythons[choice] = find_python(choice, self.root)
            except (Invalid, OSError) as error:
                place.error(str(error))
                self.pythons[choice] = Path("/nowhere/python")  # never used: there is a mistake now
        return self.pythons[choice]


@dataclass(frozen=True, slots=True)
class _Step:
    """A step on its way: None is what could not be made out."""

    place: Place
    run: Place
    """Where its command stands."""
    name: str | None
    command: Command | None
    options: Chosen


def build_task(name: str, raw: Any, place: Place, around: Surroundings) -> Task | None:
    """The task of one table; None, with the mistakes noted, where something is missing."""
    if not NAME.fullmatch(name):
        place.error("is not a name; write 1 to 128 letters, digits and . _ : - only, not starting with - or .")
    table = read_table(TaskTable, raw, place)
    if not isinstance(raw, dict):
        return None
    _exactly_one(raw, place, "every", "on", "when it runs")
    _exactly_one(raw, place, "run", "steps", "what it runs")
    shared = _shared_options(raw, table, place)
    tables = _step_tables(raw, table, place)
    steps = [_make_step(each, at, shared, around) for each, at in tables]
    _check_names(steps)
    _check_placeholders(steps, periodic="every" in raw and "on" not in raw)
    if not (table.every or table.on) or not all(step.name and step.command for step in steps):
        return None
    return Task(
        name=name,
        on=table.on or TIMETABLE + name,
        steps=tuple(_plan(number, step) for number, step in enumerate(steps, 1)),
        every=table.every,
        at_once=table.at_once or 0,
    )


def _exactly_one(raw: dict[str, Any], place: Place, one: str, other: str, what: str) -> None:
    if one in raw and other in raw:
        place.at(other).error(f"stands beside {one}; a task has one of them, keep one")
    elif one not in raw and other not in raw:
        place.error(f"does not say {what}; write {one} = ... or {other} = ...")


def _shared_options(raw: dict[str, Any], table: TaskTable, place: Place) -> Chosen:
    """Options of the task and its defaults; one that stands in both is a mistake."""
    names = Options.model_fields
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


def _make_step(raw: Any, place: Place, shared: Chosen, around: Surroundings) -> _Step:
    """Read one step and find what it runs."""
    short = not isinstance(raw, dict)
    if short and not isinstance(raw, str | list):
        place.error('must be a command, a list of words, or a table { run = "...", ... }')
        return _Step(place, place, None, None, {})
    table = read_table(StepTable, {"run": raw} if short else raw, place)
    if not short and "run" not in raw:
        place.error('has no command; write run = "..."')
    options = dict(shared)
    for key, value in table.written().items():
        if key == "retry" and key in shared:
            value = Retry(**{**_budgets(shared[key][0]), **_budgets(value)})  # noqa: PLW2901
        if key in Options.model_fields:
            options[key] = (value, place.at(key))
    at_run = place if short else place.at("run")
    python = _python(options, at_run, around)
    if "python" in options:
        python()  # a wrong choice is a mistake even where nothing uses it
    if table.run is None:
        return _Step(place, at_run, table.name, None, options)
    values = {key: value for key, (value, _) in options.items()}
    found = resolve(table.run, values, around.root, python, at_run)
    _check_cpus(options, place, around)
    name = table.name or found.stem
    if name is not None and not NAME.fullmatch(name):
        shown = name[:60]
        at_run.error(f'needs a name, because "{shown}" cannot be one; write {{ name = "...", run = ... }}')
    return _Step(place, at_run, name, found.command, options)


def _python(options: Chosen, place: Place, around: Surroundings) -> Callable[[], Path]:
    choice, where = options.get("python", (around.python, around.python_place if around.python else place))
    return lambda: around.find_python(choice, where)


def _check_cpus(options: Chosen, place: Place, around: Surroundings) -> None:
    cpus, where = options.get("cpus", (1.0, place))
    if cpus <= around.cpus:
        return
    if around.shared:
        where.warning(f"{cpus:g} cpus are more than the {around.cpus:g} of this host; only a larger host can start it")
    else:
        where.error(
            f"can never start: it asks for {cpus:g} cpus, and the launcher has {around.cpus:g}; "
            "ask for less, or raise [launcher] cpus"
        )


def _check_names(steps: list[_Step]) -> None:
    seen: dict[str, int] = {}
    for number, step in enumerate(steps, 1):
        if step.name is None:
            continue
        if step.name == "given":
            step.place.error("cannot be called given: {given.date} and others mean what Procession gives")
        if step.name in seen:
            step.place.error(
                f'steps {seen[step.name]} and {number} are both called "{step.name}"; '
                'give one another name, as in { name = "again", run = ... }'
            )
        seen.setdefault(step.name, number)


def _check_placeholders(steps: list[_Step], periodic: bool) -> None:
    """Refuse what no event can bring: outputs of steps that are not before, parameters of a timetable."""
    names = [step.name for step in steps]
    for number, step in enumerate(steps):
        if not step.command:
            continue
        for source, output in sorted(step.command.outputs()):
            if source not in names[:number] and (source in names or None not in names):
                step.run.error(_no_such_output(source, output, names, number))
        if periodic:
            for name in sorted(step.command.parameters()):
                near = get_close_matches(name, GIVEN, 1)
                step.run.error(
                    f"{{{name}}} has no value: nobody gives a periodic task parameters; "
                    + (
                        f"did you mean {{{near[0]}}}? "
                        if near
                        else f"there are {', '.join(f'{{{n}}}' for n in GIVEN)}; "
                    )
                    + "write {{ for a literal brace"
                )


def _no_such_output(source: str, output: str, names: list[str | None], number: int) -> str:
    asked = f"{{{source}.{output}}}"
    if source in names[number:]:
        which = "this step itself" if names[number] == source else f"step {names.index(source) + 1}, which comes later"
        return f"{asked} is an output of {which}; only outputs of earlier steps have values"
    near = get_close_matches(source, [name for name in (*names[:number], "given") if name], 1)
    hint = f"did you mean {{{near[0]}.{output}}}?" if near else "write {{ for a literal brace"
    return f"{asked} names no earlier step; {hint}"


def _plan(ordinal: int, step: _Step) -> StepPlan:
    assert step.name and step.command
    chosen = {key: value for key, (value, _) in step.options.items()}
    retry = _budgets(chosen["retry"]) if "retry" in chosen else {}
    if "on" in retry:
        retry["on"] = tuple(retry["on"])
    others = {key: chosen[key] for key in ("cpus", "timeout", "grace", "cwd") if key in chosen}
    return StepPlan(
        ordinal=ordinal,
        name=step.name,
        command=step.command,
        needs=(ordinal - 1,) if ordinal > 1 else (),
        retry=RetryPolicy(**retry),
        **others,
    )


def _budgets(retry: Retry) -> dict[str, Any]:
    """What one ``retry`` says; ``attempts`` alone sets both budgets."""
    said = retry.written()
    if "attempts" in said:
        said.setdefault("soft_attempts", said["attempts"])
    return said
