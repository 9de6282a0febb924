"""Statements and pictures of events and their keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BigInteger, Integer, Text, and_, bindparam, func, literal_column, select, update
from sqlalchemy.engine import Row
from sqlalchemy.sql.base import Executable

from procession.clock import moment
from procession.model.event import Event
from procession.model.wording import TIMETABLE
from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_rows, like
from procession.store.statement import Statement

event, event_key = schema.event, schema.event_key

_EVENT = {c.name: c.type for c in event.c if c.name not in ("repeats", "conflicts")} | {"id": BigInteger()}
_KEY = {"name": Text(), "key": Text(), "event_id": BigInteger(), "payload": Text()}


def add(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Write events; each row has every column but the counts."""
    tx.write(_ADD, rows)


def take_keys(tx: Tx, rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], tuple[int, str]]:
    """Reserve names and keys for new events; return (name, key) → (event id, payload) of those that were taken.

    Rows come sorted by name and key, so that two callers who take the same keys never wait for each other in a circle.
    """
    if tx.write(_TAKE, rows) == len(rows):
        return {}
    ours = {row["event_id"] for row in rows}
    return {where: known for where, known in known_keys(tx, rows).items() if known[0] not in ours}


def known_keys(tx: Tx, rows: Sequence[dict[str, Any]]) -> dict[tuple[str, str], tuple[int, str]]:
    """(name, key) → (event id, payload hash) for those that are taken."""
    found = tx.each_tuple(_KNOWN, rows) if rows else ()
    return {(name, key): (event_id, payload) for name, key, event_id, payload in found}


def count_repeats(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Count repeats and conflicts on the first event; rows: id, repeats, conflicts, at."""
    tx.write(_REPEAT, rows)


def depths(tx: Tx, processing_ids: Iterable[int]) -> dict[int, int]:
    """Processing id → depth of its event, for processings whose scripts emit."""
    return dict(tx.each_tuple(_DEPTHS, [{"id": i} for i in sorted(set(processing_ids))]))


def take_late(tx: Tx, event_ids: Iterable[int]) -> list[int]:
    """Which of these are events that no task has taken; they are taken from now on."""
    asked = [{"id": i} for i in event_ids]
    found = [row.id for row in tx.each(_UNTAKEN, asked)] if asked else []
    tx.write(_TAKEN, [{"id": i} for i in found])
    return found


def find(tx: Tx, event_id: int) -> Event | None:
    """The event with this id, or None (it may have been cleaned away)."""
    row = tx.row(_FIND, id=event_id)
    return None if row is None else picture(row)


def floor(tx: Tx, before: int | None, n: int) -> int | None:
    """The id of the nth newest event below an id; None where there are not so many."""
    asked = select(event.c.id).order_by(event.c.id.desc()).limit(n)
    some = (asked if before is None else asked.where(event.c.id < before)).subquery("some")
    there, lowest = tx.connection.execute(select(func.count(), func.min(some.c.id))).one()
    return lowest if there == n else None


def newest(
    tx: Tx, *, name: str | None, untaken: bool, before: int | None, limit: int, since: int | None = None
) -> list[Event]:  # fmt: skip
    """Events, newest first; `untaken` are those that no task took; `before` is the id to go on from; `since`: none that
    a timetable made, and none below this id."""
    asked = select(event).order_by(event.c.id.desc()).limit(limit)
    if name is not None:
        asked = asked.where(event.c.name == name)
    if untaken:
        asked = asked.where(literal_column("event.taken = 0"))
    if since is not None:
        timed = like(tx.dialect, event.c.name, f"{TIMETABLE}*")
        asked = asked.where(event.c.id >= since, ~timed)
    if before is not None:
        asked = asked.where(event.c.id < before)
    return [picture(row) for row in tx.connection.execute(asked)]


def alone(tx: Tx, event_id: int) -> str | None:
    """The limit of one that each processing of this event takes for itself."""
    row = tx.row(_ALONE, id=event_id)
    return None if row is None else row[0]


def picture(row: Row[Any]) -> Event:
    """A row as an Event."""
    return Event(
        row.id, row.name, row.key, row.title, json.loads(row.params), row.source, moment(row.created_at),
        row.repeats, row.conflicts, moment(row.last_seen_at),
    )  # fmt: skip


def _add(dialect: str) -> Executable:
    return Given(dialect, _EVENT).into(dialect, event)


def _take(dialect: str) -> Executable:
    return Given(dialect, _KEY).into(dialect, event_key).on_conflict_do_nothing()


def _known(dialect: str) -> Executable:
    given = given_rows(dialect, {"name": Text(), "key": Text()})
    same = and_(event_key.c.name == given.c.name, event_key.c.key == given.c.key)
    return select(*(event_key.c[name] for name in _KEY)).select_from(given.join(event_key, same))


def _repeat(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger(), "repeats": Integer(), "conflicts": Integer(), "at": BigInteger()})
    return (
        update(event)
        .values(
            repeats=event.c.repeats + given["repeats"],
            conflicts=event.c.conflicts + given["conflicts"],
            last_seen_at=given["at"],
        )
        .where(event.c.id == given["id"])
    )


def _depths(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    joined = given.join(schema.processing, schema.processing.c.id == given.c.id)
    return select(given.c.id, event.c.depth).select_from(joined.join(event, event.c.id == schema.processing.c.event_id))


_DEPTHS = Statement(_depths)


def _untaken(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    query = (
        select(event.c.id).select_from(given.join(event, event.c.id == given.c.id)).where(event.c.taken == 0)
    ).order_by(event.c.id)
    return query if dialect == "sqlite" else query.with_for_update(of=event)


def _taken(dialect: str) -> Executable:
    return update(event).values(taken=1).where(event.c.id == Given(dialect, {"id": BigInteger()})["id"])


_UNTAKEN, _TAKEN = Statement(_untaken), Statement(_taken)
_ADD, _TAKE, _KNOWN, _REPEAT = Statement(_add), Statement(_take), Statement(_known), Statement(_repeat)
_FIND = Statement(lambda _: select(event).where(event.c.id == bindparam("id", type_=BigInteger())))
_ALONE = Statement(lambda _: select(event.c.alone).where(event.c.id == bindparam("id", type_=BigInteger())))
