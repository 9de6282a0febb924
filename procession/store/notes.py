"""Statements about notes on causes. Those on a processing are lines of its journal."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import BigInteger, Text, bindparam, delete, func, insert, literal_column, select

from procession.store import schema
from procession.store.database import Tx
from procession.store.statement import Statement

_t = schema.cause_note

MOST = 100
"""Notes of one cause that are read."""


class Note(NamedTuple):
    """What somebody has noted on a cause."""

    id: int
    at: int
    """Microseconds UTC."""
    by: str
    text: str


def add(tx: Tx, signature: str, at: int, by: str, text: str) -> None:
    """Write one."""
    tx.run(_ADD, signature=signature, at=at, by=by, text=text)


def of(tx: Tx, signature: str) -> tuple[list[Note], int]:
    """The newest of one cause, at most `MOST`, oldest first; and how many there are."""
    newest = list(map(Note._make, tx.tuples(_OF, signature=signature)))
    ((count,),) = tx.tuples(_COUNT, signature=signature)
    return newest[::-1], count


def remove_strays(tx: Tx) -> None:
    """Remove those of causes that are forgotten."""
    tx.run(_REMOVE_STRAYS)


_signature = bindparam("signature", type_=Text())
_ADD = Statement(
    lambda _: insert(_t).values(
        signature=_signature,
        at=bindparam("at", type_=BigInteger()),
        by=bindparam("by", type_=Text()),
        text=bindparam("text", type_=Text()),
    )
)
_OF = Statement(lambda _: select(*(_t.c[name] for name in Note._fields)).where(_t.c.signature == _signature)
                .order_by(_t.c.id.desc()).limit(literal_column(str(MOST))))  # fmt: skip
_COUNT = Statement(lambda _: select(func.count()).select_from(_t).where(_t.c.signature == _signature))
_REMOVE_STRAYS = Statement(lambda _: delete(_t).where(_t.c.signature.not_in(select(schema.cause.c.signature))))
