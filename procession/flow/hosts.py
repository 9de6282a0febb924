"""Other places of the same database: what they left when their launchers are gone or silent.

In: the rows of other launchers, their beats, the locks of places on this host. Out: what ended there is settled; what
was only claimed is given back; functions, and steps that say ``on_lost = "retry"``, are lost and tried again; for the
rest a person is told.
Always: a beat is a number that grows, and it is our own clock that says for how long it has not. A place is gone for
certain where its lock is free; where it is only silent, nothing is taken over before its shims have ended their trees,
and whatever its launcher brings when it comes back is late. Scripts are never adopted from another place.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from procession.commands.messages import Notice, stand
from procession.executor import Ended, Gone, Unstarted, Void
from procession.executors.local import LocalExecutor
from procession.executors.worker import begun, forget_boards
from procession.flow.candidates import Definitions
from procession.flow.conclude import Conclusion, conclude
from procession.flow.rescue import left_by
from procession.flow.settle import conclusion
from procession.model.outcome import Ending, Outcome
from procession.model.setting import STOPS, launcher_row
from procession.model.states import STEP, State
from procession.model.task import StepPlan
from procession.post import Heard, Post
from procession.project import Project
from procession.store import attempts, launchers, messages, places, processings, settings, steps
from procession.store.database import Tx
from procession.workdir import Var, is_held

log = logging.getLogger("procession")

EVERY = timedelta(seconds=2)
UNSEEN = 3.0
"""Seconds at least between two looks after which silence is counted anew: perhaps nobody could be heard."""
SILENT = "host: its launcher was silent for too long; what it still brings is late"


def hosts(project: Project, tx: Tx) -> datetime | None:
    """Look at the other places."""
    post = project.serving
    if post.kind != "up":
        return None
    _obey(project, tx)
    if not project.store.shared:
        return None
    _reopen(post)
    rows = _by_place(launchers.elsewhere(tx, post.place))
    for place in places.in_use(tx) - {post.place}:
        rows.setdefault(place, [])
    told = messages.of_kind(tx, "host")
    for place in post.heard.keys() - rows.keys():
        del post.heard[place]
    left: set[str] = set()
    """Names of launchers of which people are to know, or of which nothing can be said yet."""
    for place, group in rows.items():
        newest = group[-1] if group else launchers.newest_of(tx, place)
        if newest is None:
            continue
        heard = _listen(project, place, group)
        if group and (var := _closed(post, newest)) is not None:
            _settle_for(project, tx, group, var)
        waiting = _take_over(project, tx, place, group) if heard.lost else 0
        if heard.lost and (group or waiting):
            left.add(newest.name)
            stand(project, tx, Notice("host", newest.name, _text(newest, waiting), signature=""), told)
        elif group and not heard.grew:
            left.add(newest.name)  # who has just begun to listen does not know whether it is back
    messages.end(tx, [m.id for m in told if m.task not in left], project.now())
    tx.after(partial(_reopen, post))
    return project.clock.now() + EVERY if rows else None


def _obey(project: Project, tx: Tx) -> None:
    """Leave, if a person far away has said so to this launcher. It is said once, and holds for nobody after it."""
    post = project.serving
    word = settings.all_of(tx).of_launcher(post.name).get("stop")
    if word in STOPS and settings.remove(tx, launcher_row(post.name, "stop")):
        tx.after(partial(post.words.append, word))


def _by_place(rows: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.place, []).append(row)
    return found


def _listen(project: Project, place: str, group: Sequence[Any]) -> Heard:
    """What has been heard of a place by now; it is lost when that has been the same for too long."""
    post, now = project.serving, project.clock.monotonic()
    beats = tuple((row.id, row.beats) for row in group if row.stopped_at is None)
    heard = post.heard.get(place)
    patience = max([project.settings.lost_after, *(row.lost_after or 0.0 for row in group)])
    if heard is None or heard.beats != beats or now - heard.looked > max(UNSEEN, patience / 2):
        heard = post.heard[place] = Heard(beats, now, grew=heard is not None and heard.beats != beats)
    heard.looked, heard.lost = now, now - heard.at >= patience
    return heard


# ── a place of this host whose lock is free ────────────────────────────────────────────────────────


def _closed(post: Post, row: Any) -> Var | None:
    """The place of this launcher, kept closed until the end of the turn, if it is on this host and nobody serves it."""
    if row.var is None or (row.host, row.boot) != (post.host, post.boot):
        return None
    var = Var(Path(row.var))
    try:
        if (var.root / "place-id").read_text("ascii") != row.place:
            return None
        descriptor = os.open(var.lock, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:  # as one who only looks, for whom a launcher that starts waits a moment
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    post.closed.append(descriptor)
    return var


def _reopen(post: Post) -> None:
    while post.closed:
        os.close(post.closed.pop())


def _settle_for(project: Project, tx: Tx, group: Sequence[Any], var: Var) -> None:
    """Settle what has ended at a place that nobody serves, and give back what never began; what runs there runs on."""
    gone = [row.id for row in group if row.kind == "up" or not is_held(var.foreground / f"{row.id}.lock")]
    tx.claim_alone()  # others on this host may see the same
    executor = LocalExecutor(var.spool, var.wake, 1, project.installation.incarnation)
    concluded = []
    boards = {launcher_id: begun(var.root, launcher_id) for launcher_id in gone}
    for row in attempts.live_of(tx, gone):
        if row.pooled:  # its worker died with its launcher
            which = (row.processing_id, row.ordinal, row.number)
            ending = left_by(row, which in boards[row.launcher_id], project.serving.boot)
            concluded.append(Conclusion(which, ending))
            continue
        key = project.attempt_key(row.processing_id, row.ordinal, row.number)
        found = _look_at(project, tx, executor, key, row)
        if found is not None:
            concluded.append(found)
            if found.attempt_dir:
                tx.after(partial(executor.archive, key, Path(found.attempt_dir)))
    if concluded:
        conclude(project, tx, concluded)
    processings.release(tx, gone)
    for row in group:
        if row.id in gone and row.stopped_at is None:
            launchers.stop(tx, row.id, project.now())
    for launcher_id in gone:
        tx.after(partial(forget_boards, var.root, launcher_id))


def _look_at(project: Project, tx: Tx, executor: LocalExecutor, key: str, row: Any) -> Conclusion | None:
    which = (row.processing_id, row.ordinal, row.number)
    match executor.look(key):
        case Ended():
            return conclusion(project, tx, key, executor)
        case Gone(reason, record) if record.incarnation == project.installation.incarnation:
            if not executor.end_survivors(key):
                return None
            text = f"{reason}: its shim was killed, and its launcher is gone"
            return Conclusion(which, Ending(Outcome.LOST, text), started_at=record.started_at)
        case Void() | Unstarted() if row.started_at is None and executor.void(key, "rescue"):
            return Conclusion(which, Ending(Outcome.VOID, "given back: its launcher is gone"))
        case _:
            return None  # it runs, or nobody can tell: whoever serves that place will


# ── a place that is silent ─────────────────────────────────────────────────────────────────────────


def give_up(project: Project, tx: Tx, place: str, by: str) -> int:
    """A person says that a place never comes back: what runs there is lost; return how many processings still wait for
    their directories there."""
    group = [row for row in launchers.elsewhere(tx, project.var.place_id()) if row.place == place]
    left = _take_over(project, tx, place, group, f"given up by {by}: its launcher does not come back")
    for row in group:
        launchers.stop(tx, row.id, project.now())
    return left


def _take_over(project: Project, tx: Tx, place: str, group: Sequence[Any], by_person: str | None = None) -> int:
    """Lose what may be lost (all, where a person says so), let go on elsewhere what can; return how many processings
    have to wait."""
    if not group and not places.open_at(tx, place):
        return 0
    tx.claim_alone()
    definitions = Definitions(tx)
    rows = attempts.live_of(tx, [row.id for row in group])
    known = processings.standings(tx, {row.processing_id for row in rows})
    lost, kept = [], set()
    for row in rows:
        plan = definitions[known[row.processing_id].definition_id].step(row.ordinal)
        if by_person or _is_movable(plan):
            ending = Ending(Outcome.LOST, by_person or SILENT)
            lost.append(Conclusion((row.processing_id, row.ordinal, row.number), ending))
        else:
            kept.add(row.processing_id)
    if lost:
        log.warning("%d attempts of a silent launcher are lost and tried again", len(lost))
        conclude(project, tx, lost)
    return len(kept | _let_go(tx, place, definitions, kept, begun=by_person is not None))


def _let_go(tx: Tx, place: str, definitions: Mapping[int, Any], but: Iterable[int], *, begun: bool = False) -> set[int]:
    """Let those go on at any place of which nothing is left to do that needs their directory, and with `begun` those
    in whose directory no step has left anything; return the others."""
    here = [(pid, definition_id) for pid, definition_id in places.open_at(tx, place) if pid not in set(but)]
    states = steps.states(tx, [pid for pid, _ in here])
    movable = set()
    for pid, definition_id in here:
        bound = [plan for plan in definitions[definition_id].steps if not _is_movable(plan)]
        left = [plan for plan in bound if states[pid][plan.ordinal].state not in STEP.terminal]
        if not left or (begun and not any(states[pid][p.ordinal].state == State.SUCCEEDED for p in bound)):
            movable.add(pid)
    places.unsettle(tx, movable)
    return {pid for pid, _ in here} - movable


def _is_movable(plan: StepPlan) -> bool:
    return plan.kind == "call" or plan.on_lost == "retry"


def _text(row: Any, waiting: int) -> str:
    if not waiting:
        return (
            f"the launcher {row.name} on {row.host} has not been heard of; nothing waits for it; start it again, or, "
            f"if it never comes back: procession give-up {row.name}"
        )
    some = "1 processing waits" if waiting == 1 else f"{waiting} processings wait"
    return (
        f"the launcher {row.name} on {row.host} has not been heard of, and {some} for it; start it again, or, if it "
        f"never comes back: procession give-up {row.name}"
    )
