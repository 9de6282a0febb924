"""Tallies: how much came and how it ended, by the hour.

Counts are net: what leaves a state again (a retry, a deletion) is counted off, so the sum over all hours is what is
there. They are written in the transaction of what they count, and `procession doctor` compares them with the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Float, Text, bindparam, func, select
from sqlalchemy.sql.base import Executable

from procession.store import schema
from procession.store.database import Statement, Tx
from procession.store.dialect import Given, upsert

HOUR = 3_600_000_000
"""Microseconds."""

_t = schema.tally
_ROW = {
    "hour": BigInteger(), "noun": Text(), "name": Text(), "what": Text(), "n": BigInteger(), "seconds": Float(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Count:
    """So many more (or fewer) of something."""

    noun: str
    """``event`` or ``task``."""
    name: str
    what: str
    n: int = 1
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Tallied:
    """What an hour (or all of them together) came to."""

    hour: int
    noun: str
    name: str
    what: str
    n: int
    seconds: float


def ended(task: str, state: str, started_at: int | None, finished_at: int, n: int = 1) -> Count:
    """A processing of this task has ended so (or, with -1, has left that state again); moments in microseconds."""
    seconds = 0.0 if started_at is None else (finished_at - started_at) / 1e6
    return Count("task", task, str(state), n, n * seconds)


def add(tx: Tx, at: int, counts: Iterable[Count]) -> None:
    """Count these at this moment. They are written at the end of the transaction, with all others of it."""
    hour = at // HOUR * HOUR
    tx.gather(_write, [(hour, each) for each in counts])


def _write(tx: Tx, gathered: list[tuple[int, Count]]) -> None:
    """In one order, so that nobody waits in a circle."""
    sums: dict[tuple[str, str, str, int], list[float]] = {}
    for hour, each in gathered:
        found = sums.setdefault((each.noun, each.name, each.what, hour), [0, 0.0])
        found[0] += each.n
        found[1] += each.seconds
    rows = [
        {"hour": hour, "noun": noun, "name": name, "what": what, "n": int(n), "seconds": seconds}
        for (noun, name, what, hour), (n, seconds) in sorted(sums.items())
        if n or seconds
    ]
    tx.write(_ADD, rows)


def since(tx: Tx, noun: str, at: int = 0) -> Sequence[Tallied]:
    """What was counted in every hour that had not ended at this moment."""
    return [Tallied(*row) for row in tx.tuples(_SINCE, noun=noun, hour=at // HOUR * HOUR)]


def totals(tx: Tx, noun: str) -> dict[str, dict[str, int]]:
    """Name → what → how many, over all hours."""
    found: dict[str, dict[str, int]] = {}
    for name, what, n in tx.tuples(_TOTALS, noun=noun):
        found.setdefault(name, {})[what] = int(n)
    return found


def _add(dialect: str) -> Executable:
    given = Given(dialect, _ROW)
    rows = given.select().where(given["name"].is_not(None))  # SQLite needs a WHERE before ON CONFLICT
    put = upsert(dialect)(_t).from_select(list(_ROW), rows)
    return put.on_conflict_do_update(
        index_elements=["noun", "name", "what", "hour"],
        set_={"n": _t.c.n + put.excluded.n, "seconds": _t.c.seconds + put.excluded.seconds},
    )


_noun = bindparam("noun", type_=Text())
_ADD = Statement(_add)
_SINCE = Statement(
    lambda _: (
        select(_t.c.hour, _t.c.noun, _t.c.name, _t.c.what, _t.c.n, _t.c.seconds)
        .where(_t.c.noun == _noun, _t.c.hour >= bindparam("hour", type_=BigInteger()))
        .order_by(_t.c.hour, _t.c.name, _t.c.what)
    )
)
_TOTALS = Statement(
    lambda _: select(_t.c.name, _t.c.what, func.sum(_t.c.n)).where(_t.c.noun == _noun).group_by(_t.c.name, _t.c.what)
)
