"""Statements and pictures of slots: sets that are being collected, and their pieces."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, Text, and_, bindparam, delete, func, literal_column, select, update
from sqlalchemy.sql.base import Executable

from procession.model.pieces import SetPlan
from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_rows, upsert
from procession.store.statement import Statement

_t, _p, _e = schema.slot, schema.piece, schema.event
_NEW = {"name": Text(), "key": Text(), "plan": Text(), "first_at": BigInteger(), "due_at": BigInteger()}
_PIECE = {"slot_id": BigInteger(), "name": Text(), "event_id": BigInteger()}


@dataclass(frozen=True, slots=True)
class Slot:
    """One set that is collected, or was."""

    id: int
    name: str
    """Of the set."""
    key: str
    plan: SetPlan
    """As the file had it when its first piece came."""
    first_at: int
    due_at: int | None
    """When it is no longer waited for; None: for ever."""
    done_at: int | None
    complete: bool | None
    """True: everything wanted came; False: its time was over; None: it is waited for."""
    event_id: int | None
    """What it became."""
    late: int
    """Pieces that came afterwards."""


def open_(tx: Tx, rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], Slot]:
    """The slots of these names and keys, made where there are none, locked until this transaction ends."""
    tx.write(_OPEN, sorted(rows, key=lambda row: (row["name"], row["key"])))
    found = (_picture(row) for row in tx.each_tuple(_FIND, [{"name": r["name"], "key": r["key"]} for r in rows]))
    return {(slot.name, slot.key): slot for slot in found}


def add_pieces(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """These events are pieces; one that is there already stays."""
    tx.write(_ADD, sorted(rows, key=lambda row: (row["slot_id"], row["name"])))


def pieces(tx: Tx, slot_ids: Iterable[int]) -> dict[int, dict[str, int]]:
    """Slot id → name of each piece → its event."""
    found: dict[int, dict[str, int]] = {i: {} for i in slot_ids}
    for slot_id, name, event_id in tx.each_tuple(_PIECES, [{"id": i} for i in found]) if found else ():
        found[slot_id][name] = event_id
    return found


def params_of(tx: Tx, event_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Event id → its parameters, of those that are still there."""
    rows = [{"id": i} for i in event_ids]
    return {i: json.loads(params) for i, params in tx.each_tuple(_PARAMS, rows)} if rows else {}


def close(tx: Tx, slot_id: int, at: int, *, complete: bool, event_id: int | None) -> None:
    """It is no longer waited for."""
    row = {"id": slot_id, "done_at": at, "complete": int(complete), "event_id": event_id}
    tx.write(_CLOSE, [row])


def count_late(tx: Tx, rows: Sequence[dict[str, int]]) -> None:
    """Pieces have come afterwards; rows: id, n."""
    tx.write(_LATE, rows)


def due(tx: Tx, now: int, limit: int) -> list[Slot]:
    """Those whose time is over, the oldest first, locked against everybody else."""
    return [_picture(row) for row in tx.tuples(_DUE, now=now, n=limit)]


def next_due(tx: Tx) -> int | None:
    """When the time of the next one is over."""
    ((at,),) = tx.tuples(_NEXT_DUE)
    return at  # type: ignore[no-any-return]


def newest(tx: Tx, name: str | None, limit: int) -> list[Slot]:
    """Slots, those that are waited for first, then the newest."""
    query = _PICTURE.order_by(_t.c.done_at.is_not(None), _t.c.id.desc()).limit(limit)
    if name is not None:
        query = query.where(_t.c.name == name)
    return [_picture(tuple(row)) for row in tx.connection.execute(query)]


def remove_done(tx: Tx, before: int) -> None:
    """Forget sets that were closed before this moment, with their pieces; the events that they became stay."""
    tx.run(_REMOVE_PIECES, before=before)
    tx.run(_REMOVE_DONE, before=before)


def _picture(row: Sequence[Any]) -> Slot:
    slot_id, name, key, plan, first_at, due_at, done_at, complete, event_id, late = row
    read = SetPlan.from_raw(json.loads(plan))
    whole = None if complete is None else bool(complete)
    return Slot(slot_id, name, key, read, first_at, due_at, done_at, whole, event_id, late)


_PICTURE: Select[Any] = select(
    _t.c.id, _t.c.name, _t.c.key, _t.c.plan, _t.c.first_at, _t.c.due_at, _t.c.done_at, _t.c.complete, _t.c.event_id,
    _t.c.late,
)  # fmt: skip


def _open(dialect: str) -> Executable:
    given = Given(dialect, _NEW)
    rows = given.select().where(given["name"].is_not(None))  # SQLite needs a WHERE before ON CONFLICT
    put = upsert(dialect)(_t).from_select(list(_NEW), rows)
    # an update that changes nothing: it locks the row, so that two who bring the last two pieces come one by one
    return put.on_conflict_do_update(index_elements=["name", "key"], set_={"key": put.excluded.key})


def _find(dialect: str) -> Executable:
    given = given_rows(dialect, {"name": Text(), "key": Text()})
    same = and_(_t.c.name == given.c.name, _t.c.key == given.c.key)
    return _PICTURE.select_from(given.join(_t, same))


def _add(dialect: str) -> Executable:
    given = Given(dialect, _PIECE)
    rows = given.select().where(given["name"].is_not(None))
    return upsert(dialect)(_p).from_select(list(_PIECE), rows).on_conflict_do_nothing()


def _pieces(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    return select(_p.c.slot_id, _p.c.name, _p.c.event_id).select_from(given.join(_p, _p.c.slot_id == given.c.id))


def _params(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    return select(_e.c.id, _e.c.params).select_from(given.join(_e, _e.c.id == given.c.id))


def _close(dialect: str) -> Executable:
    kinds = {"id": BigInteger(), "done_at": BigInteger(), "complete": Integer(), "event_id": BigInteger()}
    given = Given(dialect, kinds)
    values = {name: given[name] for name in kinds if name != "id"}
    return update(_t).values(values).where(_t.c.id == given["id"])


def _late(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger(), "n": Integer()})
    return update(_t).values(late=_t.c.late + given["n"]).where(_t.c.id == given["id"])


def _due(dialect: str) -> Executable:
    now, n = bindparam("now", type_=BigInteger()), bindparam("n", type_=Integer())
    query = _PICTURE.where(_WAITED, _t.c.due_at <= now).order_by(_t.c.due_at).limit(n)
    return query if dialect == "sqlite" else query.with_for_update()


_WAITED: Any = literal_column("(slot.done_at IS NULL)")
_OPEN, _FIND, _ADD, _PIECES = Statement(_open), Statement(_find), Statement(_add), Statement(_pieces)
_PARAMS, _CLOSE, _LATE, _DUE = Statement(_params), Statement(_close), Statement(_late), Statement(_due)
_OVER: Any = _t.c.done_at < bindparam("before", type_=BigInteger())
_REMOVE_PIECES = Statement(lambda _: delete(_p).where(_p.c.slot_id.in_(select(_t.c.id).where(_OVER))))
_REMOVE_DONE = Statement(lambda _: delete(_t).where(_OVER))
_NEXT_DUE = Statement(lambda _: select(func.min(_t.c.due_at)).where(_WAITED))
