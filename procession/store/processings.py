"""Statements and pictures of processings. States are written by `moves` alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.engine import Row
from sqlalchemy.sql.base import Executable

from procession.clock import moment
from procession.model.processing import Processing
from procession.model.states import State
from procession.store import schema
from procession.store.database import Statement, Tx
from procession.store.dialect import Given, given_rows, unindexed

processing, step, event, definition = schema.processing, schema.step, schema.event, schema.definition

_NEW = {
    name: BigInteger() if name.endswith("id") else processing.c[name].type
    for name in ("id", "event_id", "task", "definition_id", "state", "priority", "launcher_id", "created_at")
}
_NEW_STEP = {
    name: BigInteger() if name.endswith("id") else step.c[name].type
    for name in ("processing_id", "ordinal", "name", "state", "priority", "cpus")
}


def add(tx: Tx, rows: Sequence[dict[str, Any]], steps: Sequence[dict[str, Any]]) -> None:
    """Write new processings and all their steps."""
    tx.write(_ADD, rows)
    tx.write(_ADD_STEPS, steps)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the flow needs to know of a processing to decide about it."""

    id: int
    task: str
    definition_id: int
    state: State
    cancel_asked: bool
    launcher_id: int | None


def standings(tx: Tx, ids: Iterable[int]) -> dict[int, Standing]:
    """How these processings stand, locked against everybody else until this transaction ends."""
    rows = tx.each_tuple(_STANDING, [{"id": i} for i in sorted(set(ids))])
    return {
        i: Standing(i, task, definition_id, State(state), asked_at is not None, launcher_id)
        for i, task, definition_id, state, asked_at, launcher_id in rows
    }


def tasks_waiting(tx: Tx) -> list[str]:
    """Names of the tasks that have processings waiting."""
    return [name for (name,) in tx.tuples(_TASKS_WAITING)]


class Waiting(NamedTuple):
    """A processing that waits for its turn."""

    id: int
    definition_id: int
    priority: int
    started_at: int | None
    """None: it is fresh, and all its steps are pending."""


def waiting(tx: Tx, task: str, launcher_id: int | None, limit: int) -> list[Waiting]:
    """The next waiting processings of a task, in claiming order."""
    return [
        Waiting(*row)
        for row in tx.tuples(_WAITING[launcher_id is not None], task=task, launcher_id=launcher_id, n=limit)
    ]


def running_by_task(tx: Tx) -> dict[str, int]:
    """Task → its running processings, counted from rows."""
    return dict(tx.tuples(_RUNNING))


def is_busy(tx: Tx, task: str) -> bool:
    """Does a processing of this task wait or run?"""
    return tx.row(_BUSY, task=task) is not None


def ask_cancel(tx: Tx, processing_id: int, at: int) -> None:
    """Write the wish; the flow acts on what is live."""
    tx.run(_ASK_CANCEL, id=processing_id, at=at)


def cancels_wanted(tx: Tx, launcher_id: int) -> list[tuple[int, int, int]]:
    """Live attempts, owned by this launcher, of processings whose cancel was asked: processing id, ordinal, number."""
    return [(pid, ordinal, number) for pid, ordinal, number in tx.tuples(_CANCELS, launcher_id=launcher_id)]


def release(tx: Tx, launcher_ids: Sequence[int]) -> None:
    """Give the processings of gone foreground launchers to whoever serves the project."""
    tx.write(_RELEASE, [{"id": i} for i in launcher_ids])


def find(tx: Tx, processing_id: int) -> Processing | None:
    """The processing with this id, without its steps; None if there is none."""
    row = tx.row(_FIND, id=processing_id)
    return None if row is None else picture(row)


def of_events(tx: Tx, event_ids: Iterable[int]) -> dict[int, list[int]]:
    """Event id → ids of its processings, oldest first."""
    found: dict[int, list[int]] = {}
    ids = [{"id": i} for i in event_ids]
    for event_id, processing_id in tx.each_tuple(_OF_EVENTS, ids) if ids else ():
        found.setdefault(event_id, []).append(processing_id)
    return found


def newest(tx: Tx, *, task: str | None, state: str | None, before: int | None, limit: int) -> list[Processing]:
    """Processings, newest first; `before` is the id to go on from."""
    query = _PICTURE.order_by(processing.c.id.desc()).limit(limit)
    if task is not None:
        query = query.where(processing.c.task == task)
    if state is not None:
        query = query.where(processing.c.state == literal_column(f"'{State(state)}'"))  # literal: partial indexes
    if before is not None:
        query = query.where(processing.c.id < before)
    return [picture(row) for row in tx.connection.execute(query)]


def known_task(tx: Tx, task: str) -> bool:
    """Has there ever been a processing of this task?"""
    return tx.row(_KNOWN_TASK, task=task) is not None


def counts(tx: Tx) -> dict[str, dict[str, int]]:
    """Task → state → how many; states that none is in are left out.

    Everything but the successes is counted by short partial indexes, the successes are what is left of all.
    """
    found: dict[str, dict[str, int]] = {row.task: {str(State.SUCCEEDED): row.n} for row in tx.rows(_TOTALS)}
    for row in tx.rows(_OTHERS):
        states = found[row.task]
        states[row.state] = row.n
        states[str(State.SUCCEEDED)] -= row.n
    return {task: {state: n for state, n in states.items() if n} for task, states in found.items()}


MOST_COUNTED = 1000
"""People are told how many come before up to here; beyond it the number says nothing, and costs."""


def before(tx: Tx, task: str, processing_id: int, priority: int) -> int:
    """How many waiting processings of a task come before this one; counted up to one more than `MOST_COUNTED`."""
    return int(tx.run(_BEFORE, task=task, id=processing_id, priority=priority).scalar_one())


def picture(row: Row[Any]) -> Processing:
    """A row as a Processing without steps."""

    def at(value: int | None) -> Any:
        return None if value is None else moment(value)

    return Processing(
        row.id, row.task, row.event_id, row.event_name, row.key, row.title, json.loads(row.params), State(row.state),
        row.version, row.priority, moment(row.created_at), at(row.due_at), at(row.started_at), at(row.finished_at),
        at(row.cancel_requested_at), row.reason, row.hash, row.launcher_id,
    )  # fmt: skip


def _add(dialect: str) -> Executable:
    return insert(processing).from_select(list(_NEW), Given(dialect, _NEW).select())


def _add_steps(dialect: str) -> Executable:
    return insert(step).from_select(list(_NEW_STEP), Given(dialect, _NEW_STEP).select())


def _standing(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    query = (
        select(
            processing.c.id,
            processing.c.task,
            processing.c.definition_id,
            processing.c.state,
            processing.c.cancel_requested_at,
            processing.c.launcher_id,
        )
        .select_from(given.join(processing, processing.c.id == given.c.id))
        .order_by(processing.c.id)
    )
    return query if dialect == "sqlite" else query.with_for_update(of=processing)


def _of_events(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    joined = given.join(processing, processing.c.event_id == given.c.id)
    return select(processing.c.event_id, processing.c.id).select_from(joined).order_by(processing.c.id)


def _release(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger()})
    return update(processing).values(launcher_id=None).where(processing.c.launcher_id == given["id"])


def _is(name: str, state: str) -> Any:
    return literal_column(f"{name}.state = '{state}'")


def _param(name: str, kind: Any = BigInteger) -> Any:
    return bindparam(name, type_=kind())


def owner(owned: bool) -> Any:
    """Whose processings are meant. Two statements, since IS NOT DISTINCT FROM lets PostgreSQL read all that wait."""
    return processing.c.launcher_id == _param("launcher_id") if owned else processing.c.launcher_id.is_(None)


def _waiting(owned: bool) -> Statement:
    return Statement(
        lambda dialect: (
            select(processing.c.id, processing.c.definition_id, processing.c.priority, processing.c.started_at)
            .where(
                (unindexed(dialect, processing.c.task) if owned else processing.c.task) == _param("task", Text),
                _is("processing", "waiting"),
                processing.c.due_at.is_(None),
                owner(owned),
            )
            .order_by(processing.c.priority.desc(), processing.c.id)
            .limit(_param("n", Integer))
        )
    )


_WAITING = {owned: _waiting(owned) for owned in (False, True)}
_ADD, _ADD_STEPS, _STANDING, _RELEASE = (Statement(f) for f in (_add, _add_steps, _standing, _release))
_TASKS_WAITING = Statement(
    lambda _: select(schema.task.c.name).where(
        exists(literal_column("1")).where(processing.c.task == schema.task.c.name, _is("processing", "waiting"))
    )
)
_RUNNING = Statement(
    lambda _: (
        select(processing.c.task, func.count().label("n"))
        .where(_is("processing", "running"))
        .group_by(processing.c.task)
    )
)
_BUSY = Statement(
    lambda _: union_all(
        select(processing.c.id).where(processing.c.task == _param("task", Text), _is("processing", "waiting")),
        select(processing.c.id).where(processing.c.task == _param("task", Text), _is("processing", "running")),
    ).limit(literal_column("1"))
)
_ASK_CANCEL = Statement(
    lambda _: (
        update(processing)
        .values(cancel_requested_at=func.coalesce(processing.c.cancel_requested_at, _param("at")))
        .where(processing.c.id == _param("id"))
    )
)
_attempt = schema.attempt
_CANCELS = Statement(
    lambda _: (
        select(_attempt.c.processing_id, _attempt.c.ordinal, _attempt.c.number)
        .join_from(processing, _attempt, _attempt.c.processing_id == processing.c.id)
        .where(
            processing.c.cancel_requested_at.is_not(None),
            _is("processing", "running"),
            _attempt.c.outcome.is_(None),
            _attempt.c.launcher_id == _param("launcher_id"),
        )
    )
)
_PICTURE: Select[Any] = select(
    processing, event.c.name.label("event_name"), event.c.key, event.c.title, event.c.params, definition.c.hash
).select_from(
    processing.join(event, event.c.id == processing.c.event_id).join(
        definition, definition.c.id == processing.c.definition_id
    )
)
_FIND = Statement(lambda _: _PICTURE.where(processing.c.id == _param("id")))
_OF_EVENTS = Statement(_of_events)
_count = func.count().label("n")
_TOTALS = Statement(lambda _: select(processing.c.task, _count).group_by(processing.c.task))
_OTHERS = Statement(
    lambda _: union_all(
        *(
            select(processing.c.task, processing.c.state, _count)
            .where(literal_column(f"processing.state IN ({states})"))
            .group_by(processing.c.task, processing.c.state)
            for states in ("'waiting'", "'running'", "'failed', 'cancelled', 'skipped'")
        )
    )
)
_KNOWN_TASK = Statement(
    lambda _: select(processing.c.id).where(processing.c.task == _param("task", Text)).limit(literal_column("1"))
)
_BEFORE = Statement(
    lambda _: select(func.count()).select_from(
        select(processing.c.id)
        .where(
            processing.c.task == _param("task", Text),
            _is("processing", "waiting"),
            or_(
                processing.c.priority > _param("priority", Integer),
                and_(processing.c.priority == _param("priority", Integer), processing.c.id < _param("id")),
            ),
        )
        .limit(literal_column(str(MOST_COUNTED + 1)))
        .subquery()
    )
)
