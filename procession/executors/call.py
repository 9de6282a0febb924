"""What is known of calls of Python functions: the order of one, what all of a step have in common, and its end.

In: attempts that were claimed. Out: what goes to workers (`executors/worker.py`) and what the pool
(`executors/calls.py`) hears of it. Always: values only; nothing here waits, writes or starts anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Which = tuple[int, int, int]
"""Processing id, ordinal and attempt number."""
Order = tuple[Which, str]
"""An attempt, and what its worker is told of it: the elements of a JSON array after the first two."""
Plain = tuple[int, int, int, int]
"""A call that returned nothing and said nothing: processing id, attempt number, begin and end (microseconds UTC)."""

STOPPED = "stopped: the launcher was stopped while it ran"
"""Through no fault of its own: it is tried again, and nothing is counted."""


@dataclass(frozen=True, slots=True, eq=False)
class CallPlan:
    """What all calls of one step of one definition have in common."""

    number: int
    function: str
    task: str
    step: str
    ordinal: int
    event: str
    python: str
    timeout: float | None
    alone: bool
    """It is the only step of its task, whose success is that of the whole, and nothing more follows from it."""

    def told(self, surroundings: Mapping[str, str]) -> bytes:
        """The line by which a worker learns of it."""
        names = ("function", "task", "step", "ordinal", "event")
        said = {"plan": self.number, **{name: getattr(self, name) for name in names}, **surroundings}
        return json.dumps(said).encode() + b"\n"


class Returned(NamedTuple):
    """A call that ended in any way but plainly."""

    which: Which
    how: str
    """``succeeded``, ``failed``, ``retry``, ``skipped``, ``timeout``, ``cancelled``, ``lost``, ``void`` or
    ``not_started``."""
    reason: str = ""
    began: int | None = None
    """Microseconds UTC."""
    ended: int | None = None
    said: Mapping[str, Any] = {}
    """What the worker told with its end."""
    body: bytes = b""
    """Of a result, as it is kept."""
    signal: int | None = None


@dataclass(slots=True)
class Heard:
    """What came back since it was settled last."""

    plain: dict[CallPlan, list[Plain]] = field(default_factory=dict)
    """Calls that ended plainly."""
    returned: list[Returned] = field(default_factory=list)
    said: list[tuple[Which, str, Any]] = field(default_factory=list)
    """What running calls said: progress, message, pause or resume, and the value."""
