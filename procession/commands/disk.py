"""What people ask about the disk: how full, who takes it, what would go; leave this one alone; clean now.

In: nothing, or ids. Out: a picture (`Picture`), or processings pinned and unpinned. Always: a preview deletes nothing,
and is made by the functions that decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from procession import disk, filling
from procession.errors import NotFound, Refused
from procession.flow.budget import Standing, budget_of, full, standing
from procession.flow.cleaning import AGE, LOOK, aged_files, aged_logs, aged_rows, entered, first_to_go
from procession.flow.sweep import clean_now
from procession.model.retention import Kept
from procession.model.states import State
from procession.project import Project, person, poke
from procession.store import disk as store
from procession.store import moves, search, settings
from procession.store.database import Tx
from procession.store.moves import Moving
from procession.units import size
from procession.workdir import is_held

WINDOW = 10_000
"""A quick look counts so many of the newest processings,"""
EACH = 10
"""and at so many of each task and state whether they would go."""
SHOWN = 10
"""So many of the largest, and of those that go next, are named."""


@dataclass(frozen=True, slots=True)
class Going:
    """Something that goes at the next look, or as soon as space is short."""

    kept: Kept
    what: str
    """``files``, ``logs`` or ``rows``."""
    why: str


@dataclass(frozen=True, slots=True)
class Picture:
    """The disk of this place as it is now."""

    standing: Standing
    full: str | None
    """Why nothing starts, if so."""
    used: int
    """Bytes of all directories with working files, of those that were counted."""
    counted_from: int
    """The lowest id that was counted; 0: all were."""
    usage: tuple[tuple[str, State, int, int], ...]
    """Task, state, how many, bytes; the most first."""
    largest: tuple[Kept, ...]
    next: tuple[Kept, ...]
    """What goes first when space is short."""
    full_in: float | None = None
    """Seconds until nothing may be written any more, at today's rate; None: nobody can say."""


def look(project: Project, *, quick: bool = False) -> Picture:
    """What the disk has, what is used by whom, and what goes next. `quick`: of the newest `WINDOW` alone."""
    space, place = disk.space(project.var.root / "work"), project.var.place_id()
    with project.store.read() as tx:
        now = standing(tx, space, budget_of(project.settings, settings.all_of(tx), space), place)
        first = max(0, search.newest_id(tx) - WINDOW + 1) if quick else 0
        usage = tuple(store.usage(tx, place, first))
        return Picture(
            now,
            full(project.var, project.settings),
            sum(total for *_, total in usage),
            0 if first <= 1 else first,
            usage,
            tuple(store.largest(tx, SHOWN, place, first)),
            tuple(first_to_go(tx, project.settings, project.var, 1 << 62, SHOWN)[:SHOWN]),
            full_in(project, tx, space),
        )


def full_in(project: Project, tx: Tx, space: disk.Space) -> float | None:
    """Seconds until no more is free than is kept free, at the rate of the last day; None where nobody can say."""
    budget = budget_of(project.settings, settings.all_of(tx), space)
    floor = max(budget.keep_free or 0, budget.reserve)
    return filling.until_full(filling.samples(project.var.samples), project.now(), space, floor)


def preview(project: Project, *, quick: bool = False) -> list[Going]:
    """What a look would delete now, and why, by the rules as they are in the files at this moment. `quick`: of the
    oldest `EACH` of each task and state."""
    each = EACH if quick else LOOK
    with project.store.read() as tx:
        found = [
            Going(kept, what, why)
            for what, why, choose in (
                ("files", AGE, aged_files),
                ("logs", "they have outlived [work] keep.logs", aged_logs),
                ("rows", "they have outlived [work] keep.rows", aged_rows),
            )
            for kept in choose(tx, project.settings, project.var.place_id(), project.now(), each)
            if not entered(project.var, kept.id)
        ]
        return found + _by_budget(project, tx, {going.kept.id for going in found if going.what == "files"}, each)


def _by_budget(project: Project, tx: Tx, aged: set[int], each: int) -> list[Going]:
    """What goes beside that, because the budget does not hold."""
    space = disk.space(project.var.root / "work")
    now = standing(tx, space, budget_of(project.settings, settings.all_of(tx), space), project.var.place_id())
    lacking = -now.room
    why = f"{size(lacking)} too much is taken within the budget of the disk"
    going = first_to_go(tx, project.settings, project.var, lacking, each)
    return [Going(kept, "files", why) for kept in going if kept.id not in aged]


def clean(project: Project) -> bool:
    """Have everything looked at now: by the launcher, if one serves here (True), else by this process."""
    if is_held(project.var.lock) and poke(project.var.wake, "sweep"):
        return True
    clean_now(project)
    return False


def pin(project: Project, ids: Sequence[int], *, pinned: bool, by: str | None = None) -> None:
    """Let the cleaner leave these processings alone, or no longer; NotFound, and nothing is done, if one is missing."""
    who = by or person()
    project.store.change(lambda tx: _pin(project, tx, ids, who, pinned=pinned))


def _pin(project: Project, tx: Tx, ids: Sequence[int], by: str, *, pinned: bool) -> None:
    now = project.now()
    found = [each.kept for each in store.lock(tx, ids)]
    if missing := sorted(set(ids) - {kept.id for kept in found}):
        raise NotFound(f"there is no processing {missing[0]}; see: procession list")
    if gone := [kept.id for kept in found if kept.cleaned and pinned]:
        raise Refused(f"the working files of processing {gone[0]} are gone already; there is nothing to keep")
    moving = [kept.id for kept in found if kept.pinned is not pinned]
    store.set_pinned(tx, moving, now if pinned else None)
    moves.note(tx, "processing", "pin" if pinned else "unpin", [Moving(pid, now) for pid in moving], by)
    tx.after(project.wake)
