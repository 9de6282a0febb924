"""Statements and pictures of sources and experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Text, bindparam, case, func, literal_column, select
from sqlalchemy.sql.base import Executable

from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given, upsert
from procession.store.statement import Statement

_t, _p = schema.source, schema.processing
KINDS = ("source", "experiment")


@dataclass(frozen=True, slots=True)
class Known:
    """A source or an experiment."""

    kind: str
    name: str
    parent: str | None
    """Of an experiment: the source that first named it."""
    first_at: int
    last_at: int | None
    """When the newest processing of it was born; None: there is none any more."""
    processings: int
    waiting: int


def add(tx: Tx, rows: Sequence[tuple[str, str, str | None]], at: int) -> None:
    """Remember these: kind, name, parent; those that are known stay as they are."""
    tx.write(_ADD, [{"kind": k, "name": n, "parent": parent, "first_at": at} for k, n, parent in sorted(rows, key=str)])


def names(tx: Tx, kind: str) -> list[str]:
    """All of this kind."""
    return [name for (name,) in tx.tuples(_NAMES, kind=kind)]


def listed(tx: Tx, kind: str, limit: int) -> list[Known]:
    """Those of this kind, the ones first of which something came last."""
    column = _p.c.source if kind == "source" else _p.c.experiment
    waits = case((literal_column("processing.state = 'waiting'"), literal_column("1")), else_=literal_column("0"))
    there = (
        select(column.label("name"), func.max(_p.c.created_at).label("last"), func.count().label("n"),
               func.sum(waits).label("waiting"))
        .where(column.is_not(None), _p.c.replaced_by.is_(None))
        .group_by(column)
        .subquery("there")
    )  # fmt: skip
    asked = (
        select(_t.c.kind, _t.c.name, _t.c.parent, _t.c.first_at, there.c.last, there.c.n, there.c.waiting)
        .select_from(_t.join(there, there.c.name == _t.c.name, isouter=True))
        .where(_t.c.kind == kind)
        .order_by(func.coalesce(there.c.last, _t.c.first_at).desc(), _t.c.name)
        .limit(limit)
    )
    return [
        Known(kind, name, parent, first, last, n or 0, waiting or 0)
        for kind, name, parent, first, last, n, waiting in tx.connection.execute(asked)
    ]


def _add(dialect: str) -> Executable:
    types: dict[str, Any] = {"kind": Text(), "name": Text(), "parent": Text(), "first_at": BigInteger()}
    given = Given(dialect, types)
    rows = given.select().where(given["kind"].is_not(None))  # SQLite needs a WHERE before ON CONFLICT
    return upsert(dialect)(_t).from_select(list(types), rows).on_conflict_do_nothing()


_ADD = Statement(_add)
_NAMES = Statement(lambda _: select(_t.c.name).where(_t.c.kind == bindparam("kind", type_=Text())).order_by(_t.c.name))
