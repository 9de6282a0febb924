"""Calls that have ended, and what running ones say, come back from the pool.

In: what `executors/calls.py` has heard. Out: conclusions; progress, messages and pauses written. Always: what was heard
is let go only after the commit, so a turn that failed settles it again; a call whose end cannot be stored has failed,
and holds up no other.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from procession import contract
from procession.clock import micros
from procession.errors import Invalid, StaleState, StoreError
from procession.executors.call import CallPlan, Heard, Plain, Returned
from procession.flow.conclude import Conclusion, conclude
from procession.flow.notice import Concluded, notice
from procession.model.body import Body, check_mime
from procession.model.outcome import Ending, Outcome
from procession.model.states import State
from procession.project import Project
from procession.store import attempts, calls, families, moves, tallies
from procession.store.database import Tx
from procession.store.moves import Moving
from procession.store.tallies import Count

log = logging.getLogger("procession")

MAX_MESSAGES = 1000
"""So many lines that calls write into the journal are taken in one turn; what is beyond is left out, and counted."""


def settle_calls(project: Project, tx: Tx) -> None:
    """Settle what has ended and write down what was said."""
    pool = project.serving.calls
    if pool is None or not pool.ended:
        return
    heard = pool.heard()
    _write_down(project, tx, heard)
    ended = [conclusion(project, tx, each) for each in heard.returned]
    for plan, some in heard.plain.items():
        if not (plan.alone and _succeed_many(project, tx, plan, some)):
            ended += [_plain((pid, plan.ordinal, number), began, end) for pid, number, began, end in some]
    if ended:
        conclude(project, tx, ended)
    tx.after(pool.settled)


def settle_apart(project: Project) -> None:
    """The careful way, after a turn has failed: each call in its own transaction."""
    pool = project.serving.calls
    if pool is None or not pool.ended:
        return
    heard = pool.heard()
    for plan, some in heard.plain.items():
        heard.returned += [
            Returned((pid, plan.ordinal, number), "succeeded", "", b, e) for pid, number, b, e in some
        ]  # fmt: skip
    heard.plain.clear()
    while heard.returned:
        each = heard.returned[0]
        try:
            with project.store.begin() as tx:
                conclude(project, tx, [conclusion(project, tx, each)])
        except Exception as error:
            if each.how == "failed" and not each.said:
                if isinstance(error, StoreError):
                    log.error("the end of a call is not stored yet: %s", error)
                    return  # the database is away
                log.exception("the end of a call cannot be stored; it is found again by the next rescue")
                pool.forget(each.which)
            else:
                log.error("the end of a call cannot be stored as it was told: %s", error)
                why = f"its end could not be stored: {str(error) or type(error).__name__}"
                heard.returned[0] = Returned(each.which, "failed", why, each.began, each.ended)
                continue
        heard.returned.pop(0)
    pool.settled()


def _succeed_many(project: Project, tx: Tx, plan: CallPlan, some: Sequence[Plain]) -> bool:
    """Settle calls of which nothing follows but their success, as one set; False, and nothing is done, if one of them
    is not so: of them all, each is then looked at."""
    ids, now = [pid for pid, _, _, _ in some], project.now()
    if any(number != 1 for _, number, _, _ in some):
        return False
    seconds = calls.seconds(tx, ids, now)
    try:
        with tx.apart():
            calls.succeed(tx, [(pid, began, ended) for pid, _, began, ended in some])
            if calls.hold_locks(tx, ids) or calls.are_told(tx, ids):  # the attempts are ours now: none is added later
                raise StaleState("something follows from the end of one of these calls")
            moves.succeed_calls(tx, ids, now)
    except StaleState:
        return False
    tallies.add(tx, now, [Count("task", plan.task, str(State.SUCCEEDED), len(ids), seconds)])
    notice(project, tx, [Concluded(ids[0], plan.task, plan.step, "succeed", "", ())])
    return True


def _plain(which: tuple[int, int, int], began: int, ended: int) -> Conclusion:
    return Conclusion(which, Ending(Outcome.SUCCEEDED, "", 0), started_at=began, finished_at=ended)


def conclusion(project: Project, tx: Tx, each: Returned) -> Conclusion:
    """What the end of this call says."""
    said = each.said
    after = said.get("after")
    after = None if after is None else min(max(float(after), 0.0), contract.MAX_RETRY_AFTER)
    code = said.get("code", 0 if each.how == "succeeded" else None)
    reason = contract.fit(each.reason) or ("soft error" if each.how == "retry" else "")
    if each.how == "failed" and not reason:
        reason = f"exit code {code}"
    ending = Ending(Outcome(each.how), reason, code, each.signal, None, after)
    left = contract.Left()
    try:
        left = _left(project, tx, each)
    except Invalid as error:
        ending = Ending(Outcome.FAILED, f"what it left cannot be used: {error}", 1)
    return Conclusion(
        each.which, ending, left, "", each.began, each.ended, log_bytes=said.get("log"),
    )  # fmt: skip


def _left(project: Project, tx: Tx, each: Returned) -> contract.Left:
    """Outputs, events, metrics, errors and the result; of one that did not succeed its fields and errors alone."""
    said: dict[str, Any] = dict(each.said)
    if each.how != "succeeded":
        said = {name: said[name] for name in ("fields", "errors") if name in said}
    pid, ordinal, _ = each.which
    root = families.root(tx, pid) if "events" in said else pid
    source = f"attempt:{project.attempt_key(*each.which)}"
    left = contract.left_said(said, f"{root}-{ordinal}-", source, root)
    if each.how == "succeeded" and "mime" in said:
        left.result = (check_mime(said["mime"]), Body(said["form"], each.body.decode(), said["size"]))
    return left


def _write_down(project: Project, tx: Tx, heard: Heard) -> None:
    """Progress, messages and pauses of calls, in one write each."""
    if not heard.said:
        return
    now = micros(project.clock.now())
    progress: dict[tuple[int, int, int], str] = {}
    paused: dict[tuple[int, int, int], int | None] = {}
    lines: dict[str, list[tuple[str, Moving]]] = {}
    for (pid, ordinal, number), what, value in heard.said:
        which = (pid, ordinal, number)
        if what == "progress":
            share, words = value
            progress[which] = json.dumps({"share": share, "text": contract.fit(words)}, ensure_ascii=False)
            continue
        if what in ("pause", "resume"):
            paused[which] = now if what == "pause" else None
        by = f"attempt:{project.attempt_key(*which)}"
        reason = contract.fit(value) if isinstance(value, str) else None
        lines.setdefault(by, []).append((what, Moving(pid, now, ordinal, number, reason=reason)))
    attempts.set_progress(tx, list(progress.items()))
    attempts.set_paused(tx, list(paused.items()))
    for by, some in lines.items():
        for what, moving in some[:MAX_MESSAGES]:
            moves.note(tx, "attempt", what, [moving], by)
        if len(some) > MAX_MESSAGES:
            said = f"{len(some) - MAX_MESSAGES} more lines at a time are left out"
            moves.note(tx, "attempt", "message", [Moving(*_place(some[0][1]), reason=said)], by)


def _place(moving: Moving) -> tuple[int, int, int, int]:
    return moving.processing_id, moving.at, moving.ordinal, moving.attempt
