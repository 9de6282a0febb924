"""Processing and Step: one event through one task, and which of its steps are next.

`settle` is the heart: an attempt has ended, so what becomes of its step, of the steps that need it and of the whole?
It is pure. It takes the states as they are and returns moves; `flow/settle.py` applies them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from procession.model.outcome import Again, Done, Outcome
from procession.model.states import State
from procession.model.task import Task

MET = frozenset({State.SUCCEEDED, State.SKIPPED})
"""States of a step in which the steps that need it may go on."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a step: append-only, live until it has an outcome."""

    number: int
    outcome: Outcome | None
    reason: str | None
    note: str | None
    made_by: str | None
    """The person who accepted the step by hand; None for an executed script."""
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

    @property
    def executed(self) -> int:
        """Number of the latest attempt whose script was started; 0 if there is none."""
        return next((a.number for a in reversed(self.attempts) if a.started_at is not None), 0)


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
    task: Task, states: Mapping[int, State], ordinal: int, follows: Again | Done, *, cancel_asked: bool
) -> Consequences:
    """Say what becomes of a processing when the attempt at `ordinal` has ended.

    `states` are the states of all its steps, this one still running. A wish to cancel wins over another try and over
    going on, but never over the truth: a step that succeeded meanwhile has succeeded.
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
        ready = next_ready(task, after)
    whole = None if ready else _whole(after, verb, cancelled=cancel_asked or verb == "cancel")
    return Consequences(verb, follows.reason, None, ready, ended, whole)


def _whole(after: Mapping[int, State], verb: str, *, cancelled: bool) -> str | None:
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


def next_ready(task: Task, states: Mapping[int, State]) -> tuple[int, ...]:
    """Ordinals of the pending steps whose needs are all met."""
    return tuple(
        plan.ordinal
        for plan in task.steps
        if states[plan.ordinal] is State.PENDING and all(states[need] in MET for need in plan.needs)
    )
