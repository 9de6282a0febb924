"""Statements of what programs elsewhere do: attempts that they have claimed, and until when they are believed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Float, Integer, Text, func, insert, literal_column, select, update
from sqlalchemy.sql.base import Executable

from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_rows
from procession.store.statement import Statement, param

_a, _p = schema.attempt.c, schema.processing.c
_NEW = {
    "processing_id": BigInteger(), "ordinal": Integer(), "number": Integer(), "cpus": Float(), "memory": BigInteger(),
    "claimed_at": BigInteger(), "worker": Text(), "claimed_by": Text(), "expires_at": BigInteger(),
}  # fmt: skip


class Claimed(NamedTuple):
    """An attempt that a program elsewhere has claimed."""

    processing_id: int
    ordinal: int
    number: int
    worker: str | None
    """None: no program elsewhere has."""
    claimed_by: str | None
    """The account or token that came with the claim (`Caller.bearer`); None: not known."""
    claimed_at: int
    started_at: int | None
    paused_at: int | None
    expires_at: int | None
    outcome: str | None
    definition_id: int
    cancel_requested_at: int | None
    held_at: int | None

    @property
    def which(self) -> tuple[int, int, int]:
        """Processing id, ordinal and number."""
        return self.processing_id, self.ordinal, self.number


def add(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Write the attempts that a program elsewhere claims; from here they count."""
    tx.write(_ADD, rows)


def find(tx: Tx, which: tuple[int, int, int]) -> Claimed | None:
    """This attempt, whoever claimed it; None if there is none."""
    pid, ordinal, number = which
    row = tx.row(_FIND, processing_id=pid, ordinal=ordinal, number=number)
    return None if row is None else Claimed(*tuple(row))


def begin(tx: Tx, which: tuple[int, int, int], at: int, expires_at: int) -> bool:
    """It starts; False if it is over."""
    return _touch(tx, _BEGIN, which, at=at, expires_at=expires_at)


def beat(tx: Tx, which: tuple[int, int, int], expires_at: int, progress: str | None) -> bool:
    """It has been heard of; False if it is over. Without `progress` what was said of it stays."""
    return _touch(tx, _BEAT, which, expires_at=expires_at, progress=progress)


def pause(tx: Tx, which: tuple[int, int, int], at: int | None) -> bool:
    """It waits by itself since this moment; None: it goes on. False if it is over."""
    return _touch(tx, _PAUSE, which, at=at)


def _touch(tx: Tx, what: Statement, which: tuple[int, int, int], **values: Any) -> bool:
    pid, ordinal, number = which
    return tx.run(what, processing_id=pid, ordinal=ordinal, number=number, **values).rowcount == 1


def live(tx: Tx, processing_ids: Iterable[int]) -> list[Claimed]:
    """Those of these processings that live."""
    asked = [{"id": i} for i in sorted(set(processing_ids))]
    return [Claimed(*row) for row in tx.each_tuple(_LIVE, asked)] if asked else []


def all_live(tx: Tx) -> list[Claimed]:
    """Every one that lives."""
    return [Claimed(*row) for row in tx.tuples(_ALL_LIVE)]


def cancelled(tx: Tx) -> list[Claimed]:
    """Those that live, were cancelled, and have not started."""
    return [Claimed(*row) for row in tx.tuples(_CANCELLED)]


_COLUMNS = (
    _a.processing_id, _a.ordinal, _a.number, _a.worker, _a.claimed_by, _a.claimed_at, _a.started_at, _a.paused_at,
    _a.expires_at, _a.outcome, _p.definition_id, _p.cancel_requested_at, _p.held_at,
)  # fmt: skip
_joined = schema.attempt.join(schema.processing, _p.id == _a.processing_id)
_which = (
    _a.processing_id == param("processing_id"), _a.ordinal == param("ordinal", Integer),
    _a.number == param("number", Integer),
)  # fmt: skip
_alive: Any = literal_column("attempt.outcome IS NULL AND attempt.expires_at IS NOT NULL")


def _live(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    return select(*_COLUMNS).select_from(given.join(_joined, _p.id == given.c.id)).where(_alive)


_ADD = Statement(lambda dialect: insert(schema.attempt).from_select(list(_NEW), Given(dialect, _NEW).select()))
_FIND = Statement(lambda _: select(*_COLUMNS).select_from(_joined).where(*_which))
_BEGIN = Statement(
    lambda _: (
        update(schema.attempt)
        .values(started_at=func.coalesce(_a.started_at, param("at")), expires_at=param("expires_at"))
        .where(*_which, _alive)
    )
)
_BEAT = Statement(
    lambda _: (
        update(schema.attempt)
        .values(expires_at=param("expires_at"), progress=func.coalesce(param("progress", Text), _a.progress))
        .where(*_which, _alive)
    )
)
_PAUSE = Statement(lambda _: update(schema.attempt).values(paused_at=param("at")).where(*_which, _alive))
_LIVE = Statement(_live)
_ALL_LIVE = Statement(lambda _: select(*_COLUMNS).select_from(_joined).where(_alive))
_unstarted = _a.started_at.is_(None) & _p.cancel_requested_at.is_not(None)
_CANCELLED = Statement(lambda _: select(*_COLUMNS).select_from(_joined).where(_alive, _unstarted))
