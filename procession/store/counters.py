"""Statements of counters: where each stands. It moves only from where the mover saw it (compare and set)."""

from __future__ import annotations

import json

from sqlalchemy import BigInteger, Text, bindparam, delete, func, literal_column, select, update
from sqlalchemy.sql.base import Executable

from procession.model.counting import Position
from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import upsert
from procession.store.statement import Statement

_t = schema.counter


def all_of(tx: Tx) -> dict[str, Position]:
    """Name → where it stands."""
    return {name: Position(last, _pending(text)) for name, last, text in tx.tuples(_ALL)}


def move(tx: Tx, name: str, before: Position | None, after: Position) -> bool:
    """Move a counter from where it was (None: nowhere); False, and nothing is done, where it stands elsewhere now."""
    new = {"name": name, "last": after.last, "pending": _text(after)}
    if before is None:
        return tx.run(_ADD, **new).rowcount > 0
    return tx.run(_MOVE, **new, was=-1 if before.last is None else before.last, waited=_text(before)).rowcount > 0


def remove(tx: Tx, name: str) -> None:
    """It is no longer in the file."""
    tx.run(_REMOVE, name=name)


def _text(position: Position) -> str:
    return json.dumps(sorted(position.pending.items()))


def _pending(text: str) -> dict[int, int]:
    return dict(json.loads(text))


def _add(dialect: str) -> Executable:
    columns = {name: bindparam(name, type_=_t.c[name].type) for name in ("name", "last", "pending")}
    return upsert(dialect)(_t).values(columns).on_conflict_do_nothing()


_ALL = Statement(lambda _: select(_t.c.name, _t.c.last, _t.c.pending).order_by(_t.c.name))
_ADD = Statement(_add)
_MOVE = Statement(
    lambda _: (
        update(_t)
        .values(last=bindparam("last", type_=BigInteger()), pending=bindparam("pending", type_=Text()))
        .where(
            _t.c.name == bindparam("name", type_=Text()),
            func.coalesce(_t.c.last, literal_column("-1")) == bindparam("was", type_=BigInteger()),
            _t.c.pending == bindparam("waited", type_=Text()),
        )
    )
)
_REMOVE = Statement(lambda _: delete(_t).where(_t.c.name == bindparam("name", type_=Text())))
