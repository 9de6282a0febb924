"""Attempts whose launcher or process is gone are adopted, given back or lost.

In: every live attempt of this place, and every trace in its spool. Out: each accounted for: watched further, settled,
given back uncounted, or lost.
Always: the table in `docs/architecture.md` ("Adoption"): a held lock means alive; an exit record is believed, whoever
wrote it; what never started is made sure never to start before it is given back; what ended nobody knows how is lost,
never a success. The same code runs at the start and every few seconds.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from procession.clock import moment
from procession.executor import QUEUE_LIFE, Ended, Gone, Running, Sighting, Unreadable, Unstarted, Void
from procession.executors.worker import begun, end_left_behind, forget_boards
from procession.flow.conclude import BY, Conclusion, Which, conclude
from procession.model.outcome import Ending, Outcome
from procession.project import Project
from procession.store import attempts, journal, launchers, moves, processings
from procession.store.database import Tx
from procession.store.moves import Moving
from procession.workdir import is_held

log = logging.getLogger("procession")

EVERY = timedelta(seconds=2)
"""How often live attempts are looked at where nothing happens."""
TRACES_EVERY = 60.0
"""Seconds between two looks at traces that belong to no live attempt."""
TRACES_AGAIN = 5.0
"""The same when there was one that was not there before: it is touched at the second look only."""
VOIDS_KEPT = 2 * QUEUE_LIFE
"""Seconds after which a void record that was seen goes: no shim takes the job that it stands against any more."""
PATIENCE = timedelta(seconds=3)
"""An attempt that has not started by then is taken back: its queue may be gone, or scripts that were short take long
now and must not keep others waiting behind them. Taking back is always safe."""
MOMENT = timedelta(seconds=1)
"""The same where a shim has died; what was sent a moment ago is most likely just about to start."""
SOON = timedelta(milliseconds=200)
SURVIVORS_GRACE = 2.0
"""Seconds for what a dead shim has left running to end politely."""
FOREIGN = "left_alone"
"""Verb of the journal's note about a record of another incarnation."""


@dataclass(slots=True)
class _Found:
    """What one look came to."""

    concluded: list[Conclusion] = field(default_factory=list)
    adopted: list[dict[str, Any]] = field(default_factory=list)
    started: list[dict[str, Any]] = field(default_factory=list)
    again: bool = False
    """Something is about to change (survivors of a dead shim end, a job is taken from its queue): look again soon."""


def rescue(project: Project, tx: Tx) -> datetime | None:
    """Look at all live attempts of this place."""
    post = project.serving
    now = project.clock.now()
    gone = _gone_launchers(project, tx)
    for launcher_id in gone:  # before anything of theirs is called again
        end_left_behind(project.var.root, launcher_id)
    rows = attempts.live_of(tx, [post.launcher_id, *gone])
    _end_what_others_took(project, rows)
    found = _Found()
    hurried, post.look = post.look, False
    for row in rows:
        if not row.pooled:
            _look_at(project, tx, row, found, hurried=hurried, now=now)
    _look_at_calls(project, [row for row in rows if row.pooled], found)
    attempts.adopt(tx, found.adopted, post.launcher_id)
    attempts.confirm(tx, found.started)
    if found.concluded:
        conclude(project, tx, found.concluded)
    processings.release(tx, gone)
    for launcher_id in gone:
        launchers.stop(tx, launcher_id, project.now())
        tx.after(partial(forget_boards, project.var.root, launcher_id))
    if not project.store.shared:  # else its heart does, beside the loop
        launchers.beat(tx, post.launcher_id, project.now())
    if post.kind == "up":
        _clear_traces(project, tx)
    post.executor.trim(int(post.capacity.cpus))
    if found.again:
        return now + SOON
    return now + EVERY if rows or post.live else None


def _gone_launchers(project: Project, tx: Tx) -> list[int]:
    """Other launchers of this place that are not there any more.

    Whoever holds the lock of the place is its only launcher; those in the foreground hold a lock each.
    """
    post = project.serving
    if post.kind != "up":
        return []
    return [
        row.id
        for row in launchers.unsettled(tx, project.var.place_id())
        if row.id != post.launcher_id and (row.kind == "up" or not is_held(project.var.foreground / f"{row.id}.lock"))
    ]


def _end_what_others_took(project: Project, rows: Sequence[Any]) -> None:
    """What lives here and not in the rows was given to another place, or given up, while we were silent."""
    post = project.serving
    ours = {project.attempt_key(row.processing_id, row.ordinal, row.number) for row in rows}
    for key in post.live.keys() - ours:
        which = project.read_key(key)
        assert which is not None, "what lives here has a key of ours"
        log.warning("attempt %s was given up elsewhere while this launcher was silent; it is ended", key)
        post.executor.cancel(key, "given up elsewhere")
        post.forget(key, which)


def _look_at(project: Project, tx: Tx, row: Any, found: _Found, *, hurried: bool, now: datetime) -> None:
    post = project.serving
    which = (row.processing_id, row.ordinal, row.number)
    key = project.attempt_key(*which)
    mine = row.launcher_id == post.launcher_id
    sighting = post.executor.look(key) if mine else post.executor.adopt(key)
    this = {"processing_id": which[0], "ordinal": which[1], "number": which[2]}
    if _is_foreign(project, sighting):
        _note_foreign(project, tx, which)
        return
    if not mine and isinstance(sighting, Ended | Running):
        found.adopted.append(this)
    match sighting:
        case Ended():
            post.ended[key] = None
        case Running(record):
            if row.started_at is None and record.started_at is not None:
                found.started.append({**this, "started_at": record.started_at})
        case Gone(reason, record):
            if _nothing_is_left(project, key, found):
                attempt_dir = str(record.spec.get("attempt_dir", ""))
                ending = Ending(Outcome.LOST, _LOST[reason])
                found.concluded.append(Conclusion(which, ending, attempt_dir=attempt_dir, started_at=record.started_at))
        case Unreadable(held=True):
            return  # it runs on, and its shim may yet tell how it ended
        case Unreadable(path, why):
            if _nothing_is_left(project, key, found):
                tx.after(lambda: post.executor.quarantine(key))  # if that does not come about, as a trace
                ending = Ending(Outcome.LOST, f"spool_corrupt: {path} {why}; it was put aside")
                found.concluded.append(Conclusion(which, ending))
        case Void():
            _give_back(project, row, found, key)
        case Unstarted():
            _wait_or_take_back(project, row, found, key, hurried=hurried, now=now)


def _look_at_calls(project: Project, rows: Sequence[Any], found: _Found) -> None:
    """Calls have no record: this launcher's pool knows its own; of one that is gone, the boards of its workers say
    which had begun. Its workers died with it, so the others never will."""
    post = project.serving
    late = project.now() - PATIENCE // timedelta(microseconds=1)
    mine = [row for row in rows if row.launcher_id == post.launcher_id]
    back: set[Which] = set()
    if post.calls is not None and any(row.started_at is None and row.claimed_at < late for row in mine):
        back = set(post.calls.take_back())
    running = {} if post.calls is None else post.calls.running()
    boards: dict[int, set[Which]] = {}
    for row in rows:
        which = (row.processing_id, row.ordinal, row.number)
        if which in running:
            if row.started_at is None:
                began = project.now() - int(running[which] * 1e6)
                named = zip(("processing_id", "ordinal", "number", "started_at"), (*which, began), strict=True)
                found.started.append(dict(named))
        elif which in back:
            found.concluded.append(Conclusion(which, Ending(Outcome.VOID, "given back before it started")))
        elif row.launcher_id != post.launcher_id or post.calls is None or not post.calls.knows(which):
            if row.launcher_id not in boards:
                boards[row.launcher_id] = begun(project.var.root, row.launcher_id)
            found.concluded.append(Conclusion(which, left_by(row, which in boards[row.launcher_id], post.boot)))


def left_by(row: Any, has_begun: bool, boot: str) -> Ending:
    """What became of a call whose launcher is gone."""
    if row.boot != boot:
        return Ending(Outcome.LOST, "rebooted: the machine was restarted after it was claimed")
    if has_begun or row.started_at is not None:
        return Ending(Outcome.LOST, "launcher_died: its launcher was killed, and its worker with it")
    return Ending(Outcome.VOID, "given back before it started")


def _is_foreign(project: Project, sighting: Sighting) -> bool:
    """Was it written for another incarnation of this database? Then it says nothing about ours."""
    match sighting:
        case Ended(exit=exit_):
            written = exit_.incarnation
        case Running(record) | Gone(_, record):
            written = record.incarnation
        case _:
            return False
    return written not in ("", project.installation.incarnation)  # empty in the first instant


def _note_foreign(project: Project, tx: Tx, which: Which) -> None:
    """Say once in its journal that nobody can tell what this attempt came to; a person decides."""
    pid, ordinal, number = which
    if any((e.verb, e.ordinal, e.attempt) == (FOREIGN, ordinal, number) for e in journal.of(tx, pid)):
        return
    reason = "its record is of another incarnation of this database: it is left alone, and so is the attempt"
    moves.note(tx, "attempt", FOREIGN, [Moving(pid, project.now(), ordinal, number, reason=reason)], BY)


def _nothing_is_left(project: Project, key: str, found: _Found) -> bool:
    """End what still runs of an attempt without a shim; False: something does, look again soon."""
    if project.serving.executor.end_survivors(key, SURVIVORS_GRACE):
        return True
    found.again = True
    return False


_LOST = {
    "shim_died": "shim_died: its shim was killed; how the script ended is not known",
    "rebooted": "rebooted: the machine was restarted while it ran",
}


def _wait_or_take_back(project: Project, row: Any, found: _Found, key: str, *, hurried: bool, now: datetime) -> None:
    """An attempt without a record starts soon, if it is ours; if it has not for too long, its queue may be gone."""
    post = project.serving
    waits = abs(now - moment(row.claimed_at))  # a clock that was set back must not keep it waiting
    if key in post.refused or row.launcher_id != post.launcher_id or waits > (MOMENT if hurried else PATIENCE):
        _take_back(project, row, found, key)
        if waits > PATIENCE:
            post.slow()
    elif hurried:
        found.again = post.look = True


def _take_back(project: Project, row: Any, found: _Found, key: str) -> None:
    """An attempt without a record: make sure that it never starts, then give it back, or lose it."""
    post = project.serving
    if any(job.key == key for job in post.unsent):
        return
    if post.executor.void(key, "rescue"):  # else a shim has it after all
        _give_back(project, row, found, key)


def _give_back(project: Project, row: Any, found: _Found, key: str) -> None:
    """A void attempt is given back, unless it had begun all the same: then its record has disappeared."""
    post = project.serving
    which = (row.processing_id, row.ordinal, row.number)
    if _has_begun(project, row):
        if not _nothing_is_left(project, key, found):
            return
        ending = Ending(Outcome.LOST, "spool_missing: its record has disappeared")
    elif row.boot != post.boot:
        ending = Ending(Outcome.LOST, "rebooted: the machine was restarted after it was claimed")
    else:
        ending = Ending(Outcome.VOID, post.refused.get(key, "given back before it started"))
    found.concluded.append(Conclusion(which, ending))


def _has_begun(project: Project, row: Any) -> bool:
    """Is it known, or to be seen by the log that its shim made, that this attempt was started?"""
    if row.started_at is not None:
        return True
    work = project.var.work(row.processing_id)
    return any(work.glob(f"{row.ordinal:02d}-*/{row.number}/log"))


def _clear_traces(project: Project, tx: Tx) -> None:
    """Put away what the spool still holds of attempts that are settled; end what runs and should not.

    A void record stays as long as a shim may still take the job from its queue, ours or that of an earlier launcher: it
    is all that keeps the shim from running what was given back or cancelled. A shim that finds it clears it away; here
    go those whose job has outlived its time in any queue. What runs or has ended is touched only if it was there at the
    look before as well; the spool is listed before the rows are read, so that what is claimed meanwhile is no trace.
    """
    post = project.serving
    now = project.clock.monotonic()
    if now < post.traces_at:
        return
    post.traces_at = now + TRACES_EVERY
    found = post.executor.keys()
    listed = [key for key in found if project.read_key(key) is not None]
    everyone = [row.id for row in launchers.unsettled(tx, project.var.place_id())]
    rows = attempts.live_of(tx, everyone)
    live = {project.attempt_key(r.processing_id, r.ordinal, r.number) for r in rows} | set(post.live)
    before, post.traces = post.traces, {key: post.traces.get(key, now) for key in listed if key not in live}
    for key, since in post.traces.items():
        try:
            _clear_trace(project, key, now - since, certain=key in before)
        except OSError as error:
            log.error("what is left of attempt %s cannot be put away: %s", key, error)
    if post.traces.keys() - before.keys():
        post.traces_at = now + TRACES_AGAIN


def _clear_trace(project: Project, key: str, age: float, *, certain: bool) -> None:
    executor = project.serving.executor
    sighting = executor.look(key)
    if _is_foreign(project, sighting):
        return
    match sighting:
        case Void():
            if age > VOIDS_KEPT:
                executor.discard(key)
        case _ if not certain:
            return
        case Running():
            executor.cancel(key, "not wanted any more")
        case Unreadable(held=False):
            executor.quarantine(key)
        case Ended(record=record) | Gone(_, record):
            if directory := record.spec.get("attempt_dir"):
                executor.archive(key, Path(directory))
            else:
                executor.quarantine(key)
