"""Statements and pictures of attempts: begun, told of while they live, ended once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, Float, Integer, Text, and_, bindparam, func, literal_column, select, update
from sqlalchemy.engine import Row
from sqlalchemy.sql.base import Executable

from procession.clock import moment
from procession.errors import StaleState
from procession.model.outcome import Outcome
from procession.model.processing import Attempt
from procession.store import locks, schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_rows
from procession.store.statement import Statement, param

processing, attempt, launcher = schema.processing, schema.attempt, schema.launcher


_WHICH = {"processing_id": BigInteger(), "ordinal": Integer(), "number": Integer()}

_NEW = {
    **_WHICH,
    "launcher_id": BigInteger(),
    "cpus": Float(),
    "memory": BigInteger(),
    "claimed_at": BigInteger(),
    "code": Text(),
    "surroundings": Text(),
    "pooled": Integer(),
    "gpus": Text(),
    "asks": Text(),
    "asks_until": BigInteger(),
}

_END = {
    **_WHICH,
    **{
        name: attempt.c[name].type
        for name in (
            "outcome", "reason", "started_at", "finished_at", "exit_code", "signal", "errno",
            "max_rss", "cpu_seconds", "log_bytes", "metrics", "errors", "peak_tree", "cause",
        )
    },
}  # fmt: skip

_ACCEPTED = {
    **_WHICH,
    **{n: attempt.c[n].type for n in ("outcome", "note", "made_by", "claimed_at", "finished_at", "cpus")},
}


def add(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Write the attempts that a claim begins; from here they count."""
    tx.write(_ADD, [{"gpus": None, "asks": None, "asks_until": None, **row} for row in rows])


def end(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Give live attempts their outcome; StaleState if one of them has one already. Their locks fall, and they wait
    for none any more."""
    if tx.write(_END_ATTEMPTS, rows) != len(rows):
        raise StaleState("an attempt has ended before")
    locks.fall_of_attempts(tx, [(row["processing_id"], row["ordinal"], row["number"]) for row in rows])


def confirm(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Remember when live attempts were started (rows: processing_id, ordinal, number, started_at)."""
    tx.write(_CONFIRM, rows)


def set_progress(tx: Tx, rows: Sequence[tuple[tuple[int, int, int], str]]) -> None:
    """Keep what live attempts told last of their progress (JSON): which, and the text."""
    tx.write(_SET_PROGRESS, [{**_named(which), "progress": text} for which, text in rows])


def set_paused(tx: Tx, rows: Sequence[tuple[tuple[int, int, int], int | None]]) -> None:
    """Keep since when live attempts wait by their own word: which, and the moment."""
    tx.write(_SET_PAUSED, [{**_named(which), "paused_at": at} for which, at in rows])


def _named(which: tuple[int, int, int]) -> dict[str, Any]:
    return dict(zip(_WHICH, which, strict=True))


def outcomes_since(tx: Tx, processing_id: int, ordinal: int, renewed: int) -> list[Outcome]:
    """Outcomes of a step's ended attempts since its budget was renewed, oldest first."""
    rows = tx.rows(_OUTCOMES, processing_id=processing_id, ordinal=ordinal, renewed=renewed)
    return [Outcome(row.outcome) for row in rows]


def accept(tx: Tx, row: Mapping[str, Any]) -> None:
    """Write the attempt of a person who did a step by hand."""
    tx.write(_ACCEPT, [row])


def live_of(tx: Tx, launcher_ids: Sequence[int]) -> Sequence[Row[Any]]:
    """Live attempts of these launchers: processing_id, ordinal, number, claimed_at, started_at, boot, launcher_id,
    pooled."""
    return tx.each(_LIVE_OF, [{"id": i} for i in launcher_ids]).fetchall() if launcher_ids else ()


def how_many_live(tx: Tx) -> int:
    """How many attempts have no outcome yet."""
    ((n,),) = tx.tuples(_HOW_MANY_LIVE)
    return int(n)


def definition_of_live(tx: Tx, processing_id: int, ordinal: int, number: int) -> int | None:
    """The definition that a live attempt runs by; None if the attempt has an outcome, or there is none."""
    row = tx.row(_DEFINITION_OF_LIVE, processing_id=processing_id, ordinal=ordinal, number=number)
    return None if row is None else row[0]


def adopt(tx: Tx, rows: Sequence[dict[str, Any]], launcher_id: int) -> None:
    """Make live attempts those of another launcher."""
    tx.write(_ADOPT, [{**row, "launcher_id": launcher_id} for row in rows])


def attempt_picture(row: Row[Any]) -> Attempt:
    """A row, with the host of its launcher, as an Attempt."""
    return Attempt(
        row.number, None if row.outcome is None else Outcome(row.outcome), row.reason, row.note, row.made_by,
        moment(row.claimed_at), moment(row.started_at), moment(row.finished_at), row.exit_code, row.signal, row.errno,
        row.max_rss, row.cpu_seconds, row.log_bytes, row.host,
        json.loads(row.code) if row.code else {}, json.loads(row.metrics) if row.metrics else {},
        row.launcher_id, row.memory, row.errors, row.peak_tree,
        json.loads(row.surroundings) if row.surroundings else None, bool(row.pooled),
        row.worker, moment(row.expires_at), moment(row.paused_at), json.loads(row.progress) if row.progress else None,
        row.cause, row.asks, moment(row.asks_until), json.loads(row.answer) if row.answer else None,
    )  # fmt: skip


def _insert(table: Any, types: Mapping[str, Any]) -> Statement:
    return Statement(lambda dialect: Given(dialect, types).into(dialect, table))


def _live(given: Given) -> Any:
    """This very attempt, as long as it has no outcome."""
    return and_(*(attempt.c[name] == given[name] for name in _WHICH), attempt.c.outcome.is_(None))


def _end_attempts(dialect: str) -> Executable:
    given = Given(dialect, _END)
    values: dict[str, Any] = {name: given[name] for name in _END if name not in _WHICH}
    values["started_at"] = func.coalesce(given["started_at"], attempt.c.started_at)
    return update(attempt).values(values).where(_live(given))


def _confirm(dialect: str) -> Executable:
    given = Given(dialect, {**_WHICH, "started_at": BigInteger()})
    return update(attempt).values(started_at=given["started_at"]).where(_live(given))


def _adopt(dialect: str) -> Executable:
    given = Given(dialect, {**_WHICH, "launcher_id": BigInteger()})
    return update(attempt).values(launcher_id=given["launcher_id"]).where(_live(given))


def _set_live(name: str) -> Statement:
    """Set one column of live attempts."""

    def build(dialect: str) -> Executable:
        given = Given(dialect, {**_WHICH, name: attempt.c[name].type})
        return update(attempt).values({name: given[name]}).where(_live(given))

    return Statement(build)


def _live_of(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    columns = (
        attempt.c.processing_id, attempt.c.ordinal, attempt.c.number, attempt.c.claimed_at, attempt.c.started_at,
        attempt.c.launcher_id, launcher.c.boot, attempt.c.pooled,
    )  # fmt: skip
    joined = given.join(attempt, and_(attempt.c.launcher_id == given.c.id, attempt.c.outcome.is_(None)))
    return select(*columns).select_from(joined.join(launcher, launcher.c.id == attempt.c.launcher_id))


_ADD, _ACCEPT = _insert(attempt, _NEW), _insert(attempt, _ACCEPTED)

_END_ATTEMPTS, _CONFIRM, _ADOPT = Statement(_end_attempts), Statement(_confirm), Statement(_adopt)

_SET_PROGRESS, _SET_PAUSED = _set_live("progress"), _set_live("paused_at")

_LIVE_OF = Statement(_live_of)

_OUTCOMES = Statement(
    lambda _: (
        select(attempt.c.outcome)
        .where(
            attempt.c.processing_id == param("processing_id"),
            attempt.c.ordinal == param("ordinal", Integer),
            attempt.c.number > param("renewed", Integer),
            attempt.c.outcome.is_not(None),
        )
        .order_by(attempt.c.number)
    )
)

_DEFINITION_OF_LIVE = Statement(
    lambda _: (
        select(processing.c.definition_id)
        .join_from(attempt, processing, processing.c.id == attempt.c.processing_id)
        .where(
            attempt.c.processing_id == bindparam("processing_id", type_=BigInteger()),
            attempt.c.ordinal == bindparam("ordinal", type_=Integer()),
            attempt.c.number == bindparam("number", type_=Integer()),
            literal_column("attempt.outcome IS NULL"),
        )
    )
)

_HOW_MANY_LIVE = Statement(
    lambda _: select(func.count()).select_from(attempt).where(literal_column("attempt.outcome IS NULL"))
)
