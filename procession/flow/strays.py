"""Strays: directories at this place whose processings have moved on to another place, or are known no more.

In: the directories under ``work/``. Out: those of ended processings that have none are this place's from now on; of
those that are at another place the working files go, and the rest when the rows say that it is gone; what no row knows
goes whole. Always: it is decided under the lock of the row; nobody is in, and nothing of it runs here. A directory that
is older than our knowledge of this database is left alone: it may be from before a backup was restored.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import ExitStack

from procession.model.states import PROCESSING
from procession.store import disk as store
from procession.store import installation, places
from procession.store.database import Store
from procession.supervise import spool
from procession.supervise.sighting import Running
from procession.sweeper import Sweeper
from procession.trash import Trash
from procession.workdir import ENTERED, Var

log = logging.getLogger("procession")

BATCH = 100
"""So many are looked at in one transaction."""


def follow(database: Store, var: Var, sweeper: Sweeper) -> bool:
    """Look at all directories here; return whether anything went or became this place's."""
    with database.read() as tx:
        found = installation.find(tx)
    if found is None:
        return False
    since, busy = _known_since(var, found.incarnation), _running(var)
    here = {pid: at for pid, at in _directories(var).items() if pid not in busy and pid not in sweeper.stuck}
    ids, done = sorted(here), False
    for start in range(0, len(ids), BATCH):
        some = ids[start : start + BATCH]
        with database.read() as tx:
            known = dict(store.places(tx, some))
        unlike = [pid for pid in some if known.get(pid) != var.place_id() and (pid in known or here[pid] >= since)]
        if unlike:
            done = _follow_some(database, var, sweeper, unlike) or done
    if done:
        Trash(var.root).empty()
    return done


def _follow_some(database: Store, var: Var, sweeper: Sweeper, unlike: Sequence[int]) -> bool:
    place, trash = var.place_id(), Trash(var.root)
    with ExitStack() as closed:
        free = [pid for pid in unlike if closed.enter_context(trash.closed(pid, ENTERED))]
        with database.begin() as tx:
            rows = {each.kept.id: each for each in store.lock(tx, free)}
            mine = [pid for pid, row in rows.items() if row.place is None and row.kept.state in PROCESSING.terminal]
            places.settle(tx, mine, place)
            store.set_found(tx, mine)
            went = [pid for pid in free if _went(trash, pid, rows.get(pid), sweeper, place)]
            return bool(mine or went)


def _went(trash: Trash, pid: int, row: store.Locked | None, sweeper: Sweeper, place: str) -> bool:
    """Move away what is not needed any more of one directory; say whether anything was."""
    try:
        if row is not None and (row.place in (None, place) or row.kept.pinned):
            return False
        if row is None or (row.kept.cleaned and not row.kept.bytes):
            trash.take_all(pid)
        elif pid in sweeper.followed:
            return False
        else:
            trash.take_files(pid)
            sweeper.followed.add(pid)
    except OSError as error:
        log.error("the directory of processing %d cannot be removed (%s); remove it by hand", pid, error.strerror)
        sweeper.stuck.add(pid)
        return False
    return True


def _directories(var: Var) -> dict[int, float]:
    """Those of processings, and when each was changed last; closing one changes it."""
    with os.scandir(var.root / "work") as entries:
        found = [each for each in entries if each.name.isdigit() and each.is_dir(follow_symlinks=False)]
        return {int(each.name): each.stat(follow_symlinks=False).st_ctime for each in found}


def _running(var: Var) -> set[int]:
    """Processings of which a script runs here."""
    keys = [key for key in spool.keys(var.spool) if isinstance(spool.look(var.spool, key), Running)]
    return {int(parts[-3]) for key in keys if len(parts := key.split("-")) == 4 and parts[-3].isdigit()}


def _known_since(var: Var, incarnation: str) -> float:
    """Since when this place knows this database, by the clock of the file system."""
    mark = var.root / "known"
    try:
        if mark.read_text("ascii") == incarnation:
            return mark.stat().st_mtime
    except FileNotFoundError:
        pass
    mark.write_text(incarnation, "ascii")
    return mark.stat().st_mtime
