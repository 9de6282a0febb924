"""Statements and pictures of questions: live attempts that ask a person.

A question is answered once: `answer` writes only where nobody has. What is answered, or over its time, is `due`; the
flow settles it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Text, and_, func, literal_column, or_, select, update

from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import given_rows
from procession.store.statement import Statement, param

_a, _p, _e, _s = schema.attempt, schema.processing, schema.event, schema.step
OPEN: Any = literal_column("attempt.outcome IS NULL AND attempt.asks IS NOT NULL")
"""In the words of `ix_attempt_asks`."""


class Asking(NamedTuple):
    """A question that is open, or answered and not settled yet."""

    processing_id: int
    ordinal: int
    number: int
    task: str
    title: str
    step: str
    definition_id: int
    text: str
    asked_at: int
    until: int | None
    """When its time is over; answered: when it was. None: never."""
    answer: str | None
    """JSON."""
    made_by: str | None
    note: str | None

    @property
    def which(self) -> tuple[int, int, int]:
        """The attempt."""
        return self.processing_id, self.ordinal, self.number

    @property
    def value(self) -> Any:
        """What was answered; None: nothing yet."""
        return None if self.answer is None else json.loads(self.answer)


class Earlier(NamedTuple):
    """An answer that the same step had to an attempt before, which was settled."""

    processing_id: int
    ordinal: int
    number: int
    answer: str
    """JSON."""
    made_by: str | None
    at: int | None
    note: str | None

    @property
    def value(self) -> Any:
        """What was answered."""
        return json.loads(self.answer)


def earlier(tx: Tx, ids: Iterable[int]) -> list[Earlier]:
    """Answers of settled attempts of these processings, the newest first of each step."""
    return [Earlier(*row) for row in tx.each_tuple(_EARLIER, [{"id": i} for i in sorted(set(ids))])]


def answer(tx: Tx, which: tuple[int, int, int], value: Any, by: str, note: str | None, at: int) -> bool:
    """Write the answer to a live question that nobody has answered; say whether there was one."""
    pid, ordinal, number = which
    text = json.dumps(value, ensure_ascii=False)
    tx.wrote = True
    done = tx.run(_ANSWER, pid=pid, ordinal=ordinal, number=number, text=text, by=by, note=note, at=at)
    return done.rowcount == 1


def of(tx: Tx, processing_id: int) -> list[Asking]:
    """Questions of this processing that are not settled."""
    return [Asking(*row) for row in tx.tuples(_OF, id=processing_id)]


def of_all(tx: Tx, ids: Iterable[int]) -> list[Asking]:
    """Questions of these processings that are not settled, as they are now."""
    return [Asking(*row) for row in tx.each_tuple(_OF_ALL, [{"id": i} for i in ids])]


def unanswered(tx: Tx, *, task: str | None = None, after: int = 0, limit: int) -> list[Asking]:
    """Questions that nobody has answered, of processings with larger ids, the oldest first."""
    return [Asking(*row) for row in tx.tuples(_UNANSWERED, task=task, after=after, n=limit)]


def count(tx: Tx) -> dict[str, int]:
    """Task → how many questions nobody has answered."""
    return dict(tx.tuples(_COUNT))


def due(tx: Tx, launcher_id: int | None, now: int, limit: int) -> list[int]:
    """Processings, owned by this launcher (None: by nobody), that have one which is answered, or whose time is over."""
    return [pid for (pid,) in tx.tuples(_DUE, launcher_id=launcher_id, now=now, n=limit)]


def cancelled(tx: Tx, launcher_id: int | None, limit: int) -> list[int]:
    """Processings, owned alike, whose cancel was asked and that have one which nobody has answered."""
    return [pid for (pid,) in tx.tuples(_CANCELLED, launcher_id=launcher_id, n=limit)]


def next_due(tx: Tx, launcher_id: int | None) -> int | None:
    """When the next one's time is over, owned alike; None if none has a time."""
    row = tx.row(_NEXT_DUE, launcher_id=launcher_id)
    return None if row is None else int(row[0])


def open_steps(tx: Tx) -> set[tuple[str, str]]:
    """Tasks and steps of which some question is not answered."""
    return {(task, step) for task, step in tx.tuples(_OPEN_STEPS)}


_COLUMNS = (
    _a.c.processing_id, _a.c.ordinal, _a.c.number, _p.c.task, _e.c.title, _s.c.name, _p.c.definition_id, _a.c.asks,
    _a.c.claimed_at, _a.c.asks_until, _a.c.answer, _a.c.made_by, _a.c.note,
)  # fmt: skip
_JOINED = (
    _a.join(_p, _p.c.id == _a.c.processing_id)
    .join(_e, _e.c.id == _p.c.event_id)
    .join(_s, and_(_s.c.processing_id == _a.c.processing_id, _s.c.ordinal == _a.c.ordinal))
)
_ORDER = (_a.c.processing_id, _a.c.ordinal)
_ALL = select(*_COLUMNS).select_from(_JOINED).where(OPEN)
_ANSWER = Statement(
    lambda _: (
        update(_a)
        .values(
            answer=param("text", Text), made_by=param("by", Text), note=param("note", Text), asks_until=param("at")
        )
        .where(
            _a.c.processing_id == param("pid"), _a.c.ordinal == param("ordinal", Integer),
            _a.c.number == param("number", Integer), OPEN, _a.c.answer.is_(None),
        )
    )
)  # fmt: skip
_OF = Statement(lambda _: _ALL.where(_a.c.processing_id == param("id")).order_by(*_ORDER))
_OF_ALL = Statement(
    lambda dialect: _ALL.where(_a.c.processing_id.in_(select(given_rows(dialect, {"id": BigInteger()}).c.id))).order_by(
        *_ORDER
    )
)
_EARLIER = Statement(
    lambda dialect: (
        select(_a.c.processing_id, _a.c.ordinal, _a.c.number, _a.c.answer, _a.c.made_by, _a.c.finished_at, _a.c.note)
        .where(_a.c.processing_id.in_(select(given_rows(dialect, {"id": BigInteger()}).c.id)))
        .where(_a.c.outcome.is_not(None), _a.c.answer.is_not(None))
        .order_by(_a.c.processing_id, _a.c.ordinal, _a.c.number.desc())
    )
)
_UNANSWERED = Statement(
    lambda _: (
        _ALL.where(
            _a.c.answer.is_(None), _a.c.processing_id > param("after"),
            or_(param("task", Text).is_(None), _p.c.task == param("task", Text)),
        )
        .order_by(*_ORDER)
        .limit(param("n", Integer))
    )
)  # fmt: skip
_COUNT = Statement(
    lambda _: (
        select(_p.c.task, func.count())
        .join_from(_a, _p, _p.c.id == _a.c.processing_id)
        .where(OPEN, _a.c.answer.is_(None))
        .group_by(_p.c.task)
    )
)
_OWNED = _p.c.launcher_id.is_not_distinct_from(param("launcher_id"))
_TIMED: Any = literal_column("attempt.asks_until IS NOT NULL")
_WHOSE = select(_a.c.processing_id).join_from(_a, _p, _p.c.id == _a.c.processing_id).where(_OWNED)
_DUE = Statement(
    lambda _: (
        _WHOSE.where(OPEN, _TIMED, _a.c.asks_until <= param("now")).order_by(_a.c.asks_until).limit(param("n", Integer))
    )
)
_CANCELLED = Statement(
    lambda _: (
        _WHOSE.where(OPEN, _a.c.answer.is_(None), literal_column("processing.cancel_requested_at IS NOT NULL"))
        .where(literal_column("processing.state = 'running'"))
        .order_by(_a.c.processing_id)
        .limit(param("n", Integer))
    )
)
_NEXT_DUE = Statement(
    lambda _: (
        select(_a.c.asks_until)
        .join_from(_a, _p, _p.c.id == _a.c.processing_id)
        .where(literal_column("attempt.outcome IS NULL"), _TIMED, _OWNED)
        .order_by(_a.c.asks_until)
        .limit(1)
    )
)
_OPEN_STEPS = Statement(
    lambda _: select(_p.c.task, _s.c.name).select_from(_JOINED).where(OPEN, _a.c.answer.is_(None)).distinct()
)
