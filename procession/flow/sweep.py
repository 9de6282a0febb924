"""Used directories and old rows go, and the disk budget holds.

In: the moment, and what the claim says it lacks. Out: a look (`flow/cleaning.py`) handed to the sweeper's thread, which
pokes the launcher when there is more room than before.
Always: nothing is measured or deleted here, and at most one look is under way.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime, timedelta

from procession import disk, filling
from procession.flow.budget import limited
from procession.flow.cleaning import Cleaner
from procession.project import Project, poke
from procession.store import launchers
from procession.store.database import Tx
from procession.sweeper import Sweeper
from procession.units import duration
from procession.workdir import Var

log = logging.getLogger("procession")

CALM, LIMITED, HURRY = 5.0, 2.0, 0.2
"""Seconds from one look to the next: usually; where there is a budget; while something waits for the disk alone."""
JUMP, DISTRUST = 3600.0, 86_400.0
"""Seconds: by so much the wall clock may be moved; for so long its word about ages does not count after more."""
AGED = 60.0
"""Seconds between two looks for what has outlived its retention."""


def sweep(project: Project, tx: Tx) -> datetime | None:
    """Have a look handed over if it is time; say when the next one is."""
    post, now = project.serving, project.clock.monotonic()
    sweeper = post.sweeper
    if post.kind != "up":
        return None
    if sweeper.offset is None:
        _distrust_start(project, tx, sweeper)
    _distrust_jumps(project, sweeper)
    if not sweeper.busy and (sweeper.asked or now >= sweeper.next_at or (sweeper.wanted and now >= sweeper.hurry_at)):
        aged = sweeper.asked or now >= sweeper.aged_at
        now_wall = project.now()
        cleaner = Cleaner(project.store, project.var, project.settings, sweeper, now_wall)
        wanted = sweeper.wanted
        tx.after(lambda: sweeper.do(lambda: _look(cleaner, project.var, aged=aged, wanted=wanted, now=now_wall)))
        said = project.settings
        calm = LIMITED if said.keep_free is not None or said.max_total is not None else CALM
        sweeper.asked, sweeper.next_at, sweeper.hurry_at = False, now + calm, now + HURRY
        sweeper.aged_at = now + AGED if aged else sweeper.aged_at
    due = sweeper.hurry_at if sweeper.wanted or sweeper.busy else sweeper.next_at
    return project.clock.now() + timedelta(seconds=max(HURRY / 4, due - now))


def _distrust_start(project: Project, tx: Tx, sweeper: Sweeper) -> None:
    """A machine may start with a wrong clock: what is far from the last sign of life is not believed."""
    last = launchers.last_beat(tx, project.serving.launcher_id)
    away = 0.0 if last is None else (project.now() - last) / 1e6
    if away > DISTRUST or away < -JUMP:
        log.warning("the clock says %s since anybody served: nothing is deleted for its age for a day", duration(away))
        sweeper.aged_at = project.clock.monotonic() + DISTRUST


def _distrust_jumps(project: Project, sweeper: Sweeper) -> None:
    """A wall clock that was moved far makes everything look old: for a day nothing is deleted for its age."""
    now = project.clock.monotonic()
    offset = project.clock.now().timestamp() - now
    if sweeper.offset is not None and abs(offset - sweeper.offset) > JUMP:
        moved = duration(abs(offset - sweeper.offset))
        log.warning("the clock was moved by %s: nothing is deleted for its age for a day", moved)
        sweeper.aged_at = now + DISTRUST
    sweeper.offset = offset


def _look(cleaner: Cleaner, var: Var, *, aged: bool, wanted: int, now: int) -> None:
    """In the sweeper's thread: look, and let the claim look again if that changed anything for it."""
    if aged:
        with suppress(OSError):  # a disk that is full, or away, is told elsewhere
            filling.note(var.samples, now, disk.space(var.root / "work"))
    if cleaner.look(aged=aged, wanted=wanted) and (wanted or limited(cleaner.standing().budget)):
        poke(var.wake, "wake")


def clean_now(project: Project) -> None:
    """One whole look, here and now: for when no launcher serves."""
    sweeper = Sweeper(apart=False)
    Cleaner(project.store, project.var, project.settings, sweeper, project.now()).look(aged=True)
