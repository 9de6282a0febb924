"""Tallies: how much came and how it ended, by the hour, and what all of it comes to.

An hour counts what ended in it and still stands: what a person takes back (a retry, a newer version, a deletion) is
counted off in the hour in which it had ended, so that a number is that of the rows it stands for; what retention cleans
away stays counted. What ran, and ran again, is in the attempts. Beside the
hours there is one sum for each count, that of what is there now, so nobody ever adds up all hours. Both are written in
the transaction of what they count, and `procession doctor` compares them with the rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Float, Text, bindparam, func, literal_column, select
from sqlalchemy.sql.base import Executable

from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_texts, unindexed
from procession.store.statement import Statement
from procession.store.took import took_of

HOUR = 3_600_000_000
"""Microseconds."""
ALL = -1
"""The hour of the sums: what is there now."""

_t = schema.tally
_ROW = {
    "hour": BigInteger(), "noun": Text(), "name": Text(), "what": Text(), "n": BigInteger(), "seconds": Float(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Count:
    """So many more (or fewer) of something."""

    noun: str
    """``event``, ``task`` or ``cause``."""
    name: str
    what: str
    n: int = 1
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Tallied:
    """What an hour came to."""

    hour: int
    noun: str
    name: str
    what: str
    n: int
    seconds: float


def ended(task: str, state: str, started_at: int | None, finished_at: int, n: int = 1, idle: int = 0) -> Count:
    """A processing of this task has ended so (or, with -1, has left that state again); moments in microseconds, and for
    how many of them it had ended before."""
    seconds = 0.0 if started_at is None else took_of(started_at, finished_at, idle) / 1e6
    return Count("task", task, str(state), n, n * seconds)


def add(tx: Tx, at: int, counts: Iterable[Count]) -> None:
    """Count these at this moment. They are written at the end of the transaction, with all others of it."""
    hour = at // HOUR * HOUR
    tx.gather(_write, [(hour, each) for each in counts])


def clear(tx: Tx, counts: Iterable[Count]) -> None:
    """Count what was cleaned away: it is no longer there, and history stays as it was."""
    tx.gather(_write, [(ALL, each) for each in counts])


def _write(tx: Tx, gathered: list[tuple[int, Count]]) -> None:
    """In one order, so that nobody waits in a circle."""
    sums: dict[tuple[str, str, str, int], list[float]] = {}
    for hour, each in gathered:
        for when in {hour, ALL}:
            found = sums.setdefault((each.noun, each.name, each.what, when), [0, 0.0])
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


def by_day(tx: Tx, noun: str, names: Iterable[str], whats: Iterable[str], at: int) -> list[Tallied]:
    """What these names came to in these ways on every day that had not ended at this moment (its first microsecond as
    `hour`); found name by name, since that index has all of it."""
    given = {"names": json.dumps(sorted(names)), "whats": json.dumps(sorted(whats))}
    return [Tallied(*row) for row in tx.tuples(_BY_DAY, noun=noun, hour=at // HOUR * HOUR, **given)]


def by_name(tx: Tx, noun: str, at: int) -> dict[str, dict[str, int]]:
    """Name → what → how many, of the hours that had not ended at this moment; read from the index alone."""
    found: dict[str, dict[str, int]] = {}
    for name, what, n in tx.tuples(_BY_NAME, noun=noun, hour=at // HOUR * HOUR):
        found.setdefault(name, {})[what] = int(n)
    return found


def by_hour(tx: Tx, noun: str, at: int, names: Iterable[str] | None = None) -> dict[int, dict[str, int]]:
    """Hour → what → how many, of all names together or of these, of the hours that had not ended at this moment."""
    found: dict[int, dict[str, int]] = {}
    given = {} if names is None else {"names": json.dumps(sorted(names))}
    for hour, what, n in tx.tuples(_BY_HOUR[bool(given)], noun=noun, hour=at // HOUR * HOUR, **given):
        found.setdefault(hour, {})[what] = int(n)
    return found


def of(tx: Tx, noun: str, name: str, at: int) -> list[tuple[int, str, int]]:
    """Hour, what and how many of one name, of every hour that had not ended at this moment."""
    return tx.tuples(_OF, noun=noun, name=name, hour=at // HOUR * HOUR)


def hours_of(tx: Tx, noun: str, what: str, names: Iterable[str], at: int) -> dict[str, dict[int, int]]:
    """Name → hour → how many of these, of every hour that had not ended at this moment."""
    found: dict[str, dict[int, int]] = {}
    asked = {"noun": noun, "counted": what, "names": json.dumps(list(names)), "hour": at // HOUR * HOUR}
    for name, hour, n in tx.tuples(_HOURS_OF, **asked):
        found.setdefault(name, {})[hour] = int(n)
    return found


def totals(tx: Tx, noun: str) -> dict[str, dict[str, int]]:
    """Name → what → how many there are."""
    found: dict[str, dict[str, int]] = {}
    for name, what, n in tx.tuples(_TOTALS, noun=noun):
        found.setdefault(name, {})[what] = int(n)
    return found


def _add(dialect: str) -> Executable:
    put = Given(dialect, _ROW).into(dialect, _t)
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
_hour = bindparam("hour", type_=BigInteger())


def _by_day(dialect: str) -> Executable:
    day = (_t.c.hour - _t.c.hour % literal_column(str(24 * HOUR))).label("day")
    names, whats = (given_texts(dialect, each) for each in ("names", "whats"))
    return (
        select(day, _t.c.noun, _t.c.name, _t.c.what, func.sum(_t.c.n), func.sum(_t.c.seconds))
        .where(_t.c.noun == _noun, _t.c.name.in_(names), _t.c.what.in_(whats), _t.c.hour >= _hour)
        .group_by(day, _t.c.noun, _t.c.name, _t.c.what)
    )


_BY_DAY = Statement(_by_day)
_BY_NAME = Statement(
    lambda _: (
        select(_t.c.name, _t.c.what, func.sum(_t.c.n))
        .where(_t.c.noun == _noun, _t.c.hour >= _hour)
        .group_by(_t.c.name, _t.c.what)
    )
)


def _by_hour(dialect: str, *, some: bool) -> Executable:
    names = [unindexed(dialect, _t.c.name).in_(given_texts(dialect, "names"))] if some else []
    return (
        select(_t.c.hour, _t.c.what, func.sum(_t.c.n))
        .where(_t.c.noun == _noun, _t.c.hour >= _hour, *names)
        .group_by(_t.c.hour, _t.c.what)
        .order_by(_t.c.hour)
    )


_BY_HOUR = (Statement(lambda dialect: _by_hour(dialect, some=False)), Statement(lambda d: _by_hour(d, some=True)))
_HOURS_OF = Statement(
    lambda dialect: select(_t.c.name, _t.c.hour, _t.c.n).where(
        _t.c.noun == _noun, _t.c.name.in_(given_texts(dialect, "names")),
        _t.c.what == bindparam("counted", type_=Text()), _t.c.hour >= _hour,
    )
)  # fmt: skip
_OF = Statement(
    lambda _: select(_t.c.hour, _t.c.what, _t.c.n).where(
        _t.c.noun == _noun, _t.c.name == bindparam("name", type_=Text()), _t.c.hour >= _hour
    )
)
_TOTALS = Statement(
    lambda _: select(_t.c.name, _t.c.what, _t.c.n).where(_t.c.noun == _noun, _t.c.hour == literal_column(str(ALL)))
)
