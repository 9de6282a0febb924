"""The books: everything that came is accounted for (N4).

In: the tallies, which were written in the transactions of what they count, and the rows that are there, or what is told
of them. Out: for each name of events what was received and where it is, for each task what it took and what became of
it. Always: both sides are read in one picture; if they differ by one, the books do not balance, and say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from procession.model.states import PROCESSING
from procession.project import Project
from procession.store import counting, of_tasks, tallies


@dataclass(frozen=True, slots=True)
class Account:
    """One line: what came in, and where it is now."""

    name: str
    came: int
    """Received, or matched."""
    parts: Mapping[str, int]
    """Where it is: what the sum of must be as much as came."""

    @property
    def balanced(self) -> bool:
        """Is nothing missing and nothing too much?"""
        return self.came == sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class Books:
    """Both halves."""

    events: tuple[Account, ...]
    """received = events + repeats + refused + removed."""
    tasks: tuple[Account, ...]
    """matched = waiting + running + succeeded + failed + cancelled + skipped + deleted; newest versions count."""

    @property
    def balanced(self) -> bool:
        """Does every account balance?"""
        return all(account.balanced for account in (*self.events, *self.tasks))


def books(project: Project, *, quick: bool = False) -> Books:
    """Count every row; or, `quick`, take the sums that were written with the rows, and count what is alive alone."""
    with project.store.read() as tx:
        tx.steady()
        if quick:
            came, matched, standing = tallies.totals(tx, "event"), tallies.totals(tx, "task"), of_tasks.counts(tx)
            return Books(
                tuple(_tallied(name, came[name]) for name in sorted(came)),
                tuple(_task(name, matched.get(name, {}), standing.get(name, {})) for name in sorted(matched)),
            )
        came, there = tallies.totals(tx, "event"), counting.events(tx)
        matched, standing = tallies.totals(tx, "task"), counting.processings(tx)
    return Books(
        tuple(_events(name, came.get(name, {}), there.get(name, (0, 0))) for name in sorted({*came, *there})),
        tuple(_task(name, matched.get(name, {}), standing.get(name, {})) for name in sorted({*matched, *standing})),
    )


def _events(name: str, tallied: Mapping[str, int], there: tuple[int, int]) -> Account:
    parts = {"events": there[0], "repeats": there[1], **{what: tallied.get(what, 0) for what in ("refused", "removed")}}
    return Account(name, tallied.get("received", 0), parts)


def _tallied(name: str, tallied: Mapping[str, int]) -> Account:
    """Of what was removed nobody knows how much of it were repeats: what is there is one number, repeats included."""
    removed = tallied.get("removed", 0)
    there = tallied.get("events", 0) + tallied.get("repeats", 0) - removed
    parts = {"there": there, "refused": tallied.get("refused", 0), "removed": removed}
    return Account(name, tallied.get("received", 0), parts)


def _task(name: str, tallied: Mapping[str, int], there: Mapping[str, int]) -> Account:
    parts = {**{str(s): there.get(str(s), 0) for s in PROCESSING.states}, "deleted": tallied.get("deleted", 0)}
    return Account(name, tallied.get("matched", 0), parts)
