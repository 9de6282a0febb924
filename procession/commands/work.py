"""Work: what programs elsewhere do. They start what they have claimed, tell how it goes on, and hand in what it gave.

In: the key of an attempt, which came with its claim (`claims.py`). Out: steps that run, and end like those of a
launcher: one conclusion for all. Always: only the key of the attempt that lives is believed. Whoever comes with an
older one, or too late, is refused and changes nothing: a worker that was taken for gone cannot spoil what another has
begun. `bearer` is the user or token of whoever speaks: an attempt that another one claimed is none of theirs. None:
one who may speak for all.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from procession.commands.asked import Asked
from procession.contract import told
from procession.errors import Denied, Invalid, NotFound, Refused
from procession.flow.conclude import Conclusion, Which, conclude
from procession.model.body import MAX_RESULT, check_mime, json_bytes, keep
from procession.model.event import check_text
from procession.model.outcome import Ending, Outcome
from procession.project import Project
from procession.store import bodies, families, moves, processings
from procession.store import work as store
from procession.store.database import Tx
from procession.store.moves import Moving
from procession.units import MAX_SECONDS

BELIEVED = 60.0
"""Seconds after its last word for which a worker is believed to be there."""
MAX_TEXT = 2_000
"""Characters of a reason, of a message, of the words of a progress."""
JSON = "application/json"
UNSTARTED = "cancelled before it started"
GIVEN_BACK = "given back"
"""The reason of what is given back without one."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The answer to whoever tells how it goes on."""

    wanted: str | None
    """``cancel``: stop, and give it back or let it fail; ``pause``: wait, if you can; None: go on."""
    expires_at: int
    """To be heard of before (microseconds)."""


# ── telling how it goes on ─────────────────────────────────────────────────────────────────────────


def start(project: Project, attempt: str, bearer: str | None = None) -> Beat:
    """It starts now; from here its time-out counts. Starting twice is no error. Refused if it was cancelled before."""
    now = project.now()

    def begun(tx: Tx) -> Beat | None:
        processings.standings(tx, [_which(project, attempt)[0]])  # locked: a cancel comes before it, or after
        found = _live(project, tx, attempt, bearer)
        if found.started_at is None and found.cancel_requested_at is not None:
            conclude(project, tx, [Conclusion(found.which, Ending(Outcome.CANCELLED, UNSTARTED))])
            tx.after(project.wake)
            return None
        until = believed_until(now)
        if not store.begin(tx, found.which, now, until):
            raise _late(attempt)
        if found.started_at is None:
            _note(tx, found, "start", now, "running")
        return Beat(_wanted(found), until)

    beat = project.store.change(begun)
    if beat is None:
        raise _late(attempt)
    return beat


def heartbeat(
    project: Project, attempt: str, progress: float | None = None, text: str | None = None, message: str | None = None,
    bearer: str | None = None,
) -> Beat:  # fmt: skip
    """It goes on: share done (0 to 1) and words of its progress, and a message for the journal, where there are any."""
    said = _progress(progress, text)
    _check_said("the message", message)
    now = project.now()
    with project.store.begin() as tx:
        tx.unwitnessed()  # a sign of life is no act: the audit has the claim and the end
        found = _live(project, tx, attempt, bearer)
        until = believed_until(now)
        if not store.beat(tx, found.which, until, said):
            raise _late(attempt)
        if message:
            _note(tx, found, "message", now, None, message)
    return Beat(_wanted(found), until)


def pause(project: Project, attempt: str, bearer: str | None = None) -> Beat:
    """It waits by itself from now on. Its time-out goes on counting, and it must be heard of as before."""
    return _set_paused(project, attempt, bearer, paused=True)


def go_on(project: Project, attempt: str, bearer: str | None = None) -> Beat:
    """It does not wait any more."""
    return _set_paused(project, attempt, bearer, paused=False)


def _set_paused(project: Project, attempt: str, bearer: str | None, *, paused: bool) -> Beat:
    now = project.now()
    with project.store.begin() as tx:
        found = _live(project, tx, attempt, bearer)
        if found.started_at is None:
            raise Refused(f"attempt {attempt} has not started; start it first")
        until = believed_until(now)
        store.beat(tx, found.which, until, None)
        if paused != (found.paused_at is not None):
            store.pause(tx, found.which, now if paused else None)
            _note(tx, found, "pause" if paused else "go_on", now, "paused" if paused else "running")
    return Beat(_wanted(found), until)


# ── handing in ─────────────────────────────────────────────────────────────────────────────────────


def succeed(
    project: Project,
    attempt: str,
    result: Any = None,
    mime: str | None = None,
    outputs: Mapping[str, Any] | None = None,
    events: Sequence[Mapping[str, Any]] = (),
    bearer: str | None = None,
) -> int:
    """It is done; return the id of its processing.

    `result` is any JSON value, or a text or bytes with their MIME type; None: none. `outputs` are for later steps,
    `events` as a script leaves them.
    """
    body = None if result is None and mime is None else result_body(result, mime)

    def act(tx: Tx, found: store.Claimed) -> Conclusion:
        pid, ordinal, _ = found.which
        root = families.root(tx, pid)
        left = told(outputs or {}, events, f"{root}-{ordinal}-", attempt, root)
        if body is not None:
            bodies.set_results(tx, [(pid, bodies.Result(body[0], keep(body[1]), project.now()))])
        return Conclusion(
            found.which, Ending(Outcome.SUCCEEDED, "", 0), left, started_at=found.started_at or project.now()
        )

    return _conclude(project, attempt, bearer, act)


def fail(
    project: Project, attempt: str, reason: str, retry_after: float | None = None, bearer: str | None = None
) -> int:
    """It has failed, for good; with `retry_after` (seconds) it is a soft error and is tried again then."""
    _check_said("the reason", reason)
    seconds = None if retry_after is None else _seconds(retry_after)
    outcome = Outcome.FAILED if seconds is None else Outcome.RETRY
    ending = Ending(outcome, reason or "it failed", retry_after=seconds)
    return _conclude(
        project, attempt, bearer, lambda _, found: Conclusion(found.which, ending, started_at=found.started_at)
    )


def give_back(project: Project, attempt: str, reason: str | None = None, bearer: str | None = None) -> int:
    """It is not done, through no fault of its own; it waits at its old place again, and nothing is counted."""
    _check_said("the reason", reason)
    ending = Ending(Outcome.VOID, reason or GIVEN_BACK)
    return _conclude(
        project, attempt, bearer, lambda _, found: Conclusion(found.which, ending, started_at=found.started_at)
    )


def _conclude(project: Project, attempt: str, bearer: str | None, act: Any) -> int:
    """End this attempt so; the journal tells of one that comes too late."""
    which = _which(project, attempt)

    def ended(tx: Tx) -> Refused | None:
        processings.standings(tx, [which[0]])  # locked: nobody ends it meanwhile
        found = _claimed(tx, which, attempt, bearer)
        if found.outcome is not None:
            moves.note(tx, "attempt", "late", [_moving(found, project.now(), "late result ignored")], _by(found))
            return _late(attempt, found.outcome)
        conclude(project, tx, [act(tx, found)])
        tx.after(project.wake)
        return None

    if late := project.store.change(ended):
        raise late
    return which[0]


def end_all(project: Project, tx: Tx, processing_ids: Collection[int], who: Asked) -> None:
    """What programs elsewhere do of these is cancelled now; what they say of it later is ignored."""
    ending = Ending(Outcome.CANCELLED, f"cancelled by {who.by}")
    ended = [Conclusion(found.which, ending) for found in store.live(tx, processing_ids)]
    if ended:
        conclude(project, tx, ended)


# ── who is meant, and what may be said ─────────────────────────────────────────────────────────────


def _which(project: Project, attempt: str) -> Which:
    which = project.read_key(attempt) if isinstance(attempt, str) and len(attempt) < 200 else None
    if which is None or max(which) >= 2**63:
        raise NotFound("there is no such attempt here; its key comes with the claim")
    return which


def _claimed(tx: Tx, which: Which, attempt: str, bearer: str | None) -> store.Claimed:
    found = store.find(tx, which)
    if found is None:
        raise NotFound(f"there is no attempt {attempt}; its instance may have been deleted")
    if found.worker is None:
        raise Refused(f"attempt {attempt} was not claimed by a program elsewhere; whoever runs it says how it ends")
    if bearer is not None and found.claimed_by not in (None, bearer):
        raise Denied(
            f"attempt {attempt} was claimed by {found.worker}, who came with another user or token: nothing was "
            "changed; who claimed it says how it goes on, or an administrator"
        )
    return found


def _live(project: Project, tx: Tx, attempt: str, bearer: str | None) -> store.Claimed:
    found = _claimed(tx, _which(project, attempt), attempt, bearer)
    if found.outcome is not None:
        raise _late(attempt, found.outcome)
    return found


def _late(attempt: str, outcome: str | None = None) -> Refused:
    how = _OVER.get(outcome or "", "it took too long, was not heard of, was cancelled, or its end was told before")
    return Refused(f"attempt {attempt} is over: {how}; what is said of it now is ignored")


_OVER = {
    "succeeded": "it was told before that it succeeded",
    "failed": "it was told before that it failed",
    "retry": "it was told before that it is to be tried again",
    "timeout": "it took longer than its timeout",
    "lost": "it was not heard of for too long",
    "cancelled": "it was cancelled",
    "void": "it was given back, or not started in time",
}
"""How an attempt ended of which somebody says something afterwards."""


def believed_until(now: int) -> int:
    """When whoever was heard of now is taken for gone."""
    return now + int(BELIEVED * 1e6)


def _wanted(found: store.Claimed) -> str | None:
    if found.cancel_requested_at is not None:
        return "cancel"
    return "pause" if found.held_at is not None else None


def _by(found: store.Claimed) -> str:
    return f"worker:{found.worker}"


def _moving(found: store.Claimed, now: int, reason: str | None = None) -> Moving:
    return Moving(found.processing_id, now, found.ordinal, found.number, reason=reason)


def _note(tx: Tx, found: store.Claimed, verb: str, now: int, state: str | None, reason: str | None = None) -> None:
    moves.note(tx, "attempt", verb, [_moving(found, now, reason)], _by(found), state)


def _progress(share: float | None, text: str | None) -> str | None:
    _check_said("the text", text)
    if share is None and text is None:
        return None
    if share is not None and (isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1):
        raise Invalid(f"progress is a share from 0 to 1, not {share!r}")
    return json.dumps({"share": share, "text": text or ""}, ensure_ascii=False)


def _check_said(what: str, text: str | None) -> None:
    if text is None:
        return
    if not isinstance(text, str):
        raise Invalid(f"{what} is a text, not {type(text).__name__}")
    check_text(what, text)
    if len(text) > MAX_TEXT:
        raise Invalid(f"{what} is {len(text)} characters long; the longest is {MAX_TEXT}")


def _seconds(value: float) -> float:
    """Clamped: a try may be put off for a hundred years, and not into the past (B42)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise Invalid(f"retry_after is a number of seconds, not {value!r}")
    return min(max(float(value), 0.0), MAX_SECONDS)


def result_body(result: Any, mime: str | None = None) -> tuple[str, bytes]:
    """MIME type and bytes of a result: bytes and text with a type of their own as they are, anything else as JSON."""
    if mime is not None:
        check_mime(mime)
    if isinstance(result, bytes | bytearray | memoryview):
        content, kind = bytes(result), mime or "application/octet-stream"
    elif isinstance(result, str) and mime is not None and mime.partition(";")[0].strip().lower() != JSON:
        content, kind = result.encode("utf-8", "surrogatepass"), mime
    elif mime is None or mime.partition(";")[0].strip().lower() == JSON:
        content, kind = json_bytes("the result", result, MAX_RESULT), mime or JSON
    else:
        raise Invalid(f"a result of type {mime} is a text or bytes, not {type(result).__name__}")
    if len(content) > MAX_RESULT:
        raise Invalid(f"the result is {len(content)} bytes; at most {MAX_RESULT}: put it into a file and tell its path")
    return kind, content
