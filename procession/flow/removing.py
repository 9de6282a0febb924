"""Removing ended processings with everything that is known of them: instances that have retired, or whose task went.

In: ids. Out: no rows of them, their keys free, their directories in the trash, one line of the journal for all.
Always: what goes is decided under the lock of its row: ended, not pinned, nobody in; the books count it as deleted.
Many go in one transaction, since most instances have no directory.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack

from procession.clock import micros
from procession.model.retention import Kept
from procession.model.states import PROCESSING
from procession.store import disk as store
from procession.store import instances, tallies
from procession.store.database import Store, Tx
from procession.store.tallies import Count
from procession.sweeper import Sweeper
from procession.trash import Trash
from procession.workdir import ENTERED, Var

log = logging.getLogger("procession")

BATCH = 500
"""So many go in one transaction."""
AGE = "the retention of the task is over"


def retire(database: Store, var: Var, sweeper: Sweeper, now: int, by: str) -> bool:
    """Remove all whose retention is over, and whose directory is at no other place; return whether there were any."""
    found, place = False, var.place_id()
    while True:
        with database.read() as tx:
            ids = [each.id for each in instances.due(tx, now, BATCH, sweeper.stuck, place)]
        if not ids:
            return found
        if not remove(database, var, ids, now, by, AGE, sweeper.stuck, due=True):
            return found  # somebody is in, or was quicker
        found = True


def remove(
    database: Store, var: Var, ids: Sequence[int], now: int, by: str, why: str, stuck: set[int] | None = None,
    *, due: bool = False,
) -> int:  # fmt: skip
    """Remove those of these that may go (`due`: whose moment has come); return how many went. Those whose directory
    cannot be moved away are added to `stuck`."""
    trash = Trash(var.root)
    with ExitStack() as closed:
        there = {pid for pid in ids if var.work(pid).exists()}
        shut = {pid for pid in there if closed.enter_context(trash.closed(pid, ENTERED))}
        with database.begin() as tx:
            locked = [
                each for each in store.lock(tx, [i for i in ids if i not in there or i in shut]) if _over(each.kept)
            ]
            if due:
                still = set(instances.still_due(tx, [each.kept.id for each in locked], now))
                locked = [each for each in locked if each.kept.id in still]
            going = [each for each in locked if each.kept.id not in there or _taken(trash, each.kept, stuck)]
            _forget(tx, going, now, by, why)
    if there:
        trash.empty()
    return len(going)


def _over(kept: Kept) -> bool:
    return kept.state in PROCESSING.terminal and not kept.pinned


def _taken(trash: Trash, kept: Kept, stuck: set[int] | None) -> bool:
    try:
        trash.take_all(kept.id, micros(kept.finished_at) if kept.finished_at else 0)
    except OSError as error:
        log.error("the directory of processing %d cannot be removed (%s); remove it by hand", kept.id, error.strerror)
        if stuck is not None:
            stuck.add(kept.id)
        return False
    return True


def _forget(tx: Tx, going: Sequence[store.Locked], now: int, by: str, why: str) -> None:
    """The rows go, and the books count it; of a restarted one the newest version counts."""
    gone = store.forget(tx, going)
    counted = [each.kept for each in going if not each.replaced]
    counts = [Count("task", kept.task, str(kept.state), -1) for kept in counted]
    counts += [Count("task", kept.task, "deleted") for kept in counted]
    tallies.clear(tx, [*counts, *(Count("event", name, "removed", n) for name, n in gone.items())])
    for task, n in Counter(each.kept.task for each in going).items():
        store.note_forgotten(tx, task, n, now, by, why)
