"""The disk budget: how much what begins now may write, and whether anything may start at all.

In: what the file system says, what directories take, what the last processings of a task took, what people have set.
Out: bytes, or the sentence why not. The claim, ``why`` and the cleaner ask the same functions.
Always: what running processings are expected still to write is theirs already. Below the reserve nothing starts and
nothing is taken in; ends of scripts are recorded all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from procession import disk
from procession.definitions import Definitions
from procession.errors import StorageFull
from procession.model.retention import Budget, learned
from procession.model.setting import Settings
from procession.project import Project
from procession.store import claiming, tasks
from procession.store import disk as store
from procession.store.database import Tx
from procession.units import size
from procession.workdir import Var

RESERVE, SHARE = 1 << 30, 0.02
"""The hard floor where none is said: the smaller of so many bytes and this share of the disk."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the budget stands."""

    space: disk.Space
    budget: Budget
    used: int = 0
    """Bytes of all directories, those that run and those not yet measured with what they are expected to take."""
    committed: int = 0
    """Bytes that what runs is expected still to write."""
    expected: Mapping[str, int] = field(default_factory=dict)
    """Task → bytes that its next processing is expected to take, of those of which anything is known."""

    @property
    def room(self) -> int:
        """Bytes that what begins now may write; less than nothing: so much is already too much."""
        return self.budget.room(self.space.free, self.used, self.committed)

    @property
    def most(self) -> int:
        """Bytes that could be written if nothing else were there."""
        kept_free = max(self.budget.keep_free or 0, self.budget.reserve)
        mosts = [self.space.total - kept_free]
        return min([*mosts, self.budget.max_total] if self.budget.max_total is not None else mosts)


def budget_of(said: Definitions, now: Settings, space: disk.Space) -> Budget:
    """The rules: as the file says, or as they were set since."""
    keep_free, max_total = (now.number(name, getattr(said, name)) for name in ("keep_free", "max_total"))
    reserve = min(RESERVE, int(space.total * SHARE)) if said.reserve is None else said.reserve
    return Budget(None if keep_free is None else int(keep_free), None if max_total is None else int(max_total), reserve)


def limited(budget: Budget) -> bool:
    """Is there any rule but the reserve? If there is none, nobody needs to know what directories take."""
    return budget.keep_free is not None or budget.max_total is not None


def standing(
    tx: Tx, space: disk.Space, budget: Budget, place: str, used: Callable[[Tx, str], int] = store.used
) -> Standing:
    """How the budget of a place stands; `used` sums up what its measured directories take."""
    if not limited(budget):
        return Standing(space, budget)
    running = store.running(tx, place)
    unmeasured = store.unmeasured_by_task(tx, place)
    asked = {*claiming.tasks_waiting(tx), *unmeasured, *(each.task for each in running)}
    expected = {task: bytes_ for task in asked if (bytes_ := learned(store.sizes(tx, task)))}
    said = {each.definition_id: _said(tx, each.definition_id) for each in running}
    committed = 0
    for each in running:
        whole = said[each.definition_id]
        committed += max(0, (expected.get(each.task, 0) if whole is None else whole) - (each.bytes or 0))
    total = 0
    if budget.max_total is not None:
        total = used(tx, place) + sum(n * expected.get(task, 0) for task, n in unmeasured.items())
    return Standing(space, budget, total, committed, expected)


def _said(tx: Tx, definition_id: int) -> int | None:
    """What the file says that a processing takes, if it says it."""
    try:
        return tasks.get(tx, definition_id).disk
    except (ValueError, TypeError, LookupError):
        return None


def full(var: Var, said: Definitions) -> str | None:
    """Why nothing may start and nothing is taken in, if so: a disk of ours is at its reserve."""
    for place in (var.root, var.root / "work"):
        try:
            found = disk.space(place)
        except OSError:
            continue
        reserve = min(RESERVE, int(found.total * SHARE)) if said.reserve is None else said.reserve
        if found.nodes == 0:
            return f"the disk of {place} has no room for another file; nothing starts until there is: procession disk"
        if found.free < reserve:
            return (
                f"the disk of {place} has {size(found.free)} left and {size(reserve)} are its reserve; nothing starts "
                "until there is more: procession disk"
            )
    return None


def refuse_if_full(project: Project) -> None:
    """Raise StorageFull where nothing may be taken in."""
    if why := full(project.var, project.settings):
        raise StorageFull(f"{why.partition('; ')[0]}; the event was not taken: make room, and submit it again")
