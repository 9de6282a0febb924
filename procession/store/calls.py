"""Statements for calls by the thousand: one statement for a whole set, one parameter for all its ids.

Of tasks with a single step that wants nothing but a worker, and as long as nothing odd is about them: then their claim
and their success are the same for all of them. States are written by `moves` alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Float,
    Integer,
    Text,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.sql.base import Executable

from procession.errors import StaleState
from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_ids
from procession.store.statement import Statement

processing, attempt, event, input_ = schema.processing, schema.attempt, schema.event, schema.input_


class Next(NamedTuple):
    """A waiting processing whose call is next."""

    id: int
    rank: int
    definition_id: int
    started_at: int | None
    """None: it is fresh, its step has never been claimed."""
    size: int
    """Of its inputs as they are kept."""


class Told(NamedTuple):
    """What a call is told."""

    id: int
    definition_id: int
    event_id: int
    name: str
    key: str | None
    title: str
    params: str
    kind: str | None
    """Of its inputs, where it has some beside its parameters."""
    form: str | None
    body: str | None


def next_of(tx: Tx, task: str, limit: int) -> list[Next]:
    """The next waiting processings of a task, in claiming order."""
    return [Next(*row) for row in tx.tuples(_NEXT, task=task, n=limit)]


def told(tx: Tx, ids: Sequence[int]) -> list[Told]:
    """What the calls of these processings are told, in any order."""
    return [Told(*row) for row in tx.tuples(_TELL, ids=json.dumps(ids))]


def add_attempts(tx: Tx, ids: Sequence[int], launcher_id: int, at: int) -> None:
    """Write the first attempts at the only steps of these processings, one processor each."""
    tx.wrote = True
    tx.run(_ADD, ids=json.dumps(ids), launcher_id=launcher_id, at=at)


def succeed(tx: Tx, rows: Sequence[tuple[int, int, int]]) -> None:
    """These first attempts have succeeded: processing id, begin, end; StaleState if one has an outcome already."""
    given = [{"id": pid, "began": began, "ended": ended} for pid, began, ended in rows]
    if tx.write(_SUCCEED, given) != len(rows):
        raise StaleState("a call has ended before")


def seconds(tx: Tx, ids: Sequence[int], now: int) -> float:
    """For how long these processings have been running, together."""
    ((began,),) = tx.tuples(_BEGAN, ids=json.dumps(ids))
    return (len(ids) * now - int(began)) / 1e6


def hold_locks(tx: Tx, ids: Sequence[int]) -> bool:
    """Does one of these processings hold a lock, or wait for one?"""
    return bool(tx.tuples(_LOCKED, ids=json.dumps(ids)))


def are_told(tx: Tx, ids: Sequence[int]) -> bool:
    """Is the end of one of these processings delivered to somebody?"""
    return bool(tx.tuples(_TOLD, ids=json.dumps(ids)))


def _next(_: str) -> Executable:
    p = processing.c
    first = (
        select(p.id, p.priority, p.definition_id, p.started_at, p.event_id)
        .where(
            p.task == bindparam("task", type_=Text()),
            literal_column("processing.state = 'waiting'"),
            p.due_at.is_(None),
            p.held_at.is_(None),
            p.launcher_id.is_(None),
        )
        .order_by(p.priority.desc(), p.id)
        .limit(bindparam("n", type_=Integer()))
        .subquery("first")
    )
    size = func.coalesce(func.length(input_.c.body), literal_column("0"))
    joined = first.outerjoin(input_, input_.c.event_id == first.c.event_id)
    columns = (first.c.id, first.c.priority, first.c.definition_id, first.c.started_at, size)
    return select(*columns).select_from(joined).order_by(first.c.priority.desc(), first.c.id)


def _tell(dialect: str) -> Executable:
    ids, p = given_ids(dialect, "ids"), processing.c
    columns = (
        p.id, p.definition_id, event.c.id, event.c.name, event.c.key, event.c.title, event.c.params, input_.c.kind,
        input_.c.form, input_.c.body,
    )  # fmt: skip
    joined = ids.join(processing, p.id == ids.c.id).join(event, event.c.id == p.event_id)
    return select(*columns).select_from(joined.outerjoin(input_, input_.c.event_id == event.c.id))


def _add(dialect: str) -> Executable:
    ids = given_ids(dialect, "ids")
    one: Any = literal_column("1")
    row = select(
        ids.c.id, one, one, bindparam("launcher_id", type_=BigInteger()), literal_column("1.0", Float()),
        bindparam("at", type_=BigInteger()), one,
    )  # fmt: skip
    names = ["processing_id", "ordinal", "number", "launcher_id", "cpus", "claimed_at", "pooled"]
    return insert(attempt).from_select(names, row)


def _succeed(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger(), "began": BigInteger(), "ended": BigInteger()})
    return (
        update(attempt)
        .values(
            outcome=literal_column("'succeeded'"), exit_code=literal_column("0"), started_at=given["began"],
            finished_at=given["ended"],
        )
        .where(
            and_(
                attempt.c.processing_id == given["id"],
                literal_column("attempt.ordinal = 1 AND attempt.number = 1"),
                attempt.c.outcome.is_(None),
            )
        )
    )  # fmt: skip


def _began(dialect: str) -> Executable:
    ids = given_ids(dialect, "ids")
    total = func.coalesce(func.sum(processing.c.started_at), literal_column("0"))
    return select(total).select_from(ids.join(processing, processing.c.id == ids.c.id))


def _locked(dialect: str) -> Executable:
    ids = given_ids(dialect, "ids")
    tables = (schema.lock_hold.c.processing_id, schema.lock_wait.c.processing_id)
    return union_all(*(select(column).where(column.in_(select(ids.c.id))) for column in tables))


def _told(dialect: str) -> Executable:
    ids = given_ids(dialect, "ids")
    return (
        select(processing.c.id)
        .select_from(ids.join(processing, processing.c.id == ids.c.id))
        .where(processing.c.callback.is_not(None))
        .limit(literal_column("1"))
    )


_TELL = Statement(_tell)
_NEXT, _ADD, _SUCCEED, _BEGAN, _LOCKED, _TOLD = (Statement(f) for f in (_next, _add, _succeed, _began, _locked, _told))
