"""Attempts whose launcher or process is gone are adopted, given back or lost.

In: every live attempt of this place, and every trace in its spool. Out: each accounted for: watched further, settled,
given back uncounted, or lost.
Always: the table in `docs/architecture.md` ("Adoption"): a held lock means alive; an exit record is believed, whoever
wrote it; what never started is made sure never to start before it is given back; what ended nobody knows how is lost,
never a success. The same code runs at the start and every few seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from procession.clock import moment
from procession.executor import QUEUE_LIFE, Ended, Gone, Running, Unreadable, Unstarted, Void
from procession.flow.conclude import Conclusion, conclude
from procession.model.outcome import Ending, Outcome
from procession.project import Project
from procession.store import launchers, processings, steps
from procession.store.database import Tx
from procession.workdir import is_held

EVERY = timedelta(seconds=2)
"""How often live attempts are looked at where nothing happens."""
TRACES_EVERY = 60.0
"""Seconds between two looks at traces that belong to no live attempt."""
VOIDS_KEPT = 2 * QUEUE_LIFE
"""Seconds after which a void record that was seen goes: no shim takes the job that it stands against any more."""
PATIENCE = timedelta(seconds=3)
"""An attempt that has not started by then is taken back: its queue may be gone, or scripts that were short take long
now and must not keep others waiting behind them. Taking back is always safe."""
MOMENT = timedelta(seconds=1)
"""The same where a shim has died; what was sent a moment ago is most likely just about to start."""
SOON = timedelta(milliseconds=200)


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
    rows = steps.live_attempts(tx, [post.launcher_id, *gone])
    found = _Found()
    hurried, post.look = post.look, False
    for row in rows:
        _look_at(project, row, found, hurried=hurried, now=now)
    steps.adopt(tx, found.adopted, post.launcher_id)
    steps.confirm(tx, found.started)
    if found.concluded:
        conclude(project, tx, found.concluded)
    processings.release(tx, gone)
    for launcher_id in gone:
        launchers.stop(tx, launcher_id, project.now())
    launchers.beat(tx, post.launcher_id, project.now())
    if post.kind == "up":
        _clear_traces(project, tx)
    post.executor.trim(int(post.capacity.cpus))
    return now + (SOON if found.again else EVERY) if rows or found.again else None


def _gone_launchers(project: Project, tx: Tx) -> list[int]:
    """Other launchers of this place that are not there any more.

    Whoever holds the lock of the place is its only launcher; those in the foreground hold a lock each.
    """
    post = project.serving
    if post.kind != "up":
        return []
    return [
        row.id
        for row in launchers.unsettled(tx, post.host, str(project.var.root))
        if row.id != post.launcher_id and (row.kind == "up" or not is_held(project.var.foreground / f"{row.id}.lock"))
    ]


def _look_at(project: Project, row: Any, found: _Found, *, hurried: bool, now: datetime) -> None:
    post = project.serving
    which = (row.processing_id, row.ordinal, row.number)
    key = project.attempt_key(*which)
    mine = row.launcher_id == post.launcher_id
    sighting = post.executor.look(key) if mine else post.executor.adopt(key)
    this = {"processing_id": which[0], "ordinal": which[1], "number": which[2]}
    match sighting:
        case Ended():
            post.ended[key] = None
            if not mine:
                found.adopted.append(this)
        case Running(record):
            if not mine:
                found.adopted.append(this)
            if row.started_at is None and record.started_at is not None:
                found.started.append({**this, "started_at": record.started_at})
        case Gone(reason, record):
            if post.executor.end_survivors(key, 2.0):
                spec = record.spec
                found.concluded.append(
                    Conclusion(
                        which,
                        Ending(Outcome.LOST, _LOST[reason]),
                        attempt_dir=str(spec.get("attempt_dir", "")),
                        started_at=record.started_at,
                    )
                )
            else:
                found.again = True
        case Unreadable(path, why):
            post.executor.quarantine(key)
            found.concluded.append(
                Conclusion(which, Ending(Outcome.LOST, f"spool_corrupt: {path} {why}; it was put aside"))
            )
        case Void():
            found.concluded.append(Conclusion(which, Ending(Outcome.VOID, "given back before it started")))
        case Unstarted():
            _wait_or_take_back(project, row, found, key, hurried=hurried, now=now)


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
    if not post.executor.void(key, "rescue"):
        return  # a shim has it after all
    which = (row.processing_id, row.ordinal, row.number)
    if row.started_at is not None:
        ending = Ending(Outcome.LOST, "spool_missing: its record has disappeared")
    elif row.boot != post.boot:
        ending = Ending(Outcome.LOST, "rebooted: the machine was restarted after it was claimed")
    else:
        ending = Ending(Outcome.VOID, post.refused.get(key, "given back before it started"))
    found.concluded.append(Conclusion(which, ending))


def _clear_traces(project: Project, tx: Tx) -> None:
    """Put away what the spool still holds of attempts that are settled; end what runs and should not.

    A void record stays as long as a shim may still take the job from its queue, ours or that of an earlier launcher: it
    is all that keeps the shim from running what was given back or cancelled. A shim that finds it clears it away; here
    go those whose job has outlived its time in any queue.
    """
    post = project.serving
    now = project.clock.monotonic()
    if now < post.traces_at:
        return
    post.traces_at = now + TRACES_EVERY
    everyone = [row.id for row in launchers.unsettled(tx, post.host, str(project.var.root))]
    rows = steps.live_attempts(tx, everyone)
    live = {project.attempt_key(r.processing_id, r.ordinal, r.number) for r in rows} | set(post.live)
    found = post.executor.keys()
    traces = {key: post.executor.look(key) for key in found if project.read_key(key) is not None}
    voids = {key for key, sighting in traces.items() if isinstance(sighting, Void) and key not in live}
    post.voids = {key: post.voids.get(key, now) for key in voids}
    for key, sighting in traces.items():
        if key in live:
            continue
        if (
            isinstance(sighting, Running | Ended | Gone)
            and sighting.record.incarnation != project.installation.incarnation
        ):
            continue
        if isinstance(sighting, Running):
            post.executor.cancel(key, "not wanted any more")
        elif isinstance(sighting, Unreadable):
            post.executor.quarantine(key)
        elif isinstance(sighting, Ended | Gone):
            directory = sighting.record.spec.get("attempt_dir")
            post.executor.archive(key, Path(directory)) if directory else post.executor.discard(key)
        elif isinstance(sighting, Void) and now - post.voids[key] > VOIDS_KEPT:
            post.executor.discard(key)
