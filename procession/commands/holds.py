"""Hold, release, run now: what keeps a processing or a step where it stands in the queue, and what hurries it.

In: an id, perhaps a step. Out: moments written beside the state; the state itself never moves here.
Always: what is held starts nothing and keeps its place; what runs goes on. A processing whose next steps are all held
is held as a whole, so that it does not stand in the way of those behind it; it is released with the step.
"""

from __future__ import annotations

from procession.commands.asked import Asked, Done
from procession.commands.processings import find_step, keep_held, look, standing_of
from procession.errors import Refused
from procession.model.processing import Processing, Step
from procession.model.states import PROCESSING, STEP
from procession.project import Project
from procession.store import moves, wishes
from procession.store.database import Tx
from procession.store.moves import Moving


def hold_one(project: Project, tx: Tx, processing_id: int, who: Asked, step_name: str | None = None) -> Done:
    """Let nothing more of it start until it is released, or, with a step, let that step not start."""
    now, processing = project.now(), _locked(tx, processing_id)
    step = check_hold(processing, step_name)
    if step is None:
        wishes.hold(tx, processing_id, now)
        moves.note(tx, "processing", "hold", [Moving(processing_id, now, why=who.reason)], who.by)
        return Done(processing_id, f"processing {processing_id} is held; nothing more of it starts")
    wishes.hold_step(tx, processing_id, step.ordinal, now)
    moves.note(tx, "step", "hold", [Moving(processing_id, now, step.ordinal, why=who.reason)], who.by)
    keep_held(tx, processing_id)
    return Done(processing_id, f"step {step.name} of processing {processing_id} is held")


def check_hold(processing: Processing, step_name: str | None = None) -> Step | None:
    """The step that is held, None for the whole; Refused where it cannot be. Only looks, as every ``check_…``."""
    _refuse_ended(processing, "held")
    if step_name is None:
        if processing.held_at is not None:
            raise Refused(f"processing {processing.id} is held already")
        return None
    step = find_step(processing, step_name)
    if step.held_at is not None:
        raise Refused(f"step {step.name} of processing {processing.id} is held already")
    if step.state in STEP.terminal:
        raise Refused(
            f"step {step.name} of processing {processing.id} cannot be held: it has ended, it is {step.state}"
        )
    return step


def release_one(project: Project, tx: Tx, processing_id: int, who: Asked, step_name: str | None = None) -> Done:
    """Let it, or one step of it, go on."""
    now, processing = project.now(), _locked(tx, processing_id)
    held = check_release(processing, step_name)
    tx.after(project.wake)
    for step in held:
        wishes.hold_step(tx, processing_id, step.ordinal, None)
    if step_name is not None:
        (step,) = held
        if processing.held_at == step.held_at:  # held with the step
            wishes.release(tx, processing_id, now)
            keep_held(tx, processing_id)
        moves.note(tx, "step", "release", [Moving(processing_id, now, step.ordinal, why=who.reason)], who.by)
        return Done(processing_id, f"step {step.name} of processing {processing_id} is released")
    wishes.release(tx, processing_id, now)
    moves.note(tx, "processing", "release", [Moving(processing_id, now, why=who.reason)], who.by)
    return Done(processing_id, f"processing {processing_id} is released")


def check_release(processing: Processing, step_name: str | None = None) -> list[Step]:
    """The steps that are released; Refused where nothing is held."""
    _refuse_ended(processing, "released")
    if step_name is None:
        held = [step for step in processing.steps if step.held_at is not None]
        if processing.held_at is None and not held:
            raise Refused(f"processing {processing.id} is not held")
        return held
    step = find_step(processing, step_name)
    if step.held_at is None:
        raise Refused(f"step {step.name} of processing {processing.id} is not held")
    return [step]


def run_one_now(project: Project, tx: Tx, processing_id: int, who: Asked) -> Done:
    """Wait for no moment: neither for the one before which it shall not begin, nor for that of the next try."""
    now = project.now()
    check_run_now(_locked(tx, processing_id))
    wishes.forget_due(tx, processing_id, now)
    moves.note(tx, "processing", "run-now", [Moving(processing_id, now, why=who.reason)], who.by)
    tx.after(project.wake)
    return Done(processing_id, f"processing {processing_id} starts as soon as there is room for it")


def check_run_now(processing: Processing) -> None:
    """Refused where it waits for no moment."""
    _refuse_ended(processing, "run now")
    if processing.due_at is None and all(step.due_at is None for step in processing.steps):
        raise Refused(f"processing {processing.id} waits for no moment; see: procession why {processing.id}")


def _locked(tx: Tx, processing_id: int) -> Processing:
    standing_of(tx, processing_id)
    return look(tx, processing_id)


def _refuse_ended(processing: Processing, what: str) -> None:
    if processing.state in PROCESSING.terminal:
        raise Refused(f"processing {processing.id} cannot be {what}: it has ended, it is {processing.state}")
