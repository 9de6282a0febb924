"""Statements of cancels that came before their events.

The key of such a cancel is taken in `event_key` by the event `NOBODY`, so that whoever brings the event meets it there
and nowhere else, whatever comes first and at whatever moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Text, and_, delete, insert, literal_column, select, update
from sqlalchemy.sql.base import Executable

from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_rows
from procession.store.statement import Statement, param

NOBODY = 0
"""The id of no event: it holds the keys of events that are cancelled and have not come."""
SWEPT = 500
"""So many that have served go with one that is new."""

_t, _k = schema.tombstone.c, schema.event_key.c


class Tombstone(NamedTuple):
    """One row."""

    name: str
    key: str
    at: int
    until_at: int
    by: str
    reason: str | None
    event_id: int | None


def add(
    tx: Tx, *, name: str, key: str, at: int, until_at: int, by: str, reason: str | None, event_id: int | None
) -> None:
    """Write one in place of any that there was; those that have served go."""
    tx.run(_REMOVE, name=name, key=key)
    tx.run(_ADD, name=name, key=key, at=at, until_at=until_at, by=by, reason=reason, event_id=event_id)
    sweep(tx, at)


def sweep(tx: Tx, at: int) -> bool:
    """Remove those that have served at this moment, and let their keys go; False: there was none."""
    served = [Tombstone(*row) for row in tx.tuples(_SERVED, now=at, n=SWEPT)]
    tx.write(_FREE, [{"name": each.name, "key": each.key} for each in served])
    for each in served:
        tx.run(_REMOVE, name=each.name, key=each.key)
    return bool(served)


def hold(tx: Tx, name: str, key: str) -> bool:
    """Let nobody else take this key, which `NOBODY` has, until the transaction ends; False: it has just been taken."""
    return tx.run(_HOLD, name=name, key=key).rowcount > 0


def come(tx: Tx, rows: Sequence[dict[str, Any]]) -> bool:
    """Events have come whose keys nobody holds: name, key, event_id, payload. False: somebody else was quicker."""
    if tx.write(_TAKE_OVER, rows) != len(rows):
        return False
    for row in rows:
        tx.run(_COME, name=row["name"], key=row["key"], event_id=row["event_id"])
    return True


def of(tx: Tx, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Tombstone]:
    """Those of these names and keys, whether they still hold or not."""
    asked = [{"name": name, "key": key} for name, key in keys]
    found = (Tombstone(*row) for row in tx.each_tuple(_OF, asked)) if asked else ()
    return {(each.name, each.key): each for each in found}


def _take_over(dialect: str) -> Executable:
    given = Given(dialect, {"name": Text(), "key": Text(), "event_id": BigInteger(), "payload": Text()})
    return (
        update(schema.event_key)
        .values(event_id=given["event_id"], payload=given["payload"])
        .where(_k.name == given["name"], _k.key == given["key"], _k.event_id == literal_column("0"))
    )


def _free(dialect: str) -> Executable:
    given = Given(dialect, {"name": Text(), "key": Text()})
    return delete(schema.event_key).where(
        _k.name == given["name"], _k.key == given["key"], _k.event_id == literal_column("0")
    )


def _of(dialect: str) -> Executable:
    given = given_rows(dialect, {"name": Text(), "key": Text()})
    same = and_(_t.name == given.c.name, _t.key == given.c.key)
    return select(schema.tombstone).select_from(given.join(schema.tombstone, same))


def _served(dialect: str) -> Executable:
    """Both rows are locked; what somebody else is just about to renew, or to take over, is left to them."""
    both = schema.tombstone.join(schema.event_key, and_(_k.name == _t.name, _k.key == _t.key))
    query = (
        select(schema.tombstone)
        .select_from(both)
        .where(_t.until_at < param("now"))
        .order_by(_t.until_at)
        .limit(param("n", Integer))
    )
    return query if dialect == "sqlite" else query.with_for_update(skip_locked=True)


_this = and_(_t.name == param("name", Text), _t.key == param("key", Text))
_TAKE_OVER, _FREE, _OF, _SERVED = Statement(_take_over), Statement(_free), Statement(_of), Statement(_served)
_ADD = Statement(lambda _: insert(schema.tombstone).values({c.name: param(c.name, type(c.type)) for c in _t}))
_REMOVE = Statement(lambda _: delete(schema.tombstone).where(_this))
_HOLD = Statement(
    lambda _: (
        update(schema.event_key)
        .values(event_id=literal_column("0"))
        .where(_k.name == param("name", Text), _k.key == param("key", Text), _k.event_id == literal_column("0"))
    )
)
_COME = Statement(lambda _: update(schema.tombstone).values(event_id=param("event_id")).where(_this))
