"""Looking for processings within bounds: what a page lists, counts and goes through, however many there are.

In: a `Query`. Out: processings or their ids, newest first, and where to go on. Always: one call looks at so many rows
at most, by the index that serves the query best; what was not looked at is said (`Window.floor`), never hidden. The ids
of processings grow with time, so a moment bounds ids too. Commands that act ask `queries.py`, which leaves nothing out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, func, literal, literal_column, select, union_all

from procession.clock import micros
from procession.model.processing import Processing
from procession.model.query import Query
from procession.model.term import Batches, Ids, Names, Since, States
from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import unindexed
from procession.store.processings import PICTURE, picture
from procession.store.queries import conditions, needs_event, of_term
from procession.store.statement import Statement

p, event, done = schema.processing.c, schema.event, schema.batch_done.c

LOOKED = 10_000
"""Rows that one call looks at, at most,"""
LOOKED_DEEP = 3_000
"""and where each means to look at its event, too."""
MOST_COUNTED = 10_000
SLACK = 3_600_000_000
"""Microseconds by which clocks of hosts, and a clock that was put back, may make an id and its moment differ."""
NEWEST = 2**63 - 1

_BADLY = frozenset({"failed", "cancelled", "skipped"})
_LIVE: dict[str, tuple[str, ...]] = {
    "running": ("processing.state = 'running'",),
    "waiting": (
        "(processing.state = 'waiting' AND processing.due_at IS NULL AND processing.held_at IS NULL)",
        "(processing.state = 'waiting' AND (processing.due_at IS NOT NULL OR processing.held_at IS NOT NULL))",
    ),
}
"""State → what is in it, in the words of its indexes."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which ids a call looks at: those from `floor` to below `ceiling`."""

    floor: int
    ceiling: int
    whole: bool
    """Is there nothing beyond it?"""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many were found."""

    n: int
    exact: bool
    """Else there are at least so many."""


def page(tx: Tx, query: Query, before: int | None, limit: int) -> tuple[list[Processing], int | None]:
    """Processings that are meant, newest first, and the id before which to go on. A page may be short of `limit`, and
    even empty, though there is more."""
    window = _below(tx, query, before or NEWEST)
    asked = PICTURE.where(*within(tx, query, window)).order_by(_number(tx, query).desc()).limit(limit + 1)
    found = [picture(row) for row in tx.connection.execute(asked)]
    if len(found) > limit:
        return found[:limit], found[limit - 1].id
    return found, None if window.whole else window.floor


def newest(tx: Tx, query: Query, limit: int) -> tuple[list[int], bool]:
    """Ids of the newest that are meant; and is there nothing older?"""
    window = _below(tx, query, NEWEST)
    found = _ids(tx, query, window, limit + 1)
    return found[:limit], window.whole and len(found) <= limit


def count(tx: Tx, query: Query) -> Counted:
    """How many are meant, up to `MOST_COUNTED`."""
    window = _below(tx, query, NEWEST, MOST_COUNTED + 1)
    found = _count(tx, query, window)
    return Counted(min(found, MOST_COUNTED), window.whole and found <= MOST_COUNTED)


def by_state(tx: Tx, query: Query) -> tuple[Counted, dict[str, int]]:
    """How many are meant, up to `MOST_COUNTED`; and of these, state → how many."""
    window = _below(tx, query, NEWEST, MOST_COUNTED + 1)
    inner = (
        _some(query).add_columns(p.state).where(*within(tx, query, window)).limit(MOST_COUNTED + 1).subquery("found")
    )
    found = tx.connection.execute(select(inner.c.state, func.count()).group_by(inner.c.state))
    states = {state: int(n) for state, n in found}
    n = sum(states.values())
    return Counted(min(n, MOST_COUNTED), window.whole and n <= MOST_COUNTED), states


def onwards(tx: Tx, query: Query, after: int, until: int, limit: int) -> tuple[list[int], int, bool]:
    """The next that are meant by their ids, after one and up to one: at most so many; the id after which to go on; and
    is there nothing more? One call looks at `LOOKED` rows at most, in the order of ids, so it may find few or none."""
    term, looked = _in_order(query), LOOKED_DEEP if needs_event(query) else LOOKED
    bounds: list[Any] = [p.id > literal(after), p.id <= literal(until)]
    candidates = select(p.id).where(*bounds, *([] if term is None else [of_term(tx.dialect, term)]))
    n, last = tx.connection.execute(_bounds(candidates.order_by(p.id).limit(looked), func.max)).one()
    if not n:
        return [], until, True
    window: list[Any] = [p.id > literal(after), p.id <= literal(int(last)), *conditions(tx, query)]
    found = list(tx.connection.execute(_some(query).where(*window).order_by(p.id).limit(limit)).scalars())
    if len(found) == limit:
        return found, found[-1], False
    return found, int(last), n < looked


def newest_id(tx: Tx) -> int:
    """The highest id of a processing."""
    return int(tx.run(_LAST["processing"]).scalar_one()) - 1


@dataclass(frozen=True, slots=True)
class Beside:
    """A processing among all that a query means, newest first."""

    newer: int | None
    older: int | None
    place: int | None
    """1: it is the newest; None: nobody can tell within the bounds."""
    of: Counted


def beside(tx: Tx, query: Query, processing_id: int) -> Beside:
    """The next newer and the next older one, and which of how many it is."""
    above = _above(tx, query, processing_id)
    older = _ids(tx, query, _below(tx, query, processing_id), 1)
    newer = _ids(tx, query, above, 1, upwards=True)
    ahead = _count(tx, query, above)
    place = ahead + 1 if above.whole and ahead <= MOST_COUNTED else None
    return Beside(newer[0] if newer else None, older[0] if older else None, place, count(tx, query))


def id_at(tx: Tx, table: str, at: int) -> int:
    """The first id that was born at this moment or later, give or take `SLACK`; found in some twenty steps."""
    probe, last = _PROBE[table], _LAST[table]
    low, high = 0, int(tx.run(last).scalar_one())
    while low < high:
        middle = (low + high) // 2
        row = tx.tuples(probe, id=middle)
        if row and row[0][1] < at - SLACK:
            low = max(middle, row[0][0]) + 1
        else:
            high = middle
    return low


# ── bounds ─────────────────────────────────────────────────────────────────────────────────────────


def window(tx: Tx, query: Query) -> Window:
    """Which ids one call looks at, from the newest on."""
    return _below(tx, query, NEWEST)


def _below(tx: Tx, query: Query, ceiling: int, looked: int | None = None) -> Window:
    """The newest candidates below an id."""
    low, high = _moments(tx, query)
    ceiling = min(ceiling, high)
    looked = LOOKED_DEEP if needs_event(query) else looked or LOOKED
    number = _candidate(tx, query)
    inner = _candidates(tx, query).where(number < literal(ceiling), number >= literal(low))
    inner = inner.order_by(number.desc()).limit(looked)
    n, floor = tx.connection.execute(_bounds(inner, func.min)).one()
    return Window(low if n < looked else int(floor), ceiling, n < looked)


def _above(tx: Tx, query: Query, below: int) -> Window:
    """The oldest candidates above an id."""
    low, high = _moments(tx, query)
    low, looked = max(low, below + 1), LOOKED_DEEP if needs_event(query) else LOOKED
    number = _candidate(tx, query)
    inner = _candidates(tx, query).where(number >= literal(low), number < literal(high)).order_by(number).limit(looked)
    n, ceiling = tx.connection.execute(_bounds(inner, func.max)).one()
    return Window(low, high if n < looked else int(ceiling) + 1, n < looked)


def _bounds(inner: Select[Any], edge: Any) -> Select[Any]:
    some = inner.subquery("candidates")
    return select(func.count(), edge(some.c.id))


def _number(tx: Tx, query: Query) -> Any:
    """The id, in comparisons and orders: of what lives it names no index, since theirs are short, and all is sorted."""
    return unindexed(tx.dialect, p.id) if _live(query) else p.id


def _candidate(tx: Tx, query: Query) -> Any:
    """The id among the candidates."""
    return _number(tx, query) if _batch(query) is None else done.processing_id


def _batch(query: Query) -> Batches | None:
    """The one batch whose processings are meant: they are known by their ids, however many others there are."""
    meant = (each for each in query.terms if isinstance(each, Batches) and not each.negated)
    return next((each for each in meant if len(each.numbers) == 1), None)


def _live(query: Query) -> str | None:
    """The one state that is asked for, if it is one of those that are left."""
    if _batch(query):
        return None
    for term in query.terms:
        if isinstance(term, States) and not term.negated and len(term.states) == 1:
            (state,) = term.states
            return state if state in _LIVE else None
    return None


def _candidates(tx: Tx, query: Query) -> Select[Any]:
    """Ids by one index: everything that is meant, and more."""
    if batch := _batch(query):
        return select(done.processing_id.label("id")).where(done.batch_id == batch.numbers[0])
    if live := _live(query):
        conditions_: list[Any] = [literal_column(each) for each in _LIVE[live]]
        if len(conditions_) > 1:
            both = union_all(*(select(p.id).where(each) for each in conditions_)).subquery("live")
            return select(p.id).where(p.id.in_(select(both.c.id)))
        return select(p.id).where(*conditions_)
    term = _best(query)
    return select(p.id) if term is None else select(p.id).where(of_term(tx.dialect, term))


def _best(query: Query) -> Any:
    """The term whose index leaves least."""
    ranked = sorted(
        (rank, place) for place, term in enumerate(query.terms) if (rank := _rank(term)) is not None
    )  # fmt: skip
    return query.terms[ranked[0][1]] if ranked else None


def _in_order(query: Query) -> Any:
    """The term whose index leaves least, of those whose index has one value, and so the order of ids."""
    term = _best(query)
    single = isinstance(term, Names) and len(term.patterns) == 1
    single = single or (isinstance(term, Batches) and len(term.numbers) == 1)
    return term if single or (isinstance(term, States) and len(term.states) == 1) else None


def _rank(term: Any) -> int | None:
    if term.negated:
        return None
    if isinstance(term, (Ids, Batches)):
        return 0
    if isinstance(term, Names) and not any("*" in each for each in term.patterns):
        return {"cause": 1, "experiment": 2, "source": 3, "task": 5}.get(term.field)
    return 4 if isinstance(term, States) and _BADLY.issuperset(term.states) else None


def _moments(tx: Tx, query: Query) -> tuple[int, int]:
    """The ids that what was created after and before some moments can have."""
    low, high = 0, NEWEST
    for term in query.terms:
        if isinstance(term, Since) and not term.negated:
            if term.field == "after":
                low = max(low, id_at(tx, "processing", micros(term.at)))
            elif term.field != "ended-after":  # what had ended by then was created before
                high = min(high, max(1, id_at(tx, "processing", micros(term.at) + 2 * SLACK)))
    return low, high


# ── asking ─────────────────────────────────────────────────────────────────────────────────────────


def within(tx: Tx, query: Query, window: Window) -> list[Any]:
    """What must hold of those that are meant, in a window."""
    number = _number(tx, query)
    bounds: list[Any] = [number >= literal(window.floor), number < literal(window.ceiling)]
    if _live(query):
        bounds.append(p.id.in_(_candidates(tx, query)))
    if (batch := _batch(query)) is not None:  # of a large one no more ids are read than stand in the window
        some = done.processing_id >= literal(window.floor), done.processing_id < literal(window.ceiling)
        rest = Query(tuple(each for each in query.terms if each is not batch))
        return [*bounds, p.id.in_(_candidates(tx, query).where(*some)), *conditions(tx, rest)]
    return [*bounds, *conditions(tx, query)]


def _some(query: Query) -> Select[Any]:
    joined = schema.processing.join(event, event.c.id == p.event_id) if needs_event(query) else schema.processing
    return select(p.id).select_from(joined)


def _ids(tx: Tx, query: Query, window: Window, limit: int, *, upwards: bool = False) -> list[int]:
    number = _number(tx, query)
    asked = _some(query).where(*within(tx, query, window)).order_by(number.asc() if upwards else number.desc())
    return list(tx.connection.execute(asked.limit(limit)).scalars())


def _count(tx: Tx, query: Query, window: Window) -> int:
    inner = _some(query).where(*within(tx, query, window)).limit(MOST_COUNTED + 1).subquery("found")
    return int(tx.connection.execute(select(func.count()).select_from(inner)).scalar_one())


def _probe(table: Any) -> Statement:
    at = bindparam("id", type_=BigInteger())
    one: Any = literal_column("1")
    return Statement(
        lambda _: select(table.c.id, table.c.created_at).where(table.c.id >= at).order_by(table.c.id).limit(one)
    )


def _last(table: Any) -> Statement:
    return Statement(lambda _: select(func.coalesce(func.max(table.c.id), 0) + literal_column("1")))


_PROBE = {"processing": _probe(schema.processing), "event": _probe(event)}
_LAST = {"processing": _last(schema.processing), "event": _last(event)}
