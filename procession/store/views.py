"""Statements about views: filters of processings that people have given names."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Text, bindparam, delete, select
from sqlalchemy.sql.base import Executable

from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import upsert
from procession.store.statement import Statement

_t = schema.view


class View(NamedTuple):
    """One of them."""

    name: str
    query: str
    """As it was written: relative times stay relative."""
    sort: str
    at: int
    """Microseconds UTC: when it was saved last."""


def of(tx: Tx, account: str) -> list[View]:
    """Those of one person, by name."""
    return list(map(View._make, tx.tuples(_OF, account=account)))


def put(tx: Tx, account: str, view: View) -> None:
    """Write one, or write it anew."""
    tx.run(_PUT, account=account, **view._asdict())


def remove(tx: Tx, account: str, name: str) -> bool:
    """Forget one; False if there is none."""
    return bool(tx.run(_REMOVE, account=account, name=name).rowcount)


def remove_of(tx: Tx, account: str) -> None:
    """Forget those of one person."""
    tx.run(_REMOVE_OF, account=account)


def _text(name: str) -> Any:
    return bindparam(name, type_=Text())


def _put(dialect: str) -> Executable:
    put = upsert(dialect)(_t).values(
        account=_text("account"), name=_text("name"), query=_text("query"), sort=_text("sort"),
        at=bindparam("at", type_=BigInteger()),
    )  # fmt: skip
    said = {name: put.excluded[name] for name in ("query", "sort", "at")}
    return put.on_conflict_do_update(index_elements=["account", "name"], set_=said)


_mine = _t.c.account == _text("account")
_OF = Statement(lambda _: select(*(_t.c[name] for name in View._fields)).where(_mine).order_by(_t.c.name))
_PUT = Statement(_put)
_REMOVE = Statement(lambda _: delete(_t).where(_mine, _t.c.name == _text("name")))
_REMOVE_OF = Statement(lambda _: delete(_t).where(_mine))
