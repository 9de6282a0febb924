"""The two state machines, as tables. Everything else is drawn from them.

From `PROCESSING` and `STEP` come the CHECK constraints of the database, the drawing in the documentation, the one
writer of states (`store/moves.py`), the verbs that a person is offered, and the property tests. A moment that has
passed or is to come (`due_at`, `cancel_requested_at`, ...) is a timestamp beside the state, never a state.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """All states of processings and steps; which of them a thing can be in is said by its machine."""

    PENDING = "pending"
    READY = "ready"
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class By(StrEnum):
    """Who may ask for a move."""

    FLOW = "flow"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Move:
    """One arrow of a machine: from any of `sources` to `target`."""

    verb: str
    sources: tuple[State, ...]
    target: State
    by: By
    meaning: str


@dataclass(frozen=True, slots=True)
class Machine:
    """The states of one kind of thing and the moves between them."""

    noun: str
    states: tuple[State, ...]
    terminal: frozenset[State]
    moves: dict[str, Move]

    def allows(self, verb: str, state: str) -> bool:
        """May a thing in this state make this move?"""
        return state in self.moves[verb].sources

    def offers(self, state: str) -> list[str]:
        """The verbs that a person can use on a thing in this state."""
        return [move.verb for move in self.moves.values() if move.by is By.PERSON and state in move.sources]


def _machine(noun: str, states: tuple[State, ...], terminal: tuple[State, ...], *moves: Move) -> Machine:
    return Machine(noun, states, frozenset(terminal), {move.verb: move for move in moves})


S = State

PROCESSING = _machine(
    "processing",
    (S.WAITING, S.RUNNING, S.SUCCEEDED, S.FAILED, S.CANCELLED, S.SKIPPED),
    (S.SUCCEEDED, S.FAILED, S.CANCELLED, S.SKIPPED),
    Move("begin", (S.WAITING,), S.RUNNING, By.FLOW, "its first step is claimed"),
    Move("succeed", (S.RUNNING,), S.SUCCEEDED, By.FLOW, "every step has succeeded or was skipped"),
    Move(
        "fail", (S.WAITING, S.RUNNING), S.FAILED, By.FLOW, "a step has failed for good and nothing of it runs any more"
    ),
    Move("skip", (S.RUNNING,), S.SKIPPED, By.FLOW, "a script asked to skip the rest"),
    Move("cancel", (S.WAITING, S.RUNNING), S.CANCELLED, By.PERSON, "nothing of it will start any more"),
    Move("retry", (S.FAILED, S.CANCELLED), S.WAITING, By.PERSON, "its failed step gets another attempt"),
    Move(
        "restart",
        (S.SUCCEEDED, S.FAILED, S.CANCELLED, S.SKIPPED),
        S.WAITING,
        By.PERSON,
        "a step and all that need it run again",
    ),
    Move("resume", (S.FAILED, S.CANCELLED), S.WAITING, By.FLOW, "a step was accepted by hand; the chain goes on"),
    Move("complete", (S.FAILED, S.CANCELLED), S.SUCCEEDED, By.FLOW, "its last open step was accepted by hand"),
)

STEP = _machine(
    "step",
    (S.PENDING, S.READY, S.RUNNING, S.SUCCEEDED, S.FAILED, S.CANCELLED, S.SKIPPED),
    (S.SUCCEEDED, S.FAILED, S.CANCELLED, S.SKIPPED),
    Move("ready", (S.PENDING,), S.READY, By.FLOW, "what it needs is done and its processing has begun"),
    Move("claim", (S.READY,), S.RUNNING, By.FLOW, "a launcher took it; the attempt counts from here"),
    Move("give_back", (S.RUNNING,), S.READY, By.FLOW, "claimed but never begun; the attempt is void"),
    Move("again", (S.RUNNING,), S.READY, By.FLOW, "the attempt ended in a way that is tried again"),
    Move("succeed", (S.RUNNING,), S.SUCCEEDED, By.FLOW, "its exit record says code 0"),
    Move("fail", (S.RUNNING,), S.FAILED, By.FLOW, "it failed for good, or its tries are used up"),
    Move("skip", (S.RUNNING, S.READY, S.PENDING), S.SKIPPED, By.FLOW, "a script asked to skip the rest"),
    Move(
        "cancel",
        (S.PENDING, S.READY, S.RUNNING),
        S.CANCELLED,
        By.FLOW,
        "its processing was cancelled; what ran has ended",
    ),
    Move("retry", (S.FAILED, S.CANCELLED), S.PENDING, By.PERSON, "another attempt, with its budget renewed"),
    Move(
        "restart",
        (S.SUCCEEDED, S.FAILED, S.CANCELLED, S.SKIPPED),
        S.PENDING,
        By.PERSON,
        "it runs again, with its budget renewed",
    ),
    Move("accept", (S.FAILED, S.CANCELLED), S.SUCCEEDED, By.PERSON, "a person did it by hand; the chain goes on"),
)

MACHINES = {machine.noun: machine for machine in (PROCESSING, STEP)}
