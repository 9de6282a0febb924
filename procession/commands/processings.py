"""What people ask of a processing: look at it, cancel it, try it again, learn why it waits.

In: an id. Out: an answer, and the moves that need no live process; for live ones the wish, which the flow carries out.
Always: a verb that the machine does not allow is refused with the state that stands in its way, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from procession.errors import NotFound, Refused
from procession.model.processing import Processing, Step
from procession.model.states import PROCESSING, STEP, State
from procession.project import Project, person
from procession.store import moves, processings, steps, tallies
from procession.store.database import Tx
from procession.store.moves import Moving
from procession.store.tallies import Count
from procession.supervise import spool
from procession.workdir import ENTERED, is_held


def get(project: Project, processing_id: int) -> Processing:
    """A processing with its steps, attempts and outputs; NotFound if there is none."""
    with project.store.read() as tx:
        return look(tx, processing_id)


def look(tx: Tx, processing_id: int) -> Processing:
    """A processing with its steps, attempts and outputs, in the open transaction."""
    found = processings.find(tx, processing_id)
    if found is None:
        raise NotFound(f"there is no processing {processing_id}; see: procession list")
    outputs = steps.outputs(tx, [processing_id]).get(processing_id, {})
    return replace(found, steps=steps.of(tx, processing_id), outputs=outputs)


def find_step(processing: Processing, name: str | None) -> Step:
    """The step of this name or number; without a name the one that matters: failed, else running, else latest."""
    if name is None:
        for state in (State.FAILED, State.RUNNING, State.CANCELLED):
            if chosen := next((s for s in processing.steps if s.state is state), None):
                return chosen
        begun = [s for s in processing.steps if s.attempt]
        return begun[-1] if begun else processing.steps[0]
    for step in processing.steps:
        if name in (step.name, str(step.ordinal)):
            return step
    names = ", ".join(step.name for step in processing.steps)
    raise NotFound(f"processing {processing.id} has no step {name!r}; its steps are: {names}")


# ── cancel and retry ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The answer to a cancel."""

    accepted: bool
    """No step of it will start any more, and what runs is being ended."""
    state: State
    """Its state now; where it was too late, the state in which it had ended."""


def cancel(project: Project, processing_id: int) -> Cancelled:
    """Cancel a processing: at once where nothing of it runs; otherwise its running tree is told to end."""
    return project.store.change(lambda tx: _cancel(project, tx, processing_id))


def _cancel(project: Project, tx: Tx, processing_id: int) -> Cancelled:
    now, by = project.now(), person()
    standing = standing_of(tx, processing_id)
    if standing.state in PROCESSING.terminal:
        moves.note(tx, "processing", "cancel", [Moving(processing_id, now, reason="too late")], by)
        return Cancelled(False, standing.state)
    rows = steps.states(tx, [processing_id])[processing_id].values()
    idle = [Moving(processing_id, now, r.ordinal, r.attempt) for r in rows if r.state in _IDLE]
    moves.steps(tx, "cancel", idle, by, quiet=True)
    live = [project.attempt_key(processing_id, r.ordinal, r.attempt) for r in rows if r.state == State.RUNNING]
    if live:
        processings.ask_cancel(tx, processing_id, now)
        moves.note(tx, "processing", "cancel", [Moving(processing_id, now, reason="asked")], by)
        tx.after(lambda: _end(project, live, by))
        tx.after(project.wake)
        return Cancelled(True, standing.state)
    moves.processings(tx, "cancel", [Moving(processing_id, now)], by)
    tallies.add(tx, now, [Count("task", standing.task, "cancelled")])
    tx.after(project.wake)
    return Cancelled(True, State.CANCELLED)


def _end(project: Project, keys: Sequence[str], by: str) -> None:
    """Ask for the end of live attempts of this place ourselves, so that it holds also while no launcher is there: one
    that has not started never will, one that runs finds the wish within a second. The flow does the rest."""
    if not project.var.spool.is_dir():
        return
    for key in keys:
        if not spool.void(project.var.spool, key, by):
            spool.ask_to_cancel(project.var.spool, key, by)


_IDLE = (State.PENDING, State.READY)


def standing_of(tx: Tx, processing_id: int) -> processings.Standing:
    """How it stands, locked until the transaction ends; NotFound if there is none."""
    found = processings.standings(tx, [processing_id]).get(processing_id)
    if found is None:
        raise NotFound(f"there is no processing {processing_id}; see: procession list")
    return found


def retry(project: Project, processing_id: int, step_name: str | None = None) -> Step:
    """Give the failed step of a processing another attempt, in the same directory, with its budget renewed."""
    return project.store.change(lambda tx: _retry(project, tx, processing_id, step_name))


def _retry(project: Project, tx: Tx, processing_id: int, step_name: str | None) -> Step:
    now, by = project.now(), person()
    standing = standing_of(tx, processing_id)
    processing = look(tx, processing_id)
    step = find_step(processing, step_name)
    if not PROCESSING.allows("retry", standing.state) or not STEP.allows("retry", step.state):
        raise Refused(cannot("be tried again", processing, step))
    if is_held(project.var.work(processing_id) / ENTERED):
        raise Refused(
            f"somebody is in the directory of processing {processing_id}, in procession shell; wait until they left"
        )
    check_files(processing)
    reopen(tx, processing, now, by)
    moves.processings(tx, "retry", [Moving(processing_id, now)], by)
    uncount(tx, processing, now)
    tx.after(project.wake)
    return step


def check_files(processing: Processing) -> None:
    """Raise Refused where the working files that its steps would go on with are gone."""
    if processing.cleaned_at is not None:
        raise Refused(
            f"the working files of processing {processing.id} were removed at "
            f"{processing.cleaned_at:%Y-%m-%d %H:%M} UTC, so no step of it can go on; "
            f"start it afresh with: procession restart {processing.id}"
        )


def reopen(tx: Tx, processing: Processing, now: int, by: str, *, but: int = 0) -> None:
    """Put every step that failed or was cancelled back to where it waits for its turn (not step `but`)."""
    closed = [s for s in processing.steps if STEP.allows("retry", s.state) and s.ordinal != but]
    moves.steps(tx, "retry", [Moving(processing.id, now, s.ordinal, s.attempt) for s in closed], by)


def uncount(tx: Tx, processing: Processing, now: int) -> None:
    """It has left the state in which it had ended: so many fewer are in it."""
    tallies.add(tx, now, [Count("task", processing.task, str(processing.state), -1)])


def cannot(what: str, processing: Processing, step: Step) -> str:
    """One line for a verb that the machine refuses here."""
    if processing.state not in PROCESSING.terminal:
        return f"step {step.name} of processing {processing.id} cannot {what}: the processing is {processing.state}"
    return f"step {step.name} of processing {processing.id} cannot {what}: it is {step.state}, it has not failed"
