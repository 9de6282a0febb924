"""Task and StepPlan: what to do, for which events.

A task is immutable: it is the resolved form of one table of the TOML file, ready to run without reading the file again.
It goes into the database as JSON (`Task.to_json`), is named there by the hash of that text, and a processing keeps the
one it was born with. `procession.definitions` makes tasks from the file; nothing else does.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from procession.model.command import Command

TIMETABLE = "timetable:"
"""A periodic task is an event task on its own timetable: the event ``timetable:<task>``, keyed by the nominal time."""


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
    """Outcomes tried again besides soft errors, time-outs and certain losses: ``failed`` or nothing."""


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


@dataclass(frozen=True, slots=True)
class Task:
    """What to do for every event of one name."""

    name: str
    on: str
    """The name of the events it takes; a periodic task takes its own ``timetable:<task>``."""
    steps: tuple[StepPlan, ...]
    every: float | None = None
    """Seconds from nominal start to nominal start; None: not periodic."""
    at_once: int = 0
    """Processings of this task running at the same time; 0: as many as resources allow."""

    def accepts(self, event_name: str) -> bool:
        """Is every event of this name one for this task?"""
        return self.on == event_name

    def step(self, ordinal: int) -> StepPlan:
        """The plan of the step with this ordinal."""
        return self.steps[ordinal - 1]

    def parameters(self) -> frozenset[str]:
        """Names that an event must bring, because a command of this task asks for them."""
        return frozenset(name for step in self.steps for name in step.command.parameters())

    def to_json(self) -> str:
        """The canonical text: same task, same text, same hash."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical text: the name of this definition."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> Task:
        """The task that `to_json` wrote, possibly by an earlier version of Procession."""
        raw: dict[str, Any] = json.loads(text)
        steps = tuple(
            StepPlan(
                **{
                    **step,
                    "command": Command.from_raw(step["command"]),
                    "needs": tuple(step["needs"]),
                    "retry": RetryPolicy(**{**step["retry"], "on": tuple(step["retry"]["on"])}),
                }
            )
            for step in raw.pop("steps")
        )
        return cls(steps=steps, **raw)
