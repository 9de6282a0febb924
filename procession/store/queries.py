"""Queries as SQL: which processings a person means, by `model/query.py`.

In: a `Query`. Out: processings, newest first, or their ids, oldest first. Always: what a person wrote goes into the
database as a bound parameter and never as SQL; both databases give the same answer; where a term can go by an index,
it is written in the words of that index.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, literal_column, not_, or_, select

from procession.clock import micros
from procession.model.processing import Processing
from procession.model.query import Query
from procession.model.states import PROCESSING
from procession.model.term import QUIET, Batches, Ids, Names, Since, States, Term, Versions, Words, plain
from procession.model.wording import TIMETABLE
from procession.store import schema
from procession.store.causes import FAILED_NOW
from procession.store.database import Tx
from procession.store.dialect import contains, json_value, like
from procession.store.processings import PICTURE, picture
from procession.store.questions import OPEN as ASKING

p, event, step, definition = schema.processing.c, schema.event, schema.step, schema.definition
attempt = schema.attempt

Condition = ColumnElement[bool]

_BADLY = frozenset({"failed", "cancelled", "skipped"})
_ENDED_BADLY: Any = literal_column("(processing.state IN ('failed', 'cancelled', 'skipped'))")
"""In the words of `ix_processing_ended`: SQLite uses a partial index only where its very condition stands."""


def find(tx: Tx, query: Query, *, before: int | None, limit: int) -> list[Processing]:
    """The processings that are meant, newest first; `before` is the id to go on from."""
    asked = PICTURE.where(*conditions(tx, query)).order_by(p.id.desc()).limit(limit)
    if before is not None:
        asked = asked.where(p.id < before)
    return [picture(row) for row in tx.connection.execute(asked)]


def ids(
    tx: Tx, query: Query, *, after: int | None = None, until: int | None = None, limit: int | None = None
) -> list[int]:  # fmt: skip
    """The ids of all processings that are meant, oldest first; or those after one and up to one, at most so many."""
    asked: Select[Any] = select(p.id).select_from(
        schema.processing.join(event, event.c.id == p.event_id) if needs_event(query) else schema.processing
    )
    if after is not None:
        asked = asked.where(p.id > after)
    if until is not None:
        asked = asked.where(p.id <= until)
    return list(tx.connection.execute(asked.where(*conditions(tx, query)).order_by(p.id).limit(limit)).scalars())


def needs_event(query: Query) -> bool:
    """Must its event be looked at, to know whether a processing is meant?"""
    return any(
        (isinstance(term, Names) and (term.field in ("event", "key") or term.field.startswith("param.")))
        or (isinstance(term, Words) and not term.field)
        for term in query.terms
    )


def conditions(tx: Tx, query: Query) -> list[Condition]:
    """What must hold, one condition for each term."""
    found = []
    for term in query.terms:
        condition = of_term(tx.dialect, term)
        # what is not known (no key, no end) is not so; turned round it is
        found.append(not_(func.coalesce(condition, false())) if term.negated else condition)
    return found


def of_term(dialect: str, term: Term) -> Condition:
    """What one term asks for, whichever way it is turned."""
    match term:
        case Ids():
            return or_(*(p.id == a if a == b else p.id.between(a, b) for a, b in term.ranges))
        case Versions():
            return p.version.in_(term.numbers)
        case Batches():
            done = schema.batch_done.c
            return p.id.in_(select(done.processing_id).where(done.batch_id.in_(term.numbers)))
        case States():
            return _states(dialect, term)
        case Since():
            column = p.created_at if term.field in ("after", "before") else p.finished_at
            at = micros(term.at)
            return column >= at if term.field.endswith("after") else column < at
        case Words():
            columns = (p.reason,) if term.field else (event.c.title, event.c.key, p.reason)
            return or_(*(contains(dialect, column, term.wanted) for column in columns))
        case Names():
            return _names(dialect, term)


def _states(dialect: str, term: States) -> Condition:
    states = sorted(term.states.intersection(PROCESSING.states))
    found: list[Condition] = []
    if states:
        plain: Any = literal_column(f"processing.state IN ({', '.join(repr(str(s)) for s in states)})")
        if len(states) == 1:
            plain = literal_column(f"processing.state = '{states[0]}'")
        found.append(and_(_ENDED_BADLY, plain) if _BADLY.issuperset(states) and not term.negated else plain)
    if "amber" in term.states:
        found.append(and_(literal_column("processing.state = 'succeeded'"), p.errors > 0))
    if "held" in term.states:
        of_step = exists().where(step.c.processing_id == p.id, step.c.held_at.is_not(None))
        found.append(or_(p.held_at.is_not(None), of_step))
    if "pinned" in term.states:
        found.append(p.pinned_at.is_not(None))
    if "asking" in term.states:
        open_ones = select(attempt.c.processing_id).where(ASKING, attempt.c.answer.is_(None))
        found.append(p.id.in_(open_ones))
    if QUIET in term.states:
        found.append(_quiet(dialect))
    return or_(*found)


def _quiet(dialect: str) -> Condition:
    """It ran by a timetable, went well or skipped the rest by itself, and no processing came of it: children name the
    first version of it."""
    timed = select(definition.c.id).where(like(dialect, json_value(dialect, definition.c.body, "on"), f"{TIMETABLE}*"))
    child = schema.processing.alias("child")
    skipped = and_(literal_column("processing.state = 'skipped'"), p.started_at.is_not(None))  # else it never looked
    return and_(
        or_(literal_column("processing.state = 'succeeded'"), skipped), p.errors == 0, p.definition_id.in_(timed),
        ~exists().where(child.c.origin_id == func.coalesce(p.first_id, p.id)),
    )  # fmt: skip


def _names(dialect: str, term: Names) -> Condition:
    def among(column: ColumnElement[Any]) -> Condition:
        exact = [plain(each) for each in term.patterns if "*" not in each]
        found: list[Condition] = [like(dialect, column, each) for each in term.patterns if "*" in each]
        if exact:
            found.insert(0, column == exact[0] if len(exact) == 1 else column.in_(exact))
        return or_(*found)

    match term.field:
        case "task":
            return among(p.task)
        case "event":
            return among(event.c.name)
        case "key":
            return among(event.c.key)
        case "cause":
            return and_(FAILED_NOW, among(p.cause))
        case "source":
            return and_(p.source.is_not(None), among(p.source))
        case "experiment":
            return and_(p.experiment.is_not(None), among(p.experiment))
        case "step":
            there = step.c.state.in_(("ready", "running", "failed", "cancelled"))
            return exists().where(step.c.processing_id == p.id, there, among(step.c.name))
        case "group":
            group = json_value(dialect, definition.c.body, "group")
            return p.definition_id.in_(select(definition.c.id).where(among(group)))
        case _:
            return among(json_value(dialect, event.c.params, term.field.removeprefix("param.")))
