"""Statements that count rows: the books and the statistics. They read much, and nothing that must be quick waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Integer, Text, bindparam, func, literal_column, select

from procession.store import schema
from procession.store.database import Tx
from procession.store.statement import Statement
from procession.store.took import took

p, event, attempt, step = schema.processing.c, schema.event.c, schema.attempt.c, schema.step.c


def events(tx: Tx) -> dict[str, tuple[int, int]]:
    """Name → how many events are there, and how often they came again."""
    return {name: (int(n), int(repeats)) for name, n, repeats in tx.tuples(_EVENTS)}


def processings(tx: Tx) -> dict[str, dict[str, int]]:
    """Task → state → how many processings are there; of each the newest version."""
    found: dict[str, dict[str, int]] = {}
    for task, state, n in tx.tuples(_PROCESSINGS):
        found.setdefault(task, {})[state] = int(n)
    return found


def spans(tx: Tx, task: str, since: int, most: int) -> Sequence[tuple[int, str, int]]:
    """Id, state and how many microseconds they took, of the processings of a task that ended last, newest first."""
    return tx.tuples(_SPANS, task=task, since=since, n=most)


def attempts(tx: Tx, task: str, since: int, most: int) -> Sequence[tuple[str, str, int | None, int | None]]:
    """Step, outcome, start and end of the attempts of the processings of a task that ended last."""
    return tx.tuples(_ATTEMPTS, task=task, since=since, n=most)


_ended = (
    p.task == bindparam("task", type_=Text()),
    p.finished_at.is_not(None),
    p.finished_at >= bindparam("since", type_=BigInteger()),
)
_n: Any = bindparam("n", type_=Integer())
_EVENTS = Statement(
    lambda _: select(event.name, func.count(), func.coalesce(func.sum(event.repeats), 0)).group_by(event.name)
)
_PROCESSINGS = Statement(
    lambda _: select(p.task, p.state, func.count()).where(p.replaced_by.is_(None)).group_by(p.task, p.state)
)
_SPANS = Statement(
    lambda _: (
        select(p.id, p.state, took()).where(*_ended, p.started_at.is_not(None)).order_by(p.finished_at.desc()).limit(_n)
    )
)
_last = select(p.id).where(*_ended).order_by(p.finished_at.desc()).limit(_n).subquery("last")
_ATTEMPTS = Statement(
    lambda _: (
        select(step.name, attempt.outcome, attempt.started_at, attempt.finished_at)
        .select_from(
            _last.join(schema.attempt, attempt.processing_id == _last.c.id).join(
                schema.step, (step.processing_id == attempt.processing_id) & (step.ordinal == attempt.ordinal)
            )
        )
        .where(attempt.outcome.is_not(None), attempt.outcome != literal_column("'void'"))
        .order_by(attempt.ordinal)
    )
)
