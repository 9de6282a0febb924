"""From the elements of ``steps`` to `StepPlan`: options gathered, steps named, chained or joined to a graph.

An option of a step stands in the step, or in ``[tasks.NAME.defaults]``, or in the task; the nearest counts,
and ``retry`` is merged key by key. Every step is looked at, whatever is wrong with the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from procession.definitions.commands import resolve
from procession.definitions.programs import find_python
from procession.definitions.questions import KEYS as OF_QUESTIONS
from procession.definitions.questions import question
from procession.definitions.reductions import reduction
from procession.definitions.sources import Place
from procession.definitions.tables import Table, read_table
from procession.definitions.task_tables import Options, Retry, StepTable
from procession.definitions.values import NAME
from procession.errors import Invalid
from procession.model.command import Command
from procession.model.question import Question
from procession.model.task import REDUCTION_TRIES, Caps, RetryPolicy, Soft, StepPlan
from procession.units import size

Chosen = dict[str, tuple[Any, Place]]
"""Each option of a step with the place where it stands."""

OWN_NAMES = {
    "given": "{given.date} and others mean what Procession gives",
    "results": "results = {…} makes such a step",
}


@dataclass(slots=True)
class Surroundings:
    """What the tasks of a project share."""

    root: Path
    cpus: float
    memory: int | None
    shared: bool
    """Other hosts may have launchers too."""
    python: str | None
    python_place: Place
    labels: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset({""})
    limits: dict[str, float] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
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
class Draft:
    """A step on its way: None is what could not be made out."""

    place: Place
    run: Place
    """Where its command stands."""
    name: str | None
    command: Command | None
    options: Chosen
    kind: str = "run"
    function: str = ""
    """Of a call: ``module.name``; empty: programs elsewhere do it."""
    interpreter: str = ""
    script: str = ""
    defaults: str = ""
    input: str = ""
    """Of a reduction: the template of its one input."""
    needs: list[str] | None = None
    """Names, as written; None: the step before."""
    when: str | None = None
    on_error: str = "fail"
    question: Question | None = None


def draft(raw: Any, place: Place, shared: Chosen, around: Surroundings) -> Draft:
    """Read one step and find what it runs."""
    short = not isinstance(raw, dict)
    if short and not isinstance(raw, str | list):
        place.error('must be a command, a list of words, or a table { run = "...", ... }')
        return Draft(place, place, None, None, {})
    table = read_table(StepTable, {"run": raw} if short else raw, place)
    options = _options(table, shared, place)
    at_run = place if short else place.at("run")
    more: dict[str, Any] = {"needs": table.needs, "when": table.when, "on_error": table.on_error or "fail"}
    if isinstance(raw, dict) and "ask" in raw:
        return _asking(table, raw, place, options, more)
    _only_for('is for a step that asks a person: { name = "check", ask = "Is it good?" }', OF_QUESTIONS, table, place)
    if "wait" in table.written():
        return _waiting(table, place, options, more)
    if "reduce" in table.written():
        return _reducing(table, place, options, more, around)
    if "function" in table.written():
        return _calling(table, place, options, more, around)
    _only_for('is for a reduction: { reduce = "reduce.py", input = "{path}", ... }', NOT_WITHOUT_REDUCE, table, place)
    _only_for('is for a step that waits: { wait = "children", on_error = "ignore" }', ("on_error",), table, place)
    if not short and not {"run", "wait", "reduce"} & raw.keys():
        place.error('has no command; write run = "...", function = "module.name" or reduce = "reduce.py"')
    python = _python(options, at_run, around)
    if "python" in options:
        python()  # a wrong choice is a mistake even where nothing uses it
    if table.run is None:
        return Draft(place, at_run, table.name, None, options, **more)
    values = {key: value for key, (value, _) in options.items()}
    found = resolve(table.run, values, around.root, python, at_run)
    _check_fit(options, place, around)
    name = table.name or found.stem
    if name is not None and not NAME.fullmatch(name):
        shown = name[:60]
        at_run.error(f'needs a name, because "{shown}" cannot be one; write {{ name = "...", run = ... }}')
    return Draft(place, at_run, name, found.command, options, **more)


def _only_for(what: str, keys: Iterable[str], table: StepTable, place: Place) -> None:
    """Note keys that say something of another kind of step."""
    for key in keys:
        if key in table.written():
            place.at(key).error(what)


def _waiting(table: StepTable, place: Place, options: Chosen, more: dict[str, Any]) -> Draft:
    """A step that waits for the children: it runs nothing and takes nothing."""
    for key in table.written():
        if key not in ("name", "wait", "needs", "when", "on_error"):
            place.at(key).error("stands beside wait; a step that waits for the children runs nothing and takes nothing")
    kept = {key: value for key, value in options.items() if key == "retry"}
    return Draft(place, place, table.name or "wait", Command(()), {**kept, "cpus": (0.0, place)}, "wait", **more)


def _asking(table: StepTable, raw: dict[str, Any], place: Place, options: Chosen, more: dict[str, Any]) -> Draft:
    """A step that waits for a person's answer: it runs nothing and takes nothing. Options of the task, which are for
    scripts, do not reach it."""
    for key in table.written():
        if key not in ("name", "ask", "needs", "when", "timeout", *OF_QUESTIONS):
            place.at(key).error("stands beside ask; a step that asks a person runs nothing and takes nothing")
    own = {key: value for key, value in options.items() if key == "timeout" and key in table.written()}
    found = question(table, raw, place)
    command = None if table.ask is None else Command((table.ask,), allow_dash=True)
    return Draft(
        place, place.at("ask"), table.name or "ask", command, {**own, "cpus": (0.0, place)}, "ask", question=found,
        **more,
    )  # fmt: skip


NOT_FOR_CALLS = ("shell", "allow_dash", "cwd", "fresh", "limits", "soft", "no_output", "memory", "on_lost")
"""Options that say something of a process of its own, which a function does not have."""


def _calling(table: StepTable, place: Place, options: Chosen, more: dict[str, Any], around: Surroundings) -> Draft:
    """A step that calls a Python function in a process that stays warm."""
    for key in ("run", "wait", "on_error"):
        if key in table.written():
            place.at(key).error("stands beside function; a step has one of them, keep one")
    assert table.function
    return call(table.function, table.name, options, place, around, **more)


def call(
    function: str, name: str | None, options: Chosen, place: Place, around: Surroundings, **more: Any
) -> Draft:  # fmt: skip
    """The draft of a call; `function` is empty where programs elsewhere do it."""
    at = place.at("function")
    for key in NOT_FOR_CALLS:
        if key in options:
            options[key][1].error(f"{key} is for commands; a function shares its process with others and has none")
    _check_fit(options, place, around)
    python = str(_python(options, at, around)()) if function else ""
    stem = function.rpartition(".")[2] or "call"
    return Draft(place, at, name or stem, Command(()), options, "call", function, python, **more)


NOT_WITHOUT_REDUCE = (
    "vars", "input", "output", "logs", "overwrite", "versions", "artifacts", "environment_delay",
)  # fmt: skip


def _reducing(table: StepTable, place: Place, options: Chosen, more: dict[str, Any], around: Surroundings) -> Draft:
    """A step that calls ``main`` of a reduction script: our driver, with the step's interpreter."""
    for key in ("run", "wait", "function", "on_error"):
        if key in table.written():
            place.at(key).error("stands beside reduce; a step has one of them, keep one")
    for key in ("shell", "allow_dash"):
        if key in options:
            options[key][1].error(f"{key} is for commands; a reduction script is called, not run as a command")
    at = place.at("reduce")
    interpreter = _python(options, at, around)()
    name = table.name or Path(table.reduce or "").stem
    if not NAME.fullmatch(name):
        at.error(f'needs a name, because "{name[:60]}" cannot be one; write {{ name = "...", reduce = ... }}')
        return Draft(place, at, None, None, options, "reduce", **more)
    found = reduction(table, name, interpreter, around.root, place)
    _check_fit(options, place, around)
    if found is None:
        return Draft(place, at, name, None, options, "reduce", **more)
    return Draft(
        place, at, name, found.command, options, "reduce", interpreter=str(interpreter), script=found.script,
        defaults=found.defaults, input=table.input if isinstance(table.input, str) else "", **more,
    )  # fmt: skip


def _options(table: StepTable, shared: Chosen, place: Place) -> Chosen:
    options = dict(shared)
    for key, value in table.written().items():
        if key == "retry" and key in shared:
            value = Retry(**{**budgets(shared[key][0]), **budgets(value)})  # noqa: PLW2901
        if key in Options.model_fields:
            options[key] = (value, place.at(key))
    return options


def _python(options: Chosen, place: Place, around: Surroundings) -> Callable[[], Path]:
    choice, where = options.get("python", (around.python, around.python_place if around.python else place))
    return lambda: around.find_python(choice, where)


def _check_fit(options: Chosen, place: Place, around: Surroundings) -> None:
    """Say what can never start, or perhaps not as meant."""
    cpus, where = options.get("cpus", (1.0, place))
    _check_room(where, cpus > around.cpus, f"{cpus:g} cpus", f"{around.cpus:g}", "cpus", around)
    memory, where = options.get("memory", (0, place))
    if around.memory is not None:
        asked, there = f"{size(memory)} of memory", size(around.memory)
        _check_room(where, memory > around.memory, asked, there, "memory", around)
    labels, where = options.get("labels", ((), place))
    if (missing := sorted(set(labels) - around.labels)) and not around.shared:
        where.warning(f"no launcher has the label {missing[0]}; it waits until [launcher] labels names it")
    queue, where = options.get("queue", ("", place))
    if queue not in around.queues and not around.shared:
        where.warning(f"no launcher serves the queue {queue}; it waits until [launcher] queues names it")
    uses, where = options.get("uses", ((), place))
    check_uses(uses, where, around)
    if options.get("fresh", (False, place))[0] and options.get("cwd", ("", place))[0] != "step":
        options["fresh"][1].error(
            'needs cwd = "step": only a directory of its own can be new, the others work in the shared one'
        )


def _check_room(where: Place, too_large: bool, asked: str, there: str, key: str, around: Surroundings) -> None:
    if too_large and around.shared:
        where.warning(f"{asked} are more than the {there} of this host; only a larger host can start it")
    elif too_large:
        where.error(
            f"can never start: it asks for {asked}, and the launcher has {there}; "
            f"ask for less, or raise [launcher] {key}"
        )


def check_uses(uses: tuple[tuple[str, float], ...], where: Place, around: Surroundings) -> None:
    """Every limit that is used must be one that is defined, and large enough."""
    for template, amount in uses:
        there = around.limits.get(template)
        if there is None and "{" not in template:
            there = next((n for name, n in around.limits.items() if "{" in name and could_be(name, template)), None)
        if there is None:
            near = get_close_matches(template, around.limits, 1)
            where.error(
                f"names no limit: {template}; "
                + (f"did you mean {near[0]}?" if near else f'write [limits] and in it "{template}" = 1')
            )
        elif amount > there:
            where.error(f"can never start: it takes {amount:g} of {template}, and there is {there:g}")


def could_be(template: str, name: str) -> bool:
    """Can this template come to this name?"""
    head, brace, rest = template.partition("{")
    return template == name if not brace else name.startswith(head) and name.endswith(rest.rpartition("}")[2])


def check_names(steps: list[Draft]) -> None:
    """Steps have different names, none of them one of ours; needs name steps that stand before."""
    seen: dict[str, int] = {}
    for number, step in enumerate(steps, 1):
        for need in step.needs or ():
            if need not in seen:
                _no_such_need(step, need, [s.name for s in steps])
        if step.name is None:
            continue
        if step.name in OWN_NAMES:
            step.place.error(f"cannot be called {step.name}: {OWN_NAMES[step.name]}")
        if step.name in seen:
            step.place.error(
                f'steps {seen[step.name]} and {number} are both called "{step.name}"; '
                'give one another name, as in { name = "again", run = ... }'
            )
        seen.setdefault(step.name, number)


def _no_such_need(step: Draft, need: str, names: list[str | None]) -> None:
    where = step.place.at("needs")
    if need == step.name:
        where.error(f"{need} is this step itself; a step cannot need itself")
    elif need in names:
        where.error(f"{need} comes later; write a step after those that it needs")
    elif None not in names:
        near = get_close_matches(need, [name for name in names if name], 1)
        where.error(f"names no step: {need}; " + (f"did you mean {near[0]}?" if near else "needs are names of steps"))


def needs_of(steps: list[Draft]) -> list[tuple[int, ...]]:
    """Ordinals that each step needs: the step before, if it does not say; the copying of results needs all."""
    ordinals = {step.name: number for number, step in enumerate(steps, 1)}
    found: list[tuple[int, ...]] = []
    for number, step in enumerate(steps, 1):
        if step.kind == "results":  # it copies what all of them made
            found.append(tuple(range(1, number)))
        elif step.needs is None:
            found.append((number - 1,) if number > 1 else ())
        else:
            found.append(tuple(sorted({ordinals[need] for need in step.needs if ordinals.get(need, number) < number})))
    return found


def ancestors(needs: list[tuple[int, ...]]) -> dict[int, set[int]]:
    """Ordinal → ordinals of all steps that have ended when this one starts."""
    found: dict[int, set[int]] = {}
    for ordinal, direct in enumerate(needs, 1):  # needs stand before what needs them
        found[ordinal] = set(direct).union(*(found[need] for need in direct))
    return found


def plan(ordinal: int, step: Draft, needs: tuple[int, ...]) -> StepPlan:
    """The plan of a step of which everything could be made out."""
    assert step.name
    assert step.command is not None
    chosen = {key: value for key, (value, _) in step.options.items()}
    retry = budgets(chosen["retry"]) if "retry" in chosen else {}
    if "on" in retry:
        retry["on"] = tuple(retry["on"])
    if step.kind == "reduce":
        retry.setdefault("soft_attempts", REDUCTION_TRIES)
    names = ("cpus", "gpus", "memory", "timeout", "grace", "cwd", "queue", "fresh", "on_lost", "uses")
    others = {key: chosen[key] for key in names if key in chosen}
    return StepPlan(
        ordinal=ordinal,
        name=step.name,
        command=step.command,
        needs=needs,
        retry=RetryPolicy(**retry),
        kind=step.kind,
        function=step.function,
        python=step.interpreter,
        script=step.script,
        defaults=step.defaults,
        labels=tuple(sorted(chosen.get("labels", ()))),
        when=step.when,
        soft=Soft(**{key: tuple(value) for key, value in _written(chosen.get("soft")).items()}),
        caps=Caps(quiet=chosen.get("no_output"), **_written(chosen.get("limits"))),
        on_error=step.on_error,
        question=step.question,
        **others,
    )


def _written(table: Table | None) -> dict[str, Any]:
    return {} if table is None else table.written()


def budgets(retry: Retry) -> dict[str, Any]:
    """What one ``retry`` says; ``attempts`` alone sets both budgets."""
    said = retry.written()
    if "attempts" in said:
        said.setdefault("soft_attempts", said["attempts"])
    return said
