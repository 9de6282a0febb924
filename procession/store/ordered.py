"""Lists in another order than that of ids: by the end, by the duration; bounded as those of `search.py` are.

In: a `Query`, a place in the order, and how many. Out: processings, the last or the longest first, and the place from
which to go on. Always: one call looks at `search.LOOKED` rows at most. By the end it reads along the index of the ends
of each task; durations have no index, so that order is for what lies within a range of time that can be looked at.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import BigInteger, Integer, Text, bindparam, literal, or_, select, text
from sqlalchemy.sql.base import Executable

from procession.clock import micros
from procession.errors import Invalid
from procession.model.processing import Processing
from procession.model.query import Query
from procession.model.term import Names, Since
from procession.store import schema, search
from procession.store.database import Tx
from procession.store.dialect import given_ids
from procession.store.processings import PICTURE, picture
from procession.store.queries import conditions, needs_event
from procession.store.statement import Statement
from procession.store.took import took

p = schema.processing.c


class Place(NamedTuple):
    """Where one stands in an order: what it goes by, and the id, for what is equal in that."""

    by: int
    """Microseconds: the end, or the duration."""
    id: int


FIRST = Place(2**62, search.NEWEST)


def by_end(tx: Tx, query: Query, after: Place | None, limit: int) -> tuple[list[Processing], Place | None]:
    """What has ended, the last first. A page may be short of `limit`, and even empty, though there is more."""
    names = _tasks(tx, query)
    if not names:
        return [], None
    looked = search.LOOKED_DEEP if needs_event(query) else search.LOOKED
    each = max(1, looked // len(names))
    start = after or FIRST
    rows = tx.tuples(_ENDED, tasks=json.dumps(names), at=start.by, id=start.id, since=_since(query), n=each)
    along = [[Place(*map(int, one.split(":"))) for one in (told or "").split()] for (told,) in rows]
    edge = max((min(some) for some in along if len(some) >= each), default=None)
    near = [place for some in along for place in some if edge is None or place >= edge]
    found = _those(tx, query, [place.id for place in near])
    shown = sorted((place for place in near if place.id in found), reverse=True)
    more = shown[limit - 1] if len(shown) > limit else edge
    return [found[place.id] for place in shown[:limit]], more


def by_duration(tx: Tx, query: Query, after: Place | None, limit: int) -> tuple[list[Processing], Place | None]:
    """What has ended, that which took longest first; Invalid where too many are meant to be looked at."""
    if not any(isinstance(term, Since) and not term.negated and term.field.endswith("after") for term in query.terms):
        raise Invalid("durations are ordered within a range of time; add one, as after:-7d")
    window = search.window(tx, query)
    if not window.whole:
        raise Invalid(
            "too many processings lie in this range to be ordered by their durations; make it shorter or add task:NAME"
        )
    spent = took()
    asked = PICTURE.where(*search.within(tx, query, window), p.finished_at.is_not(None), p.started_at.is_not(None))
    if after is not None:
        asked = asked.where(or_(spent < literal(after.by), (spent == literal(after.by)) & (p.id < literal(after.id))))
    rows = tx.connection.execute(asked.order_by(spent.desc(), p.id.desc()).limit(limit + 1)).all()
    shown = [picture(row) for row in rows[:limit]]
    if len(rows) <= limit:
        return shown, None
    last = shown[-1]
    assert last.finished_at is not None and last.started_at is not None
    spent_last = max(timedelta(), last.finished_at - last.started_at - last.idle)
    return shown, Place(spent_last // timedelta(microseconds=1), last.id)


def _tasks(tx: Tx, query: Query) -> list[str]:
    """Names of the tasks that are meant and of which something has ended."""
    known = [name for (name,) in tx.tuples(_TASKS)]
    for term in query.terms:
        if isinstance(term, Names) and term.field == "task" and not (term.negated or "*" in "".join(term.patterns)):
            known = [name for name in known if name in term.patterns]
    return known


def _since(query: Query) -> int:
    """Nothing that ended before that is meant."""
    terms = (term for term in query.terms if isinstance(term, Since) and not term.negated)
    return max((micros(term.at) for term in terms if term.field.endswith("after")), default=0)


def _those(tx: Tx, query: Query, ids: Sequence[int]) -> dict[int, Processing]:
    """Of these, those that are meant."""
    given = given_ids(tx.dialect, "ids")
    asked = PICTURE.where(p.id.in_(select(given.c.id)), *conditions(tx, query))
    return {row.id: picture(row) for row in tx.connection.execute(asked, {"ids": json.dumps(list(ids))})}


# ── statements ─────────────────────────────────────────────────────────────────────────────────────


def _tasks_ended(_: str) -> Executable:
    """From name to name along the index, however many there are of each."""
    return text(
        "WITH RECURSIVE t(name) AS (SELECT MIN(task) FROM processing WHERE finished_at IS NOT NULL UNION ALL"
        " SELECT (SELECT MIN(p.task) FROM processing p WHERE p.finished_at IS NOT NULL AND p.task > t.name) FROM t"
        " WHERE t.name IS NOT NULL) SELECT name FROM t WHERE name IS NOT NULL"
    )


def _ended(dialect: str) -> Executable:
    sqlite = dialect == "sqlite"
    source = "json_each(:tasks) g" if sqlite else "jsonb_array_elements_text(CAST(:tasks AS jsonb)) AS g(value)"
    told = "r.at || ':' || r.id"
    join = f"group_concat({told}, ' ')" if sqlite else f"string_agg({told}, ' ' ORDER BY r.at DESC, r.id DESC)"
    asked = text(
        f"SELECT (SELECT {join} FROM (SELECT p.id AS id, p.finished_at AS at FROM processing p"
        " WHERE p.task = g.value AND p.finished_at IS NOT NULL AND p.finished_at <= :at AND p.finished_at >= :since"
        " AND (p.finished_at < :at OR p.id < :id) ORDER BY p.finished_at DESC, p.id DESC LIMIT :n) AS r)"
        f" FROM {source}"
    )
    return asked.bindparams(
        bindparam("tasks", type_=Text()), bindparam("at", type_=BigInteger()), bindparam("id", type_=BigInteger()),
        bindparam("since", type_=BigInteger()), bindparam("n", type_=Integer()),
    )  # fmt: skip


_TASKS, _ENDED = Statement(_tasks_ended), Statement(_ended)
