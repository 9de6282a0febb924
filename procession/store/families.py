"""Families: processings, and those of the events that their scripts emitted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, Select, func, literal_column, or_, select

from procession.model.states import PROCESSING, State
from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import given_rows
from procession.store.statement import Statement, param

processing, event, attempt = schema.processing, schema.event, schema.attempt


def origins(tx: Tx, processing_ids: Iterable[int]) -> dict[int, int]:
    """Processing id → the processing whose script emitted its event, for those that have one."""
    rows = tx.each_tuple(_ORIGINS, [{"id": i} for i in processing_ids])
    return {pid: origin for pid, origin in rows if origin is not None}


def children(tx: Tx, processing_id: int) -> list[tuple[int, State]]:
    """The newest versions of the processings of the events that this one emitted: id and state, oldest first.

    Of a later version only events count that came, or came again, since it was born: what an older version alone has
    emitted is none of its business.
    """
    return [(pid, State(state)) for pid, state in tx.tuples(_CHILDREN, id=processing_id)]


def has_children_left(tx: Tx, processing_id: int) -> bool:
    """Has one of its `children` not ended?"""
    return tx.row(_CHILD_LEFT, id=processing_id) is not None


def root(tx: Tx, processing_id: int) -> int:
    """The first version of this processing."""
    row = tx.row(_ROOT, id=processing_id)
    return processing_id if row is None or row.first_id is None else int(row.first_id)


def waiting_for_children(tx: Tx) -> list[tuple[int, int, int]]:
    """Live attempts that nobody claimed, because they wait for children: processing id, ordinal, number."""
    return [(pid, ordinal, number) for pid, ordinal, number in tx.tuples(_FOR_CHILDREN)]


def _children() -> Select[Any]:
    """All versions of a parent share the ids of what they emitted: the origin is the first of them."""
    parent = processing.alias("parent")
    return (
        select(processing.c.id, processing.c.state)
        .join_from(parent, processing, processing.c.origin_id == func.coalesce(parent.c.first_id, parent.c.id))
        .join(event, event.c.id == processing.c.event_id)
        .where(
            parent.c.id == param("id"),
            processing.c.replaced_by.is_(None),
            or_(parent.c.version == literal_column("1"), event.c.last_seen_at >= parent.c.created_at),
        )
    )


_ENDED = ", ".join(f"'{state}'" for state in sorted(PROCESSING.terminal))

_CHILDREN = Statement(lambda _: _children().order_by(processing.c.id))

_CHILD_LEFT = Statement(
    lambda _: _children().where(literal_column(f"processing.state NOT IN ({_ENDED})")).limit(literal_column("1"))
)

_ORIGINS = Statement(
    lambda dialect: select(processing.c.id, processing.c.origin_id).where(
        processing.c.id.in_(select(given_rows(dialect, {"id": BigInteger()}).c.id))
    )
)

_ROOT = Statement(lambda _: select(processing.c.first_id).where(processing.c.id == param("id")))

_FOR_CHILDREN = Statement(
    lambda _: (
        select(attempt.c.processing_id, attempt.c.ordinal, attempt.c.number)
        .where(
            attempt.c.outcome.is_(None),
            attempt.c.launcher_id.is_(None),
            attempt.c.worker.is_(None),
            attempt.c.asks.is_(None),
        )
        .order_by(attempt.c.processing_id, attempt.c.ordinal)
    )
)
