"""Statements and pictures of deliveries: what is to be sent out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, Text, and_, exists, func, literal_column, select, update

from procession.model.delivery import Delivery
from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given
from procession.store.statement import Statement, param

_t = schema.delivery
_ROW = {"kind": Text(), "processing_id": BigInteger(), "target": Text(), "body": Text(), "made_at": BigInteger(),
        "due_at": BigInteger()}  # fmt: skip
_PICTURE = (
    _t.c.id, _t.c.kind, _t.c.processing_id, _t.c.target, _t.c.body, _t.c.made_at, _t.c.due_at, _t.c.tries,
    _t.c.done_at, _t.c.problem,
)  # fmt: skip


def add(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Write deliveries, due at once; rows: kind, processing_id, target, body, made_at, due_at."""
    tx.write(_ADD, rows)


def due(tx: Tx, now: int, limit: int, but: Collection[str] = ()) -> list[Delivery]:
    """The next ones, the longest due first: of each processing only the oldest that is not over; none whose target
    begins with one of `but`, each a scheme and a host."""
    query, begins = _due, _t.c.target + "/"
    for beginning in but:
        query = query.where(func.substr(begins, 1, len(beginning) + 1).not_in([f"{beginning}/", f"{beginning}?"]))
    return [_picture(tuple(row)) for row in tx.connection.execute(query, {"now": now, "n": limit})]


def next_due(tx: Tx) -> int | None:
    """When the next try of any is due."""
    row = tx.row(_NEXT)
    return None if row is None else int(row.due_at)


def begin(tx: Tx, found: Delivery, until: int) -> bool:
    """A try begins: nobody else makes it before `until`. False: somebody else has it."""
    return tx.run(_BEGIN, id=found.id, due_at=found.due_at, until=until).rowcount == 1


def arrived(tx: Tx, delivery_id: int, number: int, until: int, at: int) -> bool:
    """The try of this number and lease was taken; False: it is not the present one, and nothing is changed."""
    return tx.run(_ARRIVED, id=delivery_id, number=number, until=until, at=at).rowcount == 1


def failed(tx: Tx, delivery_id: int, number: int, until: int, problem: str, due_at: int | None) -> bool:
    """The try of this number and lease has failed; the next is due then, or it is over. False: it is not the present
    one, and nothing is changed."""
    return tx.run(_FAILED, id=delivery_id, number=number, until=until, problem=problem, due_at=due_at).rowcount == 1


def again(tx: Tx, delivery_id: int, at: int) -> None:
    """All tries anew, the first at this moment."""
    tx.run(_AGAIN, id=delivery_id, at=at)


def find(tx: Tx, delivery_id: int) -> Delivery | None:
    """The delivery with this id, or None."""
    return next((_picture(row) for row in tx.tuples(_FIND, id=delivery_id)), None)


def newest(tx: Tx, *, failed_only: bool, before: int | None, limit: int) -> list[Delivery]:
    """The newest first; `failed_only`: those that were given up."""
    query: Select[Any] = select(*_PICTURE).order_by(_t.c.id.desc()).limit(limit)
    if failed_only:
        query = query.where(_t.c.due_at.is_(None), _t.c.done_at.is_(None))
    if before is not None:
        query = query.where(_t.c.id < before)
    return [_picture(tuple(row)) for row in tx.connection.execute(query)]


def any_given_up(tx: Tx, task: str) -> bool:
    """Was one of a processing of this task given up?"""
    return tx.row(_GIVEN_UP, task=task) is not None


def _picture(row: Sequence[Any]) -> Delivery:
    pid, kind, processing_id, target, text, *rest = row
    return Delivery(pid, kind, processing_id, target, text or "", *rest)


_earlier = _t.alias("earlier")
_of = _t.c.id == param("id")
_this = and_(_of, _t.c.tries == param("number", Integer), _t.c.due_at == param("until"))
_ADD = Statement(lambda dialect: schema.delivery.insert().from_select(list(_ROW), Given(dialect, _ROW).select()))
_due: Select[Any] = (
    select(*_PICTURE)
    .where(
        _t.c.due_at <= param("now"),
        ~exists(literal_column("1")).where(
            _earlier.c.processing_id == _t.c.processing_id, _earlier.c.id < _t.c.id, _earlier.c.due_at.is_not(None)
        ),
    )
    .order_by(_t.c.due_at)
    .limit(param("n", Integer))
)
_NEXT = Statement(
    lambda _: select(_t.c.due_at).where(_t.c.due_at.is_not(None)).order_by(_t.c.due_at).limit(literal_column("1"))
)
_BEGIN = Statement(
    lambda _: (
        update(_t)
        .values(due_at=param("until"), tries=_t.c.tries + literal_column("1"))
        .where(_of, _t.c.due_at == param("due_at"))
    )
)
_ARRIVED = Statement(lambda _: update(_t).values(done_at=param("at"), due_at=None, problem=None).where(_this))
_FAILED = Statement(lambda _: update(_t).values(problem=param("problem", Text), due_at=param("due_at")).where(_this))
_AGAIN = Statement(lambda _: update(_t).values(due_at=param("at"), tries=literal_column("0"), done_at=None).where(_of))
_FIND = Statement(lambda _: select(*_PICTURE).where(_of))
_GIVEN_UP = Statement(
    lambda _: (
        select(_t.c.id)
        .join_from(_t, schema.processing, schema.processing.c.id == _t.c.processing_id)
        .where(_t.c.due_at.is_(None), _t.c.done_at.is_(None), schema.processing.c.task == param("task", Text))
        .limit(literal_column("1"))
    )
)
