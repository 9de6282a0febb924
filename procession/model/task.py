"""Task and StepPlan: what to do, for which events.

A task is immutable: it is the resolved form of one table of the TOML file, ready to run without reading the file again.
It goes into the database as JSON (`Task.to_json`), is named there by the hash of that text, and a processing keeps the
one it was born with. `procession.definitions` makes tasks from the file; nothing else does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from procession.model import condition
from procession.model.chosen import Chosen
from procession.model.command import Command
from procession.model.question import Question
from procession.model.variable import Variable
from procession.model.wants import Uses

TIMETABLE = "timetable:"
"""A periodic task is an event task on its own timetable: the event ``timetable:<task>``, keyed by the nominal time."""
WATCH = "watch:"
"""A task that watches a directory is an event task on the files that arrive there: the event ``watch:<task>``."""
CALL = "call:"
"""What is submitted to a task by its name is an event of it alone: the event ``call:<task>``."""
OWN = (TIMETABLE, WATCH, CALL)
"""Beginnings of names that only Procession itself gives to events."""

REDUCTION_SCRIPT = "reduction_script"
"""The parameter of an event that may bring the text of a reduction's script."""
REDUCTION_TRIES = 5
"""Budget of soft errors of a ``reduce``, where nothing else is said."""
LOG_MAX = 256 << 20
"""Bytes of a log that are kept where nothing is said: the first and the last of it."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and when a step is tried again. Defaults: `docs/reference` and the settled details of the design."""

    attempts: int = 3
    """Budget of time-outs and certain losses, and of plain failures where `on` names them."""
    soft_attempts: int = 10
    """Budget of soft errors (exit code 75)."""
    delay: float = 60.0
    """Seconds before the second try; the upper end of a random span (full jitter) unless the script says otherwise."""
    factor: float = 2.0
    """What the span is multiplied with from try to try."""
    max_delay: float = 3600.0
    """Seconds that the span never exceeds."""
    on: tuple[str, ...] = ()
    """Outcomes tried again besides soft errors, time-outs and certain losses: ``failed``, ``memory`` or nothing."""


@dataclass(frozen=True, slots=True)
class Soft:
    """Which failures are soft errors, beside exit code 75."""

    exit: tuple[int, ...] = ()
    """Exit codes."""
    output: tuple[str, ...] = ()
    """Regular expressions, looked for in each of the last lines of the log."""


@dataclass(frozen=True, slots=True)
class Caps:
    """What a running script may take beside `StepPlan.memory`; one that takes more is ended. None: as it likes."""

    cpu: float | None = None
    """Seconds of processor time."""
    files: int | None = None
    """Open files at the same time."""
    quiet: float | None = None
    """Seconds without a line of output."""
    log: int | None = LOG_MAX
    """Bytes of its log that are kept."""


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step of a task as the file tells it; `Step` is what a processing makes of it."""

    ordinal: int
    """Its place in the chain, from 1."""
    name: str
    command: Command
    needs: tuple[int, ...]
    """Ordinals of the steps that must have succeeded or been skipped; empty: may start at once."""
    cpus: float = 1.0
    """Processors it keeps busy, counted at the claim; 0 costs nothing."""
    timeout: float | None = None
    """Seconds after which its whole process tree is ended; None: as long as it takes."""
    grace: float = 10.0
    """Seconds between the polite signal and the certain one."""
    cwd: str = "processing"
    """``processing``: the directory shared by the chain; ``step``: one of its own."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    kind: str = "run"
    """``run``: a command; ``call``: a Python function, or a program elsewhere that claims it; ``wait``: until the
    children have ended; ``ask``: until a person has answered; ``results``: Procession's own copying; ``reduce``: a
    script whose ``main`` is called."""
    function: str = ""
    """A ``call``: where its function or class is, ``module.name``; empty: only programs elsewhere do it."""
    python: str = ""
    """A ``call`` or a ``reduce``: the interpreter, absolute."""
    script: str = ""
    """A ``reduce``: its script, absolute."""
    defaults: str = ""
    """A ``reduce``: the file of its variables, absolute; it need not exist."""
    memory: int = 0
    """Bytes that it is counted with at the claim, and that its tree may take; 0: nothing is said."""
    gpus: int = 0
    """Devices that it has for itself while it runs."""
    uses: Uses = ()
    """Templates of limits that it takes while it runs, and how much of each."""
    labels: tuple[str, ...] = ()
    queue: str = ""
    when: str | None = None
    """Condition (`model/condition.py`): where it does not hold, the step is skipped, which counts as met."""
    soft: Soft = field(default_factory=Soft)
    caps: Caps = field(default_factory=Caps)
    fresh: bool = False
    """A retry finds the step's own directory empty, not as the try before left it."""
    on_lost: str = "wait"
    """What follows when its launcher, on another host, is silent for too long: ``wait`` for a person, or ``retry``."""
    on_error: str = "fail"
    """A ``wait`` step: what a child that did not succeed does to it, ``fail`` or ``ignore``."""
    question: Question | None = None
    """An ``ask`` step: what may be answered; its text is the one word of `command`."""

    @property
    def rests(self) -> bool:
        """Does it only wait, so that nobody claims it, nothing runs and nothing is taken?"""
        return self.kind in ("wait", "ask")

    @property
    def outside(self) -> bool:
        """Do only programs elsewhere do it?"""
        return self.kind == "call" and not self.function


@dataclass(frozen=True, slots=True)
class Expect:
    """An alarm when data stop coming: at least so many events in so many seconds."""

    at_least: int
    per: float


@dataclass(frozen=True)
class Task:
    """What to do for every event of one name."""

    name: str
    on: str
    """The name of the events it takes; a periodic task takes its own ``timetable:<task>``."""
    steps: tuple[StepPlan, ...]
    every: float | None = None
    """Seconds from nominal start to nominal start; None: not periodic, or by `cron`."""
    from_end: bool = False
    """`every` is counted from the end of the run before."""
    cron: str | None = None
    timezone: str = "UTC"
    catch_up: str = "one"
    """What becomes of the runs missed while nobody served: ``one``, ``all`` or ``skip``."""
    where: str | None = None
    """Condition on the event's parameters."""
    at_once: int = 0
    """Processings of this task running at the same time; 0: as many as resources allow."""
    uses: Uses = ()
    """Templates of limits that a processing takes from its first step to its last."""
    priority: int = 0
    delay: float = 0.0
    """Seconds after its event before which a processing does not begin."""
    group: str = ""
    max_failures: int = 0
    """So many failures in a row suspend the task until a person resumes it; 0: never."""
    expect: Expect | None = None
    disk: int | None = None
    """Bytes that a processing takes, as far as one can say; None: learned from those that ended."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """Values for names that no event brings, as ``[variables]`` had them."""
    retention: float | None = None
    """Seconds that an instance stays at least when it has ended; then it goes with all its rows, and its key is free.
    None: as long as anything else does."""
    max_waiting: int = 0
    """So many may wait; more are refused (`QueueFull`). 0: as many as come."""
    grants: tuple[str, ...] = ()
    """Scopes that the scripts of this task have beyond their own processing."""
    inputs: str = "json"
    """How the inputs of a call are written: ``json``, or ``pickle`` where the operator opted in."""
    declared: tuple[Variable, ...] = ()
    """Variables of the task file: parameters of its scripts that sets change."""
    variables_from: str = ""
    """The Python file whose ``standard_vars`` and ``advanced_vars`` are its variables too; empty: there is none."""
    variables_python: str = ""
    """The interpreter by which that file is read where it does more than name values."""
    run_by: str = ""
    """Template of the run number of a processing; empty: its events have none."""
    group_by: str = ""
    """Template of what its runs are grouped by, such as the experiment."""
    input_by: str = ""
    """Template of the file of a run, by which several are processed as one."""
    accept_scripts: bool = False
    """An event may bring the text of the reduction's script (`REDUCTION_SCRIPT`), which is then executed."""
    skip_when: str | None = None
    """Condition on the event's parameters: where it holds, the processing is born skipped."""

    source: str = ""
    """Template: where the data of a processing come from."""
    experiment: str = ""
    """Template: what they belong to."""

    def accepts(self, event_name: str, params: Mapping[str, Any]) -> bool:
        """Is this event one for this task?"""
        return self.on == event_name and (self._where is None or self._where.holds(params, {}))

    def step(self, ordinal: int) -> StepPlan:
        """The plan of the step with this ordinal."""
        return self.steps[ordinal - 1]

    def parameters(self) -> frozenset[str]:
        """Names that an event must bring, because a command of this task asks for them."""
        asked = {name for step in self.steps for name in step.command.parameters()}
        return frozenset(asked - self.variables.keys())

    @property
    def adjustable(self) -> bool:
        """Has it variables, so that sets may change them?"""
        return bool(self.declared or self.variables_from)

    def values(self, params: Mapping[str, Any], changed: str | None = None) -> Mapping[str, Any]:
        """The parameters of an event, over the variables of the project and of the task; over them what is `changed`
        for this processing (`Chosen`, as JSON)."""
        found = {**self.variables, **params} if self.variables else params
        return self.brought(found, changed)

    def brought(self, params: Mapping[str, Any], changed: str | None) -> Mapping[str, Any]:
        """These parameters, and over them what is changed of the variables that the task file declares."""
        if changed is None or not self.declared:
            return params
        names = {variable.name for variable in self.declared if not variable.needs_default}
        return {**params, **{name: value for name, value in Chosen.from_json(changed).flat().items() if name in names}}

    @cached_property
    def _where(self) -> condition.Condition | None:
        return condition.parse(self.where) if self.where else None

    def skips(self, params: Mapping[str, Any]) -> bool:
        """Is a processing with these parameters born skipped, by its own rule?"""
        return self._skip_when is not None and self._skip_when.holds(self.values(params), {})

    @cached_property
    def _skip_when(self) -> condition.Condition | None:
        return condition.parse(self.skip_when) if self.skip_when else None

    @cached_property
    def whens(self) -> Mapping[int, condition.Condition]:
        """Ordinal → condition of the steps that have one."""
        return {step.ordinal: condition.parse(step.when) for step in self.steps if step.when}

    @cached_property
    def wants_nothing(self) -> bool:
        """Does it take nothing but a place among those that run: no limits, no queue, no labels?"""
        return not self.uses and not any(plan.uses or plan.labels or plan.queue or plan.outside for plan in self.steps)

    @property
    def queue(self) -> str:
        """The queue in which its processings wait: that of its first step."""
        return self.steps[0].queue

    @property
    def periodic(self) -> bool:
        """Does a timetable start it?"""
        return self.every is not None or self.cron is not None

    def to_json(self) -> str:
        """The canonical text: same task, same text, same hash."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical text: the name of this definition."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> Task:
        """The task that `to_json` wrote, possibly by an earlier version of Procession."""
        raw: dict[str, Any] = json.loads(text)
        steps = tuple(_plan(step) for step in raw.pop("steps"))
        expect = raw.pop("expect", None)
        uses = _uses(raw.pop("uses", ()))
        raw["grants"] = tuple(raw.get("grants", ()))
        raw["declared"] = tuple(Variable(**{**v, "choices": tuple(v["choices"])}) for v in raw.get("declared", ()))
        return cls(steps=steps, expect=None if expect is None else Expect(**expect), uses=uses, **raw)


def _plan(raw: dict[str, Any]) -> StepPlan:
    soft = raw.get("soft", {})
    return StepPlan(
        **{
            **raw,
            "command": Command.from_raw(raw["command"]),
            "needs": tuple(raw["needs"]),
            "retry": RetryPolicy(**{**raw["retry"], "on": tuple(raw["retry"]["on"])}),
            "uses": _uses(raw.get("uses", ())),
            "labels": tuple(raw.get("labels", ())),
            "soft": Soft(tuple(soft.get("exit", ())), tuple(soft.get("output", ()))),
            "caps": Caps(**raw.get("caps", {})),
            "question": Question.from_raw(raw.get("question")),
        }
    )


def _uses(raw: list[list[Any]] | tuple[()]) -> Uses:
    return tuple((str(name), float(amount)) for name, amount in raw)
