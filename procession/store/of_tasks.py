"""What there is of each task: how many of its processings wait and run, and how the last ones ended."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Integer, Text, exists, func, literal_column, select, union_all
from sqlalchemy.sql.base import Executable

from procession.model.states import PROCESSING, State
from procession.store import schema, tallies
from procession.store.claiming import LATER, RUNNABLE
from procession.store.database import Tx
from procession.store.dialect import unindexed
from procession.store.statement import Statement, param

processing, step, attempt = schema.processing, schema.step, schema.attempt


def running_by_task(tx: Tx) -> dict[str, int]:
    """Task → its running processings, counted from rows; those that only wait for their children are not."""
    found = dict(tx.tuples(_RUNNING))
    for task, waiting_for_children in tx.tuples(_ONLY_WAITING):
        found[task] -= waiting_for_children
    return found


def running(tx: Tx) -> dict[str, int]:
    """Task → its running processings, whatever they wait for."""
    return dict(tx.tuples(_RUNNING))


def is_busy(tx: Tx, task: str) -> bool:
    """Does a processing of this task wait or run?"""
    return tx.row(_BUSY, task=task) is not None


def last_end(tx: Tx, task: str) -> int | None:
    """When a processing of this task ended last; None if none has."""
    ((at,),) = tx.tuples(_LAST_END, task=task)
    return at  # type: ignore[no-any-return]


def nth_newest(tx: Tx, task: str, n: int) -> int | None:
    """When the n-th newest event of a task became a processing; versions made later by people do not count."""
    row = tx.row(_NTH_NEWEST, task=task, skip=n - 1)
    return None if row is None else row[0]


def failures_in_a_row(tx: Tx, task: str, since: int, most: int) -> int:
    """How many of the last ends of a task were failures, counted up to `most`, from this moment on."""
    states = [state for (state,) in tx.tuples(_LAST_STATES, task=task, since=since, n=most)]
    return next((n for n, state in enumerate(states) if state != State.FAILED), len(states))


def known(tx: Tx, task: str) -> bool:
    """Has there ever been a processing of this task?"""
    return tx.row(_KNOWN, task=task) is not None


def counts(tx: Tx) -> dict[str, dict[str, int]]:
    """Task → state → how many, newest versions only; states that none is in are left out.

    What waits and runs is counted by short partial indexes; how the others ended was tallied when they did.
    """
    found: dict[str, dict[str, int]] = {}
    for task, what, n in [
        *((task, what, n) for task, whats in tallies.totals(tx, "task").items() for what, n in whats.items()),
        *tx.tuples(_ALIVE),
    ]:
        if what in PROCESSING.states and n:
            states = found.setdefault(task, {})
            states[what] = states.get(what, 0) + n
    return found


_ONLY_WAITING = Statement(
    lambda _: (
        select(processing.c.task, func.count(processing.c.id.distinct()))
        .join_from(attempt, processing, processing.c.id == attempt.c.processing_id)
        .where(
            attempt.c.launcher_id.is_(None),
            attempt.c.worker.is_(None),
            literal_column("attempt.outcome IS NULL"),
            literal_column("processing.state = 'running'"),
            ~exists(literal_column("1")).where(
                step.c.processing_id == processing.c.id,
                step.c.ordinal != attempt.c.ordinal,
                literal_column("step.state IN ('running', 'ready')"),
            ),
        )
        .group_by(processing.c.task)
    )
)

_RUNNING = Statement(
    lambda _: (
        select(processing.c.task, func.count().label("n"))
        .where(literal_column("processing.state = 'running'"))
        .group_by(processing.c.task)
    )
)


def _busy(dialect: str) -> Executable:
    """The orders name the index here, too."""
    p, task = processing.c, param("task", Text)
    runnable = select(p.id).where(p.task == task, RUNNABLE).order_by(p.priority.desc(), p.id)
    later = select(p.id).where(unindexed(dialect, p.task) == task, LATER).order_by(p.due_at)
    running = select(p.id).where(p.task == task, literal_column("processing.state = 'running'"))
    one: Any = literal_column("1")
    parts = (select(part.limit(one).subquery().c.id) for part in (runnable, later, running))
    return union_all(*parts).limit(one)


_BUSY = Statement(_busy)

_LAST_END = Statement(
    lambda _: select(func.max(processing.c.finished_at)).where(
        processing.c.task == param("task", Text), processing.c.finished_at.is_not(None)
    )
)

_NTH_NEWEST = Statement(
    lambda _: (
        select(processing.c.created_at)
        .where(processing.c.task == param("task", Text), processing.c.version == literal_column("1"))
        .order_by(processing.c.id.desc())
        .limit(literal_column("1"))
        .offset(param("skip", Integer))
    )
)

_LAST_STATES = Statement(
    lambda _: (
        select(processing.c.state)
        .where(
            processing.c.task == param("task", Text),
            processing.c.finished_at.is_not(None),
            processing.c.finished_at > param("since"),
            processing.c.replaced_by.is_(None),
            literal_column("processing.state IN ('succeeded', 'failed')"),
        )
        .order_by(processing.c.finished_at.desc(), processing.c.id.desc())
        .limit(param("n", Integer))
    )
)


def _alive(dialect: str) -> Executable:
    """Grouped past the indexes of tasks: SQLite would take one of all that ever were."""
    task = unindexed(dialect, processing.c.task)
    so: tuple[Any, ...] = (literal_column("processing.state = 'running'"), RUNNABLE, LATER)
    return union_all(
        *(select(task, processing.c.state, func.count()).where(each).group_by(task, processing.c.state) for each in so)
    )


_ALIVE = Statement(_alive)

_KNOWN = Statement(
    lambda _: select(processing.c.id).where(processing.c.task == param("task", Text)).limit(literal_column("1"))
)
