"""Statements of what people ask beside the moves: cancels, holds, moments, versions, and deletions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Integer, bindparam, case, delete, func, literal_column, select, update

from procession.model.processing import Processing
from procession.store import schema
from procession.store.database import Tx
from procession.store.statement import Statement, param

processing, step, attempt = schema.processing, schema.step, schema.attempt


def ask_cancel(tx: Tx, processing_id: int, at: int) -> None:
    """Write the wish; the flow acts on what is live."""
    tx.run(_ASK_CANCEL, id=processing_id, at=at)


def cancels_wanted(tx: Tx, launcher_id: int) -> list[tuple[int, int, int]]:
    """Live attempts, owned by this launcher, of processings whose cancel was asked: processing id, ordinal, number."""
    return [(pid, ordinal, number) for pid, ordinal, number in tx.tuples(_CANCELS, launcher_id=launcher_id)]


def hold(tx: Tx, processing_id: int, at: int) -> None:
    """Hold a processing since this moment."""
    tx.run(_HOLD, id=processing_id, at=at)


def release(tx: Tx, processing_id: int, now: int) -> None:
    """Hold a processing no longer: if it has to wait for its turn, it does so from now on. One that is not held waits
    on as before."""
    tx.run(_RELEASE, id=processing_id, now=now)


def hold_step(tx: Tx, processing_id: int, ordinal: int, at: int | None) -> None:
    """Hold a step since this moment; None releases it."""
    tx.run(_HOLD_STEP, id=processing_id, ordinal=ordinal, at=at)


def forget_due(tx: Tx, processing_id: int, now: int) -> None:
    """Neither the processing nor a step of it waits for a moment any more; a processing that did waits from now on for
    its turn."""
    tx.run(_FORGET_DUE, id=processing_id, now=now)
    tx.run(_FORGET_DUE_STEPS, id=processing_id)


def remove_outputs(tx: Tx, processing_id: int, ordinals: Sequence[int]) -> None:
    """Steps that run again have no outputs."""
    for ordinal in ordinals:
        tx.run(_REMOVE_OUTPUTS, id=processing_id, ordinal=ordinal)


def replace(tx: Tx, processing_id: int, newer: int) -> None:
    """A newer version has taken its place."""
    tx.run(_REPLACE, id=processing_id, newer=newer)


def born_of(tx: Tx, processing_id: int) -> list[int]:
    """All versions of the processings of the events that this one (a first version) and its later ones emitted."""
    return [pid for (pid,) in tx.tuples(_BORN_OF, id=processing_id)]


def runs_code_of(tx: Tx, old: Processing) -> int | None:
    """The version that runs the scripts of this one as they were kept, if there is one."""
    row = tx.row(_RUNS_CODE_OF, id=old.id, event_id=old.event_id, task=old.task)
    return None if row is None else int(row.id)


def remove(tx: Tx, old: Processing) -> int | None:
    """Take away a processing with its steps, attempts and outputs; return the version before it, if there is one and
    no newer one follows: it is the newest again."""
    which = {"id": old.id, "event_id": old.event_id, "task": old.task}
    before = tx.row(_BEFORE_IT, **which)
    if before is not None:
        tx.run(_REPLACE, id=before.id, newer=old.replaced_by)
    for statement in _REMOVE:
        tx.run(statement, id=old.id)
    return None if before is None or old.replaced_by is not None else int(before.id)


_of = processing.c.id == param("id")
_of_step = step.c.processing_id == param("id")
_versions = (
    processing.c.event_id == param("event_id"),
    processing.c.task == bindparam("task", type_=processing.c.task.type),
)
_since_now = case((processing.c.state == literal_column("'waiting'"), param("now")))
_ASK_CANCEL = Statement(
    lambda _: (
        update(processing)
        .values(cancel_requested_at=func.coalesce(processing.c.cancel_requested_at, param("at")))
        .where(_of)
    )
)
_CANCELS = Statement(
    lambda _: (
        select(attempt.c.processing_id, attempt.c.ordinal, attempt.c.number)
        .join_from(processing, attempt, attempt.c.processing_id == processing.c.id)
        .where(
            processing.c.cancel_requested_at.is_not(None),
            literal_column("processing.state = 'running'"),
            attempt.c.outcome.is_(None),
            attempt.c.launcher_id == param("launcher_id"),
        )
    )
)
_HOLD = Statement(lambda _: update(processing).values(held_at=param("at")).where(_of))
_RELEASE = Statement(
    lambda _: (
        update(processing).values(held_at=None, waiting_at=_since_now).where(_of, processing.c.held_at.is_not(None))
    )
)
_HOLD_STEP = Statement(
    lambda _: update(step).values(held_at=param("at")).where(_of_step, step.c.ordinal == param("ordinal", Integer))
)
_FORGET_DUE = Statement(
    lambda _: update(processing).values(due_at=None, waiting_at=_since_now).where(_of, processing.c.due_at.is_not(None))
)
_FORGET_DUE_STEPS = Statement(lambda _: update(step).values(due_at=None).where(_of_step))
_REMOVE_OUTPUTS = Statement(
    lambda _: delete(schema.output).where(
        schema.output.c.processing_id == param("id"), schema.output.c.ordinal == param("ordinal", Integer)
    )
)
_REPLACE = Statement(lambda _: update(processing).values(replaced_by=param("newer")).where(_of))
_BORN_OF = Statement(
    lambda _: select(processing.c.id).where(processing.c.origin_id == param("id")).order_by(processing.c.id)
)
_RUNS_CODE_OF = Statement(
    lambda _: select(processing.c.id).where(*_versions, processing.c.code_of == param("id")).limit(literal_column("1"))
)
_BEFORE_IT = Statement(lambda _: select(processing.c.id).where(*_versions, processing.c.replaced_by == param("id")))
_REMOVE = tuple(
    Statement(lambda _, table=table, column=column: delete(table).where(table.c[column] == param("id")))  # type: ignore[misc]
    for table, column in (
        (schema.result, "processing_id"),
        (schema.delivery, "processing_id"),
        (schema.output, "processing_id"),
        (schema.attempt, "processing_id"),
        (schema.step, "processing_id"),
        (schema.processing, "id"),
    )
)
