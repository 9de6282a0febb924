"""What people ask of a step: accept what they did by hand.

In: a failed (or cancelled) step whose work a person has done. Out: a succeeded attempt with their name and note, the
outputs and events that lie in its directory taken as those of a success, the chain going on.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from procession import contract
from procession.commands import events
from procession.commands.asked import Asked, Done, asked
from procession.commands.endings import Ended, note_ends
from procession.commands.processings import (
    cannot,
    check_files,
    find_step,
    keep_held,
    look,
    reopen,
    standing_of,
    uncount,
)
from procession.errors import HostError, Invalid, Refused
from procession.model.outcome import Outcome
from procession.model.processing import MET, Processing, Step
from procession.model.states import PROCESSING, STEP, State
from procession.project import Project
from procession.store import attempts, moves, scripts, tasks
from procession.store.database import Tx
from procession.store.moves import Moving

RERUN = "rerun"
"""Exit code of the last ``rerun``; empty as long as it runs, and where it was interrupted."""
RERUN_LOG = "rerun.log"
"""What ``rerun`` in ``procession shell`` printed; it becomes the log of the accepted attempt."""
MAX_RERUN_LOG = 64 << 20
"""Bytes at its end that are taken over."""


def accept(project: Project, processing_id: int, step_name: str | None, note: str, who: Asked | None = None) -> Step:
    """Record the person's result of a step as a succeeded attempt; the chain goes on."""
    who = who or asked()
    return project.store.change(lambda tx: _accept(project, tx, processing_id, step_name, note, who))


def accept_one(
    project: Project, tx: Tx, processing_id: int, who: Asked, step_name: str | None = None, note: str = ""
) -> Done:  # fmt: skip
    """The same in an open transaction."""
    step = _accept(project, tx, processing_id, step_name, note, who)
    return Done(processing_id, f"step {step.name} of processing {processing_id} is accepted; the chain goes on")


def _accept(project: Project, tx: Tx, processing_id: int, step_name: str | None, note: str, who: Asked) -> Step:
    now, by = project.now(), who.by
    standing = standing_of(tx, processing_id)
    processing = look(tx, processing_id)
    step, executed, left = check_accept(project, processing, step_name, note)
    accepted = Moving(processing_id, now, step.ordinal, step.attempt, reason=note or None, why=who.reason)
    moves.steps(tx, "accept", [accepted], by)
    attempts.accept(tx, _attempt(processing, step, note or None, by, now))
    rows = [
        {"processing_id": processing_id, "ordinal": step.ordinal, "name": name, "value": json.dumps(value)}
        for name, value in left.outputs.items()
    ]
    scripts.set_outputs(tx, rows)
    events.submit_all(project, tx, left.events)
    reopen(tx, processing, now, who, but={step.ordinal})
    states = {s.ordinal: s.state for s in processing.steps} | {step.ordinal: State.SUCCEEDED}
    verb = "complete" if all(state in MET for state in states.values()) else "resume"
    moves.processings(tx, verb, [Moving(processing_id, now, why=who.reason)], by)
    keep_held(tx, processing_id)
    uncount(tx, processing, now)
    if verb == "complete":
        over = Ended.of(standing_of(tx, processing_id), State.SUCCEEDED, None)
        note_ends(project, tx, [over], {standing.definition_id: tasks.get(tx, standing.definition_id)}, now)
    directory = project.var.attempt(processing_id, step.ordinal, step.name, step.attempt + 1)
    tx.after(lambda: _keep_log(executed, directory, f"accepted by {by}: {note or who.reason or ''}\n"))
    tx.after(project.wake)
    return step


def check_accept(
    project: Project, processing: Processing, step_name: str | None = None, note: str = ""
) -> tuple[Step, Path, contract.Left]:
    """The step that is accepted, its directory and what lies there; Refused where it cannot be, or where the last rerun
    failed and no note says what was done instead. Only looks."""
    step = find_step(processing, step_name)
    if not PROCESSING.allows("resume", processing.state) or not STEP.allows("accept", step.state):
        raise Refused(cannot("be accepted", processing, step))
    check_files(processing)
    if processing.replaced_by is not None:
        raise Refused(
            f"processing {processing.id} was replaced by processing {processing.replaced_by}; its result is of no use"
        )
    executed = project.var.attempt(processing.id, step.ordinal, step.name, step.executed or step.attempt)
    if not note and (how := _rerun_failed(executed)):
        raise Refused(
            f"the last rerun of step {step.name} of processing {processing.id} {how}; run it again, or say what you "
            f'did instead: procession accept {processing.id} {step.name} -m "what you did"'
        )
    return step, executed, _left(executed, processing, step)


def _rerun_failed(attempt_dir: Path) -> str:
    """How the last ``rerun`` ended, if not well; empty where there was none."""
    try:
        with contract.open_regular(attempt_dir / RERUN) as file:
            code = file.read(8).decode("ascii", "replace").strip()
    except OSError:
        return ""
    return "" if code == "0" else f"ended with exit code {code}" if code else "did not come to its end"


def _attempt(processing: Processing, step: Step, note: str | None, by: str, now: int) -> dict[str, Any]:
    """The row of an attempt that a person made."""
    return {
        "processing_id": processing.id,
        "ordinal": step.ordinal,
        "number": step.attempt + 1,
        "outcome": str(Outcome.SUCCEEDED),
        "note": note,
        "made_by": by,
        "claimed_at": now,
        "finished_at": now,
        "cpus": 0,
    }


def _left(attempt_dir: Path, processing: Processing, step: Step) -> contract.Left:
    names = contract.present(attempt_dir)
    try:
        return contract.read_left(
            attempt_dir, names, f"{processing.root}-{step.ordinal}-", f"accepted:{processing.id}", processing.root
        )
    except (Invalid, OSError) as error:
        raise Refused(
            f"what lies in {attempt_dir} cannot be accepted: {error}; correct the file and accept again"
        ) from None


def _keep_log(before: Path, after: Path, text: str) -> None:
    """The accepted attempt's log: the end of what the last ``rerun`` printed, and who accepted it."""
    after.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(after / "log", flags, 0o600)
    with os.fdopen(descriptor, "wb") as log:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise HostError(f"{after / 'log'} is not a regular file; the attempt is accepted, but has no log")
        with suppress(OSError), contract.open_regular(before / RERUN_LOG) as printed:
            printed.seek(max(0, printed.seek(0, os.SEEK_END) - MAX_RERUN_LOG))
            shutil.copyfileobj(printed, log, 1 << 20)
        log.write(text.encode("utf-8", "replace"))
