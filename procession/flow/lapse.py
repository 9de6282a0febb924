"""Programs elsewhere that are not heard of any more, or take too long: what they have claimed is taken back.

In: attempts whose moment has passed. Out: one that was never started is given back uncounted; one that was is a
time-out, or lost; both are counted, limited and tried again at their old place.
Always: the attempt has its outcome from then on, so whatever its worker says later is refused. It is this launcher's
own clock that says for how long there was no new word, one that never jumps; a wall clock only says, within the span
since the last look, when a word came. So a wall clock that is put to another time takes nothing back.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

from procession.commands.work import BELIEVED, UNSTARTED
from procession.flow.candidates import Definitions
from procession.flow.conclude import Conclusion, conclude
from procession.model.outcome import Ending, Outcome
from procession.post import Told
from procession.project import Project
from procession.store import work
from procession.store.database import Tx
from procession.units import duration

BATCH = 256
EVERY = 1.0
"""Seconds between two looks at all of them."""


def lapse(project: Project, tx: Tx) -> datetime | None:
    """Take back what is over; say when to look again."""
    post = project.serving
    if post.kind != "up":
        return None
    now = project.clock.monotonic()
    if post.told_at is None or now - post.told_at >= EVERY:
        rows = work.all_live(tx)
        _hear(project, rows, now)
    else:
        rows = work.cancelled(tx)
    over = _over(project, tx, rows, now)
    if over:
        tx.claim_alone()  # another launcher on this database does the same
        found = work.live(tx, [each.processing_id for each in over])
        over = _over(project, tx, [each for each in found if each in over], now)
        conclude(project, tx, [Conclusion(each.which, ending) for each, ending in over.items()])
    return project.clock.now() + timedelta(seconds=EVERY) if post.told else None


def _hear(project: Project, rows: Iterable[work.Claimed], now: float) -> None:
    """Take in what was told since the last look."""
    post, wall = project.serving, project.now()
    since = None if post.told_at is None else now - post.told_at
    before, post.told, post.told_at = post.told, {}, now
    for row in rows:
        told = before.get(row.which)
        if told is None or told.word != row.expires_at:
            word = row.expires_at or 0
            ago = _ago(wall, word - int(BELIEVED * 1e6), since or 0.0)  # who has just come has heard nobody yet
            told = Told(word, now - ago, None if told is None else told.started)
        if told.started is None and row.started_at is not None:
            told.started = now - _ago(wall, row.started_at, math.inf if since is None else since)
        post.told[row.which] = told


def _ago(wall: int, at: int, most: float) -> float:
    """How many seconds ago this was, by the wall clock; no more than can be."""
    return min(max(0.0, (wall - at) / 1e6), most)


def _over(project: Project, tx: Tx, rows: Iterable[work.Claimed], now: float) -> dict[work.Claimed, Ending]:
    """Those that are over, and what became of each; at most `BATCH`."""
    definitions = Definitions(tx)
    found: dict[work.Claimed, Ending] = {}
    for row in rows:
        if len(found) < BATCH and (ending := _ending(row, project.serving.told.get(row.which), definitions, now)):
            found[row] = ending
    return found


def _ending(row: work.Claimed, told: Told | None, definitions: Definitions, now: float) -> Ending | None:
    if row.started_at is None and row.cancel_requested_at is not None:
        return Ending(Outcome.CANCELLED, UNSTARTED)
    if told is None or told.word != row.expires_at:
        return None
    if told.started is not None:
        timeout = definitions[row.definition_id].step(row.ordinal).timeout
        if timeout is not None and now - told.started >= timeout:
            return Ending(Outcome.TIMEOUT, f"it took longer than {duration(timeout)} with worker {row.worker}")
    if now - told.at < BELIEVED:
        return None
    if row.started_at is None:
        return Ending(Outcome.VOID, f"worker {row.worker} claimed it and did not start it")
    return Ending(Outcome.LOST, f"worker_silent: worker {row.worker} has not been heard of any more")
