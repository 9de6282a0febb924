"""CounterPlan: a file with the number of the last run, whose new runs become events; and where it stands.

`advance` is the rule. It is pure: what is known, what a look has seen, and what follows. A number that goes back, or
that jumps further than one may believe, moves nothing, so nothing is lost whatever the file says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from procession.model.command import Command
from procession.model.event import NewEvent

AT_ONCE = 500
"""So many runs become events in one transaction, those first that have waited longest; the others wait for the next."""


@dataclass(frozen=True, slots=True)
class CounterPlan:
    """What is counted, and what becomes of a run."""

    name: str
    """Of the task."""
    file: str
    emit: str
    """Name of the events: as the file says, or ``watch:<task>`` where the task itself takes them."""
    pattern: str = ""
    expect: str = ""
    """Template of the path of a run's data, with ``{run:08d}``; empty: nothing is waited for."""
    within: float = 86_400.0
    """Seconds after which a run without data is told."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """What every event brings beside ``run`` and ``path``."""
    key: str = ""
    """Template of the key; empty: the task's name and the run."""
    title: str = ""
    quiet: float = 5.0
    gap: int = 10_000
    group: str = ""

    def event(self, run: int, path: str | None) -> NewEvent:
        """The event that a run becomes; Invalid where its key or title cannot be made."""
        params = {**self.params, "run": run, **({} if path is None else {"path": path})}
        key, title = (
            Command((template,), allow_dash=True).render(params, {}, {})[0]
            for template in (self.key or f"{self.name}-{{run}}", self.title or f"{self.name} {{run}}")
        )
        return NewEvent(self.emit, params, key, title, "watch").check()


@dataclass(frozen=True, slots=True)
class Position:
    """Where a counter stands: everything up to `last` is an event, but for what is pending."""

    last: int | None = None
    """None: it was never looked at."""
    pending: Mapping[int, int] = field(default_factory=dict)
    """Run without data yet → since when it is waited for, in microseconds."""


@dataclass(frozen=True, slots=True)
class Advance:
    """What follows from a look."""

    position: Position
    runs: tuple[int, ...]
    """They become events, in this order."""
    problem: str | None = None


def advance(plan: CounterPlan, before: Position, number: int | None, complete: Sequence[int], now: int) -> Advance:
    """What becomes of a counter that was seen at this number, with the data of these runs complete.

    The first number that is ever seen is where counting begins: what came before is not new.
    """
    done, problem, last = set(complete), None, before.last
    pending = dict(before.pending)
    if number is not None and last is None:
        last = number
    elif number is not None and last is not None and number < last:
        problem = (
            f"{plan.file} went back from {last} to {number}: nothing is taken until it is past {last} again; "
            f"for other runs: procession missed {plan.name} --range …"
        )
    elif number is not None and last is not None and number - last > plan.gap:
        problem = (
            f"{plan.file} jumped from {last} to {number}, further than {plan.gap} runs, so it is not believed; "
            "if it is right, raise gap"
        )
    elif number is not None and last is not None:
        room = max(0, plan.gap - len(pending))
        new = range(last + 1, min(number, last + room) + 1)
        pending |= dict.fromkeys(new, now)
        last = new[-1] if new else last
    runs = tuple(sorted(done & pending.keys(), key=lambda run: (pending[run], run))[:AT_ONCE])
    waiting = {run: since for run, since in pending.items() if run not in set(runs)}
    late = sorted(run for run, since in waiting.items() if run not in done and now - since >= plan.within * 1e6)
    if problem is None and late:
        some = ", ".join(map(str, late[:5])) + (f" and {len(late) - 5} more" if len(late) > 5 else "")
        problem = f"no complete data for run {some}: {plan.expect}; they are taken as soon as they are there"
    return Advance(Position(last, waiting), runs, problem)
