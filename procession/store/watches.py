"""Statements of watches: since when each is known, and how its last look was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, bindparam, delete, select
from sqlalchemy.sql.base import Executable

from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import upsert
from procession.store.statement import Statement

_t = schema.watch


@dataclass(frozen=True, slots=True)
class Stand:
    """How a watch stood at its last look."""

    name: str
    first_at: int
    """When it was first seen."""
    growing: int = 0
    """Files that may not be complete yet."""
    said: str | None = None
    """One of them, and why."""
    problem: str | None = None
    """What could not be looked at."""


def all_of(tx: Tx) -> dict[str, Stand]:
    """Name → how it stands."""
    return {row[0]: Stand(*row) for row in tx.tuples(_ALL)}


def put(tx: Tx, stand: Stand) -> None:
    """Keep how one stands; when it was first seen stays."""
    tx.run(
        _PUT, name=stand.name, first_at=stand.first_at, growing=stand.growing, said=stand.said, problem=stand.problem
    )


def remove(tx: Tx, name: str) -> None:
    """It is no longer in the file."""
    tx.run(_REMOVE, name=name)


def _put(dialect: str) -> Executable:
    kinds: dict[str, Any] = {c.name: c.type for c in _t.c}
    put_row = upsert(dialect)(_t).values({name: bindparam(name, type_=kind) for name, kind in kinds.items()})
    news = {name: put_row.excluded[name] for name in ("growing", "said", "problem")}
    return put_row.on_conflict_do_update(index_elements=["name"], set_=news)


_ALL = Statement(lambda _: select(_t.c.name, _t.c.first_at, _t.c.growing, _t.c.said, _t.c.problem).order_by(_t.c.name))
_PUT = Statement(_put)
_REMOVE = Statement(lambda _: delete(_t).where(_t.c.name == bindparam("name", type_=Text())))
