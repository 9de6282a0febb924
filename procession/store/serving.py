"""Statements on what runs where, and on what stands ready: for people who look at hosts, queues, limits and the disk.

*Always:* each reads live rows by their short indexes, or a bounded number of the newest ones, however much there is.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.sql.base import Executable

from procession.store.database import Tx
from procession.store.statement import Statement

READY_SEEN = 10_000
"""So many steps that stand ready are counted; beyond that they are more than anybody reads."""
LOOKED_BACK = 5_000
"""So many of the newest attempts are looked through for those of a host."""


class Tried(NamedTuple):
    """An attempt, as a host sees it."""

    processing_id: int
    task: str
    ordinal: int
    step: str
    number: int
    launcher_id: int
    launcher: str
    host: str
    claimed_at: int | None
    started_at: int | None
    finished_at: int | None
    outcome: str | None
    reason: str | None
    cpus: float
    memory: int | None
    gpus: str | None


class Standing(NamedTuple):
    """Steps that want the same."""

    wants: str | None
    n: int
    since: int | None


def ready(tx: Tx) -> list[Standing]:
    """Steps that may start, by what they want, and since when the first of each kind waits."""
    return [Standing(*row) for row in tx.tuples(_READY, n=READY_SEEN)]


def running(tx: Tx) -> list[Standing]:
    """Steps of which an attempt lives on a launcher or a program elsewhere, by what they want; one that asks a
    person or waits for children does not run."""
    return [Standing(*row) for row in tx.tuples(_RUNNING)]


def asking(tx: Tx) -> list[Standing]:
    """Steps that ask a person who has not answered, by what they want, and since when the first of each kind does."""
    return [Standing(*row) for row in tx.tuples(_ASKING)]


def live(tx: Tx) -> list[Tried]:
    """Attempts that live and belong to a launcher, the oldest first."""
    return [Tried(*row) for row in tx.tuples(_LIVE)]


def last(tx: Tx, launcher_ids: Collection[int], limit: int) -> list[Tried]:
    """The newest attempts of these launchers, of the last `LOOKED_BACK` of all."""
    return [Tried(*row) for row in tx.tuples(_LAST, ids=json.dumps(sorted(launcher_ids)), seen=LOOKED_BACK, n=limit)]


def database_size(tx: Tx) -> int:
    """Bytes of a database of PostgreSQL."""
    ((size,),) = tx.tuples(_SIZE)
    return int(size)


_COLUMNS = (
    "a.processing_id, p.task, a.ordinal, s.name, a.number, a.launcher_id, l.name, l.host, a.claimed_at, a.started_at,"
    " a.finished_at, a.outcome, a.reason, a.cpus, a.memory, a.gpus"
)
_JOINED = (
    " JOIN launcher l ON l.id = a.launcher_id"
    " JOIN step s ON s.processing_id = a.processing_id AND s.ordinal = a.ordinal"
    " JOIN processing p ON p.id = a.processing_id"
)


def _last(dialect: str) -> Executable:
    given = "SELECT value FROM json_each(:ids)"
    if dialect != "sqlite":
        given = "SELECT value\\:\\:bigint FROM json_array_elements_text(CAST(:ids AS json))"
    newest = "SELECT * FROM attempt ORDER BY processing_id DESC, ordinal DESC, number DESC LIMIT :seen"
    return text(
        f"SELECT {_COLUMNS} FROM ({newest}) AS a{_JOINED} WHERE a.launcher_id IN ({given})"
        " ORDER BY coalesce(a.started_at, a.claimed_at) DESC, a.processing_id DESC, a.ordinal DESC LIMIT :n"
    )


def _said(words: str) -> Any:
    return lambda _: text(words)


_READY = Statement(
    _said(
        "SELECT wants, count(*), min(ready_at) FROM (SELECT wants, ready_at FROM step WHERE state = 'ready'"
        " AND due_at IS NULL AND held_at IS NULL LIMIT :n) AS r GROUP BY wants"
    )
)
_BY_WANTS = (
    "SELECT s.wants, count(*), min(a.claimed_at) FROM attempt a JOIN step s ON s.processing_id = a.processing_id"
    " AND s.ordinal = a.ordinal WHERE a.outcome IS NULL AND {} GROUP BY s.wants"
)
_RUNNING = Statement(_said(_BY_WANTS.format("(a.launcher_id IS NOT NULL OR a.worker IS NOT NULL)")))
_ASKING = Statement(_said(_BY_WANTS.format("a.asks IS NOT NULL AND a.answer IS NULL")))
_LIVE = Statement(
    _said(f"SELECT {_COLUMNS} FROM attempt a{_JOINED} WHERE a.outcome IS NULL ORDER BY a.claimed_at LIMIT 2000")
)
_LAST = Statement(_last)
_SIZE = Statement(_said("SELECT pg_database_size(current_database())"))
