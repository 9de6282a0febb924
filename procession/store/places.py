"""Where processings have their directories: at the place of a launcher, once something of them has begun."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, Text, literal_column, or_, select, update
from sqlalchemy.sql.base import Executable

from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given
from procession.store.statement import Statement, param

processing = schema.processing


def settle(tx: Tx, ids: Iterable[int], place: str) -> None:
    """The directories of these processings are made at this place, if they are nowhere yet. With SQLite there is only
    one place."""
    if tx.dialect != "sqlite":
        tx.write(_SETTLE, [{"id": i, "place": place} for i in sorted(set(ids))])


def settle_all(tx: Tx, place: str) -> None:
    """All that had a directory have it at this place; on SQLite, where there is only one, at none."""
    tx.run(_SETTLE_ALL, place=None if tx.dialect == "sqlite" else place)


def open_at(tx: Tx, place: str) -> list[tuple[int, int]]:
    """Processings that have begun at this place and have not ended: id and definition id."""
    return [(pid, definition_id) for pid, definition_id in tx.tuples(_OPEN_AT, place=place)]


def in_use(tx: Tx) -> set[str]:
    """Places where processings have begun that have not ended."""
    return {place for (place,) in tx.tuples(_IN_USE)}


def unsettle(tx: Tx, ids: Iterable[int]) -> None:
    """What of these is still to be done may be done at any place, in a new directory."""
    tx.write(_UNSETTLE, [{"id": i} for i in sorted(set(ids))])


def _settle(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger(), "place": Text()})
    row = processing.c
    return update(processing).values(place=given["place"]).where(row.id == given["id"], row.place.is_(None))


def _unsettle(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger()})
    return update(processing).values(place=None).where(processing.c.id == given["id"])


def here(dialect: str) -> list[Any]:
    """Of which nothing has begun yet, or whose directory is at the place that is asked for. On SQLite there is only
    one place."""
    if dialect == "sqlite":
        return []
    place = param("place", Text)
    return [or_(place.is_(None), processing.c.place.is_(None), processing.c.place == place)]


_SETTLE, _UNSETTLE = Statement(_settle), Statement(_unsettle)

_BEGUN: Any = literal_column("processing.state IN ('waiting', 'running') AND processing.place IS NOT NULL")

_OPEN_AT = Statement(
    lambda _: (
        select(processing.c.id, processing.c.definition_id)
        .where(_BEGUN, processing.c.place == param("place", Text))
        .order_by(processing.c.id)
    )
)

_SETTLE_ALL = Statement(
    lambda _: update(processing).values(place=param("place", Text)).where(processing.c.place.is_not(None))
)

_IN_USE = Statement(lambda _: select(processing.c.place).where(_BEGUN).distinct())
