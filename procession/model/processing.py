"""Processing and Step: one event through one task, and which of its steps are next.

`settle` is the heart: an attempt has ended, so what becomes of its step, of the steps that need it and of the whole?
It is pure. It takes the states as they are and returns moves; `flow/settle.py` applies them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from procession.model.chosen import Chosen
from procession.model.outcome import Again, Done, Outcome
from procession.model.states import State
from procession.model.task import Task

MET = frozenset({State.SUCCEEDED, State.SKIPPED})
"""States of a step in which the steps that need it may go on."""


Values = tuple[Mapping[str, Any], Mapping[str, Mapping[str, Any]]]
"""What a condition can ask for: parameters, and outputs by step."""
NO_VALUES: Values = ({}, {})


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a step: append-only, live until it has an outcome."""

    number: int
    outcome: Outcome | None
    reason: str | None
    note: str | None
    made_by: str | None
    """The person who accepted the step by hand, or answered its question; None for an executed script."""
    claimed_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    exit_code: int | None
    signal: int | None
    errno: int | None
    max_rss: int | None
    """Bytes, the largest of its processes."""
    cpu_seconds: float | None
    log_bytes: int | None
    host: str | None
    code: Mapping[str, str]
    """Path of each script file of ours, and the SHA-256 of its text at the claim (kept in ``var/code``)."""
    metrics: Mapping[str, float]
    launcher_id: int | None = None
    """Who claimed it; None: nobody, it waits for children or was made by a person."""
    memory: int = 0
    """Bytes that it was counted with."""
    errors: int = 0
    """Errors that the script recorded while it went on."""
    peak_tree: int | None = None
    """Bytes that all its processes took together at most, where that was watched."""
    surroundings: Mapping[str, Any] | None = None
    """What it was started in: interpreter, packages, commit, sizes of inputs."""
    pooled: bool = False
    """A function, called in a process of the launcher's pool: it has no record, and nobody can enter it."""
    worker: str | None = None
    """The program elsewhere that claimed it."""
    expires_at: datetime | None = None
    """Done elsewhere: not heard of until then, it is given back, or lost."""
    paused_at: datetime | None = None
    """Since when it waits by itself."""
    progress: Mapping[str, Any] | None = None
    """Share and text, as a function or a program elsewhere told them last."""
    cause: str | None = None
    """Signature of why it failed (`model/cause.py`)."""
    asks: str | None = None
    """The question that it asks a person."""
    asks_until: datetime | None = None
    """Until when it may be answered; answered: when it was. None: for ever."""
    answer: str | int | float | None = None
    """What `made_by` has answered."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a processing: where it stands, and its attempts."""

    ordinal: int
    name: str
    state: State
    attempt: int
    """Number of its latest attempt; 0 before the first."""
    due_at: datetime | None
    reason: str | None
    started_at: datetime | None
    finished_at: datetime | None
    attempts: tuple[Attempt, ...] = ()
    held_at: datetime | None = None
    wants: str | None = None
    """What it takes of limits and which host it needs, as `model/wants.py` reads it."""

    @property
    def executed(self) -> int:
        """Number of the latest attempt whose script was started; 0 if there is none."""
        return next((a.number for a in reversed(self.attempts) if a.started_at is not None), 0)

    @property
    def asking(self) -> Attempt | None:
        """The attempt that waits for a person's answer, if it does."""
        last = self.attempts[-1] if self.attempts else None
        return last if last and last.asks is not None and last.outcome is None and last.answer is None else None


@dataclass(frozen=True, slots=True)
class Processing:
    """One pass of a task over one event."""

    id: int
    task: str
    event_id: int
    event: str
    key: str | None
    title: str
    params: Mapping[str, Any]
    state: State
    version: int
    priority: int
    created_at: datetime
    due_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    reason: str | None
    definition: str
    """Hash of the definition it was born with."""
    launcher_id: int | None = None
    """The foreground launcher that alone runs it; None: whoever serves the project."""
    steps: tuple[Step, ...] = ()
    outputs: Mapping[str, Mapping[str, Any]] | None = None
    """Step name → its outputs."""
    held_at: datetime | None = None
    pinned_at: datetime | None = None
    errors: int = 0
    """Errors that its scripts recorded while they went on: with any, a success is amber."""
    backfill: bool = False
    """It comes after everything that is fresh."""
    origin_id: int | None = None
    """The processing whose script emitted its event (its first version)."""
    first_id: int | None = None
    """Its first version; None: it is the first."""
    replaced_by: int | None = None
    """Its next version."""
    code_of: int | None = None
    bytes: int | None = None
    """What its directory took when it was last measured."""
    cleaned_at: datetime | None = None
    wants: str | None = None
    result: tuple[str, int] | None = None
    """MIME type and bytes of what its functions came to, where somebody looked."""
    place: str | None = None
    """Where its directory is: the place of the launcher with which it began; None: nowhere yet, or SQLite."""
    callback: str | None = None
    """URL to which its end is told."""
    retire_at: datetime | None = None
    """Ended: not before this moment it goes with all its rows, and its key is free."""
    description: str | None = None
    """Of this version, by the person who asked for it."""
    variables: str | None = None
    """What replaces the defaults of its variables: `Chosen`, as JSON."""
    run: int | None = None
    group: str | None = None
    """What its run is grouped by, such as the experiment."""
    cause: str | None = None
    """Failed: the signature of why."""
    source: str | None = None
    """Where its data come from."""
    experiment: str | None = None
    """What they belong to."""
    idle: timedelta = timedelta()
    """For so long it had ended before somebody let it go on: retried, restarted from a step or accepted by hand."""
    waiting_at: datetime | None = None
    """Since when it waits now: since its birth, or since it was let go on, released, or its time came."""

    def took(self, now: datetime) -> float | None:
        """Seconds from its start to its end, or until now, less those for which it had ended before it was let go on;
        None: it has not begun."""
        if self.started_at is None:
            return None
        return max(0.0, ((self.finished_at or now) - self.started_at - self.idle).total_seconds())

    @property
    def values(self) -> Chosen:
        """What replaces the defaults of its variables."""
        return Chosen.from_json(self.variables)

    @property
    def live(self) -> Attempt | None:
        """The attempt that lives; of several the first."""
        running = (s.attempts[-1] for s in self.steps if s.state is State.RUNNING and s.attempts)
        return next((one for one in running if one.outcome is None), None)

    @property
    def phase(self) -> str:
        """Its state, and of one that runs a little more: ``scheduled`` (a program elsewhere claimed it and has not
        begun), ``paused`` (what does it waits by itself)."""
        live = self.live if self.state is State.RUNNING else None
        if live is not None and live.paused_at is not None:
            return "paused"
        if live is not None and live.worker is not None and live.started_at is None:
            return "scheduled"
        return str(self.state)

    @property
    def root(self) -> int:
        """Its first version: what any of its versions emits is known by it, so that no version emits anything twice."""
        return self.first_id or self.id


@dataclass(frozen=True, slots=True)
class Consequences:
    """What follows from one ended attempt."""

    verb: str
    """The move of the step itself."""
    reason: str
    delay: float | None
    """Seconds until it may start again, where the verb is ``again``."""
    ready: tuple[int, ...] = ()
    """Ordinals of the steps that may start now."""
    ended: tuple[tuple[int, str], ...] = ()
    """Ordinals and verbs of further steps that will not run any more."""
    processing: str | None = None
    """The move of the processing, if it moves."""


def settle(
    task: Task,
    states: Mapping[int, State],
    ordinal: int,
    follows: Again | Done,
    *,
    cancel_asked: bool,
    skip_asked: bool = False,
    values: Callable[[], Values] = lambda: NO_VALUES,
) -> Consequences:
    """Say what becomes of a processing when the attempt at `ordinal` has ended.

    `states` are the states of all its steps, this one still running. A wish to cancel wins over another try and over
    going on, but never over the truth: a step that succeeded meanwhile has succeeded. `skip_asked`: a script of another
    branch has asked to skip the rest, so whatever ends last, the whole is skipped. `values` are asked for only where a
    step has a condition.
    """
    if isinstance(follows, Again) and not cancel_asked:
        return Consequences("again", follows.reason, follows.delay)
    verb = follows.verb if isinstance(follows, Done) else "cancel"
    if verb == "give_back":
        if not cancel_asked:
            return Consequences(verb, follows.reason, None)
        verb = "cancel"
    after = {**states, ordinal: _TARGETS[verb]}
    ready: tuple[int, ...] = ()
    ended: tuple[tuple[int, str], ...] = ()
    if verb in ("skip", "cancel") or cancel_asked:
        end = "skip" if verb == "skip" else "cancel"
        ended = tuple((o, end) for o, state in after.items() if state in (State.PENDING, State.READY))
        after |= {o: _TARGETS[end] for o, _ in ended}
    else:  # other branches go on, also beside one that failed
        ready, passed = unfold(task, after, values)
        ended = tuple((o, "skip") for o in passed)
        after |= dict.fromkeys(passed, State.SKIPPED)
    moved = None if ready else whole(after, "skip" if skip_asked else verb, cancelled=cancel_asked or verb == "cancel")
    return Consequences(verb, follows.reason, None, ready, ended, moved)


def whole(after: Mapping[int, State], verb: str, *, cancelled: bool) -> str | None:
    """The move of the processing when its steps stand like this; none as long as one of them runs or may start."""
    states = set(after.values())
    if states & {State.RUNNING, State.READY}:
        return None
    if states <= MET:
        return "skip" if verb == "skip" else "succeed"
    return "cancel" if cancelled else "fail"


_TARGETS = {
    "succeed": State.SUCCEEDED,
    "fail": State.FAILED,
    "skip": State.SKIPPED,
    "cancel": State.CANCELLED,
}


def unfold(
    task: Task, states: Mapping[int, State], values: Callable[[], Values] = lambda: NO_VALUES
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Ordinals of the pending steps whose turn it is, and of those that are passed over because their condition does
    not hold; what needs one that is passed over goes on."""
    after, passed = dict(states), []
    ready = next_ready(task, after)
    while task.whens and (never := [o for o in ready if o in task.whens and not task.whens[o].holds(*values())]):
        passed += never
        after |= dict.fromkeys(never, State.SKIPPED)
        ready = next_ready(task, after)
    return ready, tuple(passed)


def next_ready(task: Task, states: Mapping[int, State]) -> tuple[int, ...]:
    """Ordinals of the pending steps whose needs are all met."""
    return tuple(
        plan.ordinal
        for plan in task.steps
        if states[plan.ordinal] is State.PENDING and all(states[need] in MET for need in plan.needs)
    )


def needing(task: Task, ordinal: int) -> tuple[int, ...]:
    """Ordinals of a step and of all that need it, directly or not: what runs again when it does."""
    found = {ordinal}
    for plan in task.steps:  # needs stand before what needs them
        if found & set(plan.needs):
            found.add(plan.ordinal)
    return tuple(sorted(found))
