"""Statements and pictures of batches: one verb over all that a query finds, done in small pieces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, Text, bindparam, insert, literal_column, select, update

from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given
from procession.store.statement import Statement

_t = schema.batch


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch as it stands."""

    id: int
    verb: str
    query: str
    asked: Mapping[str, Any]
    by: str
    made_at: int
    until_id: int
    cursor: int
    total: int
    done: int
    refused: int
    problems: tuple[tuple[int, str], ...]
    finished_at: int | None
    cancelled_at: int | None


def add(tx: Tx, *, verb: str, query: str, asked: Mapping[str, Any], by: str, at: int, until_id: int, total: int) -> int:
    """Write a new batch; return its id."""
    (batch_id,) = tx.reserve_ids("batch", 1)
    tx.run(
        _ADD, id=batch_id, verb=verb, query=query, asked=json.dumps(asked, ensure_ascii=False), by=by, made_at=at,
        until_id=until_id, total=total,
    )  # fmt: skip
    return batch_id


def find(tx: Tx, batch_id: int) -> Batch | None:
    """The batch with this id, or None."""
    row = tx.row(_FIND, id=batch_id)
    return None if row is None else _picture(row)


def newest(tx: Tx, limit: int) -> list[Batch]:
    """Batches, newest first."""
    return [_picture(row) for row in tx.rows(_NEWEST, n=limit)]


def take_open(tx: Tx) -> Batch | None:
    """The oldest that is at work and that no other launcher has its hands on, locked until this transaction ends."""
    row = tx.row(_OPEN)
    return None if row is None else _picture(row)


def advance(tx: Tx, batch: Batch) -> None:
    """Write how far it is."""
    tx.run(
        _ADVANCE, id=batch.id, cursor=batch.cursor, total=batch.total, done=batch.done, refused=batch.refused,
        problems=json.dumps(batch.problems, ensure_ascii=False), finished_at=batch.finished_at,
    )  # fmt: skip


def add_done(tx: Tx, batch_id: int, processing_ids: Iterable[int]) -> None:
    """Note what a batch has done."""
    tx.write(_ADD_DONE, [{"batch_id": batch_id, "processing_id": pid} for pid in processing_ids])


def cancel(tx: Tx, batch_id: int, at: int) -> bool:
    """Do nothing more of it; False if it has ended."""
    return tx.run(_CANCEL, id=batch_id, at=at).rowcount > 0


def _picture(row: Any) -> Batch:
    problems = tuple((pid, text) for pid, text in json.loads(row.problems or "[]"))
    return Batch(
        row.id, row.verb, row.query, json.loads(row.asked), row.by, row.made_at, row.until_id, row.cursor or 0,
        row.total, row.done, row.refused, problems, row.finished_at, row.cancelled_at,
    )  # fmt: skip


def _open(dialect: str) -> Select[Any]:
    query = select(_t).where(_STANDS).order_by(_t.c.id).limit(literal_column("1"))
    return query if dialect == "sqlite" else query.with_for_update(skip_locked=True)


def _params(**kinds: Any) -> dict[str, Any]:
    return {name: bindparam(name, type_=kind()) for name, kind in kinds.items()}


_id = bindparam("id", type_=BigInteger())
_STANDS: Any = literal_column("(batch.finished_at IS NULL)")
_ADD = Statement(
    lambda _: insert(_t).values(
        _params(
            id=BigInteger,
            verb=Text,
            query=Text,
            asked=Text,
            by=Text,
            made_at=BigInteger,
            until_id=BigInteger,
            total=Integer,
        )
    )
)
_ADD_DONE = Statement(
    lambda dialect: (
        Given(dialect, {"batch_id": BigInteger(), "processing_id": BigInteger()})
        .into(dialect, schema.batch_done)
        .on_conflict_do_nothing()
    )
)
_FIND = Statement(lambda _: select(_t).where(_t.c.id == _id))
_NEWEST = Statement(lambda _: select(_t).order_by(_t.c.id.desc()).limit(bindparam("n", type_=Integer())))
_OPEN = Statement(_open)
_ADVANCE = Statement(
    lambda _: (
        update(_t)
        .values(
            _params(
                cursor=BigInteger, total=Integer, done=Integer, refused=Integer, problems=Text, finished_at=BigInteger
            )
        )
        .where(_t.c.id == _id)
    )
)
_CANCEL = Statement(
    lambda _: (
        update(_t)
        .values(cancelled_at=bindparam("at", type_=BigInteger()), finished_at=bindparam("at", type_=BigInteger()))
        .where(_t.c.id == _id, _STANDS)
    )
)
