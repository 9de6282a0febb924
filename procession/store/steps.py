"""Statements and pictures of steps. States are written by `moves` alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Text, and_, literal_column, or_, select, text
from sqlalchemy.engine import Row
from sqlalchemy.sql.base import Executable

from procession.clock import moment
from procession.model.processing import Attempt, Step
from procession.model.states import State
from procession.store import schema
from procession.store.attempts import attempt_picture
from procession.store.database import Tx
from procession.store.dialect import given_rows
from procession.store.statement import Statement, param

processing, step, attempt, launcher = schema.processing, schema.step, schema.attempt, schema.launcher


def held(tx: Tx) -> frozenset[int]:
    """Ids of the processings of which a step is held."""
    return frozenset(pid for (pid,) in tx.tuples(_HELD))


class StepStanding(NamedTuple):
    """How a step stands."""

    processing_id: int
    ordinal: int
    name: str
    state: str
    attempt: int
    renewed: int
    wants: str | None
    held_at: int | None
    reason: str | None


def states(tx: Tx, processing_ids: Iterable[int]) -> dict[int, dict[int, StepStanding]]:
    """Processing id → ordinal → how the step stands, for all steps of these processings."""
    found: dict[int, dict[int, StepStanding]] = {}
    ids = [{"id": i} for i in set(processing_ids)]
    for row in tx.each_tuple(_STATES, ids) if ids else ():
        found.setdefault(row[0], {})[row[1]] = StepStanding(*row)
    return found


def last_good(tx: Tx, task: str, name: str, before: int, number: int) -> tuple[int, int, int] | None:
    """The newest attempt of a step that a script did well, not later than processing `before` and not its attempt
    `number`: processing id, ordinal, number."""
    row = tx.row(_LAST_GOOD, task=task, name=name, before=before, number=number)
    return None if row is None else (row.processing_id, row.ordinal, row.number)


def succeeded(tx: Tx, task: str, name: str, limit: int) -> list[int]:
    """The newest processings in which this step has succeeded, of the newest 1,000 of the task, the newest first."""
    return [pid for (pid,) in tx.tuples(_SUCCEEDED, task=task, name=name, n=limit)]


def of(tx: Tx, processing_id: int) -> tuple[Step, ...]:
    """All steps of a processing with their attempts."""
    attempts: dict[int, list[Attempt]] = {}
    for row in tx.rows(_ATTEMPTS_OF, id=processing_id):
        attempts.setdefault(row.ordinal, []).append(attempt_picture(row))
    return tuple(
        step_picture(row, tuple(attempts.get(row.ordinal, ()))) for row in tx.rows(_STEPS_OF, id=processing_id)
    )


def step_picture(row: Row[Any], attempts: tuple[Attempt, ...]) -> Step:
    """A row as a Step."""
    return Step(
        row.ordinal, row.name, State(row.state), row.attempt, moment(row.due_at), row.reason, moment(row.started_at),
        moment(row.finished_at), attempts, moment(row.held_at), row.wants,
    )  # fmt: skip


def _states(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    columns = (
        step.c.processing_id,
        step.c.ordinal,
        step.c.name,
        step.c.state,
        step.c.attempt,
        step.c.renewed,
        step.c.wants,
        step.c.held_at,
        step.c.reason,
    )
    return select(*columns).select_from(given.join(step, step.c.processing_id == given.c.id)).order_by(step.c.ordinal)


_HELD = Statement(lambda _: select(step.c.processing_id).where(step.c.held_at.is_not(None)))

_SUCCEEDED = Statement(
    lambda _: text(
        "SELECT s.processing_id FROM (SELECT id FROM processing WHERE task = :task ORDER BY id DESC LIMIT 1000) newest"
        " JOIN step s ON s.processing_id = newest.id WHERE s.name = :name AND s.state = 'succeeded'"
        " ORDER BY s.processing_id DESC LIMIT :n"
    )
)

_LAST_GOOD = Statement(
    lambda _: (
        select(attempt.c.processing_id, attempt.c.ordinal, attempt.c.number)
        .join_from(processing, step, step.c.processing_id == processing.c.id)
        .join(attempt, and_(attempt.c.processing_id == step.c.processing_id, attempt.c.ordinal == step.c.ordinal))
        .where(
            processing.c.task == param("task", Text),
            processing.c.id <= param("before"),
            step.c.name == param("name", Text),
            literal_column("attempt.outcome = 'succeeded'"),
            attempt.c.made_by.is_(None),
            or_(processing.c.id != param("before"), attempt.c.number != param("number", Integer)),
        )
        .order_by(processing.c.id.desc(), attempt.c.number.desc())
        .limit(literal_column("1"))
    )
)

_STATES = Statement(_states)

_STEPS_OF = Statement(lambda _: select(step).where(step.c.processing_id == param("id")).order_by(step.c.ordinal))

_ATTEMPTS_OF = Statement(
    lambda _: (
        select(attempt, launcher.c.host)
        .select_from(attempt.outerjoin(launcher, launcher.c.id == attempt.c.launcher_id))
        .where(attempt.c.processing_id == param("id"))
        .order_by(attempt.c.ordinal, attempt.c.number)
    )
)
