"""What people ask of a processing: look at it, cancel it, try it again, learn why it waits.

In: an id. Out: an answer, and the moves that need no live process; for live ones the wish, which the flow carries out.
Always: a verb that the machine does not allow is refused with the state that stands in its way, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import timedelta

from procession.clock import micros
from procession.commands.asked import Asked, Done, asked
from procession.commands.endings import Ended, note_ends
from procession.errors import NotFound, Refused
from procession.model.processing import Processing, Step, next_ready
from procession.model.states import PROCESSING, STEP, State
from procession.project import Project
from procession.store import bodies, moves, processings, scripts, steps, tallies, tasks, wishes
from procession.store.database import Tx
from procession.store.moves import Moving
from procession.store.tallies import ended
from procession.supervise import spool
from procession.units import size
from procession.workdir import ENTERED, is_held


def get(project: Project, processing_id: int) -> Processing:
    """A processing with its steps, attempts and outputs; NotFound if there is none."""
    with project.store.read() as tx:
        return look(tx, processing_id)


def look(tx: Tx, processing_id: int) -> Processing:
    """A processing with its steps, attempts and outputs, in the open transaction."""
    found = there(tx, processing_id)
    if found is None:
        raise NotFound(f"there is no processing {processing_id}; see: procession list")
    return found


def there(tx: Tx, processing_id: int) -> Processing | None:
    """As `look`; None if there is none."""
    found = processings.find(tx, processing_id)
    if found is None:
        return None
    outputs = scripts.outputs(tx, [processing_id]).get(processing_id, {})
    result = bodies.sizes(tx, processing_id)
    return replace(found, steps=steps.of(tx, processing_id), outputs=outputs, result=result)


SHOWN = 200
"""Bytes of a result that are shown with its processing; of a larger one, what it is."""


def result_in_words(project: Project, found: Processing) -> str:
    """What a processing came to, in one line; nothing, if it said nothing."""
    if found.result is None:
        return ""
    mime, length = found.result
    if length > SHOWN or not mime.startswith(("text/", "application/json")):
        return f"{mime}, {size(length)}"
    with project.store.read() as tx:
        kept = bodies.find_result(tx, found.id)
    return "" if kept is None else kept.body.bytes().decode("utf-8", "replace")


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


def cancel(project: Project, processing_id: int, reason: str | None = None, who: Asked | None = None) -> Cancelled:
    """Cancel a processing: at once where nothing of it runs; otherwise its running tree is told to end."""
    who = who or asked(reason)
    return project.store.change(lambda tx: try_cancel(project, tx, processing_id, who))


def cancel_one(project: Project, tx: Tx, processing_id: int, who: Asked) -> Done:
    """As `cancel`, in the open transaction; Refused where it is too late."""
    check_cancel(processing_id, standing_of(tx, processing_id).state)
    try_cancel(project, tx, processing_id, who)
    return Done(processing_id, f"processing {processing_id}: its cancel is accepted")


def check_cancel(processing_id: int, state: State) -> None:
    """Refused where it is too late to cancel; only looks, as every ``check_…``."""
    if state in PROCESSING.terminal:
        raise Refused(f"processing {processing_id} has already ended: it is {state}")


def try_cancel(project: Project, tx: Tx, processing_id: int, who: Asked) -> Cancelled:
    """As `cancel`, in the open transaction; where it is too late the answer says so."""
    now = project.now()
    standing = standing_of(tx, processing_id)
    if standing.state in PROCESSING.terminal:
        moves.note(tx, "processing", "cancel", [Moving(processing_id, now, reason="too late")], who.by)
        return Cancelled(False, standing.state)
    rows = steps.states(tx, [processing_id])[processing_id].values()
    idle = [Moving(processing_id, now, r.ordinal, r.attempt) for r in rows if r.state in _IDLE]
    moves.steps(tx, "cancel", idle, who.by, quiet=True)
    live = [project.attempt_key(processing_id, r.ordinal, r.attempt) for r in rows if r.state == State.RUNNING]
    if live:
        wishes.ask_cancel(tx, processing_id, now)
        why = f"asked: {who.reason}" if who.reason else "asked"
        moves.note(tx, "processing", "cancel", [Moving(processing_id, now, reason=why)], who.by)
        tx.after(lambda: _end(project, live, who.by))
        tx.after(project.wake)
        return Cancelled(True, standing.state)
    moves.processings(tx, "cancel", [Moving(processing_id, now, reason=who.reason)], who.by)
    definitions = {standing.definition_id: tasks.get(tx, standing.definition_id)}
    note_ends(project, tx, [Ended.of(standing, State.CANCELLED, who.reason)], definitions, now)
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


def retry(project: Project, processing_id: int, step_name: str | None = None, reason: str | None = None) -> Done:
    """Give the failed step of a processing another attempt, in the same directory, with its budget renewed."""
    who = asked(reason)
    return project.store.change(lambda tx: retry_one(project, tx, processing_id, who, step_name))


def retry_one(project: Project, tx: Tx, processing_id: int, who: Asked, step_name: str | None = None) -> Done:
    """As `retry`, in the open transaction."""
    now = project.now()
    standing = standing_of(tx, processing_id)
    processing = look(tx, processing_id)
    step = check_retry(project, processing, step_name)
    reopen(tx, processing, now, who)
    moves.processings(tx, "retry", [Moving(processing_id, now, why=who.reason)], who.by)
    uncount(tx, processing, now)
    keep_held(tx, processing_id)
    tx.after(project.wake)
    changed = tasks.now_of(tx, processing.task) not in (None, standing.definition_id)
    hint = f"; its task has changed since, with the new one: procession restart {processing_id}" if changed else ""
    return Done(processing_id, f"step {step.name} of processing {processing_id} gets another attempt{hint}")


def check_retry(project: Project, processing: Processing, step_name: str | None = None) -> Step:
    """The step that gets another attempt; Refused where it cannot be. Only looks."""
    step = find_step(processing, step_name)
    if not PROCESSING.allows("retry", processing.state) or not STEP.allows("retry", step.state):
        raise Refused(cannot("be tried again", processing, step))
    refuse_unfit(project, processing, {s.ordinal for s in processing.steps if s.state is not State.SUCCEEDED})
    return step


def check_files(processing: Processing) -> None:
    """Raise Refused where the working files that its steps would go on with are gone."""
    if processing.cleaned_at is not None:
        raise Refused(
            f"the working files of processing {processing.id} were removed at "
            f"{processing.cleaned_at:%Y-%m-%d %H:%M} UTC, so no step of it can go on; "
            f"start it afresh with: procession restart {processing.id}"
        )


def refuse_unfit(project: Project, processing: Processing, again: Set[int]) -> None:
    """Raise Refused where an ended processing cannot go on, though its state would let it; `again` are the ordinals of
    the steps that will run."""
    if processing.replaced_by is not None:
        raise Refused(
            f"processing {processing.id} was replaced by processing {processing.replaced_by}, "
            "a newer version; ask that one"
        )
    if is_held(project.var.work(processing.id) / ENTERED):
        raise Refused(
            f"somebody is in the directory of processing {processing.id}, in procession shell; wait until they left"
        )
    if any(s.executed and s.ordinal not in again for s in processing.steps):
        check_files(processing)


def reopen(tx: Tx, processing: Processing, now: int, who: Asked, *, but: Set[int] = frozenset()) -> None:
    """Put every step that failed or was cancelled back to where it waits for its turn (but for those in `but`)."""
    closed = [s for s in processing.steps if STEP.allows("retry", s.state) and s.ordinal not in but]
    moves.steps(tx, "retry", [Moving(processing.id, now, s.ordinal, s.attempt, why=who.reason) for s in closed], who.by)


def keep_held(tx: Tx, processing_id: int) -> None:
    """Hold the whole where all its next steps are held."""
    processing = look(tx, processing_id)
    if processing.state is not State.WAITING or processing.held_at is not None:
        return
    standing = processings.standings(tx, [processing_id])[processing_id]
    states = {step.ordinal: step.state for step in processing.steps}
    turn = next_ready(tasks.get(tx, standing.definition_id), states)
    held = [at for o in turn if (at := processing.steps[o - 1].held_at) is not None]
    if turn and len(held) == len(turn):
        wishes.hold(tx, processing_id, micros(min(held)))


def uncount(tx: Tx, processing: Processing, now: int, n: int = 1) -> None:
    """It has left the state in which it had ended: so many fewer ended in that hour (-1: it is in it again)."""
    started = None if processing.started_at is None else micros(processing.started_at)
    finished = now if processing.finished_at is None else micros(processing.finished_at)
    idle = processing.idle // timedelta(microseconds=1)
    tallies.add(tx, finished, [ended(processing.task, processing.state, started, finished, -n, idle)])


def cannot(what: str, processing: Processing, step: Step) -> str:
    """One line for a verb that the machine refuses here."""
    if processing.state not in PROCESSING.terminal:
        return f"step {step.name} of processing {processing.id} cannot {what}: the processing is {processing.state}"
    return f"step {step.name} of processing {processing.id} cannot {what}: it is {step.state}, it has not failed"
