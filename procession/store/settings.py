"""Statements of settings: what a person changes while it runs."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Text, bindparam, delete, select
from sqlalchemy.sql.base import Executable

from procession.model.setting import Setting, Settings
from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import upsert
from procession.store.statement import Statement

_t = schema.setting


def all_of(tx: Tx) -> Settings:
    """Everything that is set now."""
    rows = (Setting(name, json.loads(value), by, reason, at) for name, value, by, reason, at in tx.tuples(_ALL))
    return Settings({row.name: row for row in rows})


def put(tx: Tx, name: str, value: Any, by: str, at: int, reason: str | None = None) -> None:
    """Set one; the newest value counts."""
    tx.run(_PUT, name=name, value=json.dumps(value), by=by, at=at, reason=reason)


def remove(tx: Tx, name: str) -> bool:
    """Reset one to what the file says; False if it was not set."""
    return tx.run(_REMOVE, name=name).rowcount > 0


def _put(dialect: str) -> Executable:
    columns = {name: bindparam(name, type_=_t.c[name].type) for name in ("name", "value", "by", "reason", "at")}
    put_row = upsert(dialect)(_t).values(columns)
    news = {name: put_row.excluded[name] for name in columns if name != "name"}
    return put_row.on_conflict_do_update(index_elements=["name"], set_=news)


_ALL = Statement(lambda _: select(_t.c.name, _t.c.value, _t.c.by, _t.c.reason, _t.c.at).order_by(_t.c.name))
_PUT = Statement(_put)
_REMOVE = Statement(lambda _: delete(_t).where(_t.c.name == bindparam("name", type_=Text())))
