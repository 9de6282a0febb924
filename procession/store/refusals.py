"""Statements of what came and could not be taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, bindparam, delete, insert, select
from sqlalchemy.engine import Row

from procession.store import schema
from procession.store.database import Tx
from procession.store.statement import Statement

_t = schema.refusal

KEPT = 10_000
"""So many of the newest are kept: a source that sends nothing but rubbish does not fill the database."""


def add(tx: Tx, *, at: int, source: str, name: str | None, reason: str, raw: str, size: int) -> None:
    """Keep one; the oldest goes."""
    (new_id,) = tx.reserve_ids("refusal", 1)
    tx.run(_ADD, id=new_id, at=at, source=source, name=name, reason=reason, raw=raw, size=size)
    tx.run(_FORGET, id=new_id - KEPT)


def newest(tx: Tx, limit: int, before: int | None = None) -> Sequence[Row[Any]]:
    """The newest first, from below an id on: id, at, source, name, reason, raw, size."""
    return tx.rows(_NEWEST, limit=limit, before=before or 2**63 - 1)


_ADD = Statement(
    lambda _: insert(_t).values(
        {
            name: bindparam(name, type_=_t.c[name].type)
            for name in ("id", "at", "source", "name", "reason", "raw", "size")
        }
    )
)
_FORGET = Statement(lambda _: delete(_t).where(_t.c.id <= bindparam("id", type_=BigInteger())))
_NEWEST = Statement(
    lambda _: (
        select(_t)
        .where(_t.c.id < bindparam("before", type_=BigInteger()))
        .order_by(_t.c.id.desc())
        .limit(bindparam("limit", type_=BigInteger()))
    )
)
