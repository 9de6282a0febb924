"""What may begin, in the order in which it is claimed: processings that wait for their turn, and steps that are ready.

A processing or step that waits for a moment is not among them; `wake_due` lets it in when the moment has come.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Float, Integer, Text, and_, case, cast, exists, func, literal_column, or_, select, update
from sqlalchemy.sql.base import Executable

from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import given_texts, json_text, unindexed
from procession.store.places import here
from procession.store.statement import Statement, param

processing, step = schema.processing, schema.step


def tasks_waiting(tx: Tx) -> list[str]:
    """Names of the tasks that have processings waiting."""
    return [name for (name,) in tx.tuples(_TASKS_WAITING)]


class Waiting(NamedTuple):
    """A processing that waits for its turn."""

    id: int
    definition_id: int
    priority: int
    started_at: int | None
    """None: it is fresh, and all its steps are pending."""
    waiting_at: int
    wants: str | None
    """As `model/wants.py` reads it."""


def waiting(
    tx: Tx, task: str, launcher_id: int | None, limit: int, passing: Sequence[str] = (), leaving: Iterable[int] = (),
    place: str | None = None, *, common: bool = True, paused: Sequence[str] = (),
) -> list[Waiting]:  # fmt: skip
    """The next waiting processings of a task, in claiming order, but for those that want exactly one of `passing`,
    those whose ids are in `leaving`, those whose directory is elsewhere than at this place (None: at any), and without
    `common` those that want nothing, not even a queue of a name; nor those whose wants begin with one of `paused`."""
    left = [str(pid) for pid in leaving]
    rows = tx.tuples(
        (_WAITING_BUT if left else _WAITING)[launcher_id is not None, bool(passing or paused)],
        task=task, launcher_id=launcher_id, n=limit, passing=json.dumps(list(passing)), leaving=json.dumps(left),
        paused=json.dumps(list(paused)),
        place=place, common=int(common),
    )  # fmt: skip
    return [Waiting(*row) for row in rows]


def wake_due(tx: Tx, now: int) -> None:
    """Steps and processings whose moment has come join those that may begin; since that moment these wait for their
    turn."""
    tx.tuples(_WAKE_STEPS, now=now)
    tx.tuples(_WAKE_PROCESSINGS, now=now)


def next_due(tx: Tx) -> int | None:
    """When the moment of the next one comes; None if none waits for one."""
    ((step_due,),), ((processing_due,),) = tx.tuples(_NEXT_STEP), tx.tuples(_NEXT_PROCESSING)
    return min((due for due in (step_due, processing_due) if due is not None), default=None)


MOST_COUNTED = 1000
"""People are told how many come before up to here; beyond it the number says nothing, and costs."""


def before(tx: Tx, task: str, processing_id: int, priority: int) -> int:
    """How many waiting processings of a task come before this one; counted up to one more than `MOST_COUNTED`."""
    return int(tx.run(_BEFORE, task=task, id=processing_id, priority=priority).scalar_one())


class Ready(NamedTuple):
    """A step of a running processing that may start."""

    processing_id: int
    ordinal: int
    attempt: int
    cpus: float
    priority: int
    task: str
    definition_id: int
    memory: int
    wants: str | None
    ready_at: int | None
    gpus: int = 0


def ready(
    tx: Tx, launcher_id: int | None, free: float, limit: int, passing: Sequence[str] = (), place: str | None = None,
    *, common: bool = True, only: Collection[str] | None = None, queues: Collection[str] | None = None,
    stopped: Collection[str] = (),
) -> list[Ready]:  # fmt: skip
    """Steps of running processings that take at most so many processors and may start, in claiming order, but for
    those that want exactly one of `passing`, those whose directory is elsewhere than at this place (None: at any), and
    without `common` those that want nothing, not even a queue of a name; `only`: of these tasks, of none that is
    `stopped`; `queues`: in these, beside those that want nothing."""
    rows = tx.tuples(
        _ready_steps(launcher_id is not None, bool(passing), only is not None, queues is not None, bool(stopped)),
        launcher_id=launcher_id, free=free, n=limit, passing=json.dumps(list(passing)), place=place,
        common=int(common), only=json.dumps(sorted(only or ())), queues=json.dumps(sorted(queues or ())),
        stopped=json.dumps(sorted(stopped)),
    )  # fmt: skip
    return [Ready(*row) for row in rows]


def wanting(tx: Tx) -> list[tuple[int, int, str]]:
    """Steps of running processings that want something and may start: processing id, ordinal, what they want (text)."""
    return [(pid, ordinal, wants) for pid, ordinal, wants in tx.tuples(_WANTING)]


def _owner(owned: bool) -> Any:
    """Whose processings are meant. Two statements, since IS NOT DISTINCT FROM lets PostgreSQL read all that wait."""
    return processing.c.launcher_id == param("launcher_id") if owned else processing.c.launcher_id.is_(None)


RUNNABLE: Any = literal_column(
    "(processing.state = 'waiting' AND processing.due_at IS NULL AND processing.held_at IS NULL)"
)

LATER: Any = literal_column(
    "(processing.state = 'waiting' AND (processing.due_at IS NOT NULL OR processing.held_at IS NOT NULL))"
)


def _waiting(owned: bool, passing: bool, leaving: bool) -> Statement:
    def build(dialect: str) -> Executable:
        p = processing.c
        query = (
            select(p.id, p.definition_id, p.priority, p.started_at, p.waiting_at, p.wants)
            .where(
                (unindexed(dialect, p.task) if owned else p.task) == param("task", Text),
                literal_column("processing.state = 'waiting'"),
                p.due_at.is_(None),
                p.held_at.is_(None),
                _owner(owned),
                *here(dialect),
                or_(param("common", Integer) == literal_column("1"), p.wants.is_not(None)),
            )
            .order_by(p.priority.desc(), p.id)
            .limit(param("n", Integer))
        )
        if passing:
            paused = given_texts(dialect, "paused").subquery("paused").c[0]
            held = exists(select(paused).where(func.substr(p.wants, 1, func.length(paused)) == paused))
            query = query.where(or_(p.wants.is_(None), and_(p.wants.not_in(given_texts(dialect, "passing")), ~held)))
        return query.where(cast(p.id, Text).not_in(given_texts(dialect, "leaving"))) if leaving else query

    return Statement(build)


_WAITING, _WAITING_BUT = (
    {(owned, passing): _waiting(owned, passing, leaving) for owned in (False, True) for passing in (False, True)}
    for leaving in (False, True)
)

_DUE, _SINCE = processing.c.due_at, processing.c.waiting_at
_WAKE_PROCESSINGS = Statement(
    lambda _: (
        update(processing)
        .values(due_at=None, waiting_at=case((_DUE > _SINCE, _DUE), else_=_SINCE))
        .where(LATER, param("now") >= _DUE)
    )
)

_NEXT_PROCESSING = Statement(lambda _: select(func.min(processing.c.due_at)).where(LATER))

# the order names the index: SQLite would else read all that ever were of the task
_TASKS_WAITING = Statement(
    lambda _: select(schema.task.c.name).where(
        select(processing.c.id)
        .where(processing.c.task == schema.task.c.name, RUNNABLE)
        .order_by(processing.c.priority.desc(), processing.c.id)
        .limit(literal_column("1"))
        .scalar_subquery()
        .is_not(None)
    )
)

_BEFORE = Statement(
    lambda _: select(func.count()).select_from(
        select(processing.c.id)
        .where(
            processing.c.task == param("task", Text),
            RUNNABLE,
            or_(
                processing.c.priority > param("priority", Integer),
                and_(processing.c.priority == param("priority", Integer), processing.c.id < param("id")),
            ),
        )
        .limit(literal_column(str(MOST_COUNTED + 1)))
        .subquery()
    )
)

_READY: Any = literal_column("step.state = 'ready'")

_WAKE_STEPS = Statement(lambda _: update(step).values(due_at=None).where(_READY, step.c.due_at <= param("now")))

_NEXT_STEP = Statement(lambda _: select(func.min(step.c.due_at)).where(_READY, step.c.due_at.is_not(None)))


@cache
def _ready_steps(
    owned: bool, passing: bool, only: bool = False, queues: bool = False, stopped: bool = False
) -> Statement:
    def build(dialect: str) -> Executable:
        query = (
            select(
                step.c.processing_id, step.c.ordinal, step.c.attempt, step.c.cpus, step.c.priority,
                processing.c.task, processing.c.definition_id, step.c.memory, step.c.wants, step.c.ready_at,
                step.c.gpus,
            )
            .join_from(step, processing, processing.c.id == step.c.processing_id)
            .where(
                _READY, step.c.due_at.is_(None), step.c.held_at.is_(None), processing.c.held_at.is_(None),
                _owner(owned), step.c.cpus <= param("free", Float), *here(dialect),
                or_(param("common", Integer) == literal_column("1"), step.c.wants.is_not(None)),
            )
            .order_by(step.c.priority.desc(), step.c.processing_id, step.c.ordinal)
            .limit(param("n", Integer))
        )  # fmt: skip
        if only:
            query = query.where(processing.c.task.in_(given_texts(dialect, "only")))
        if stopped:
            query = query.where(processing.c.task.not_in(given_texts(dialect, "stopped")))
        if queues:
            queue = func.coalesce(json_text(dialect, step.c.wants, "queue"), literal_column("''"))
            query = query.where(or_(step.c.wants.is_(None), queue.in_(given_texts(dialect, "queues"))))
        return (
            query.where(or_(step.c.wants.is_(None), step.c.wants.not_in(given_texts(dialect, "passing"))))
            if passing
            else query
        )

    return Statement(build)


_WANTING = Statement(
    lambda _: (
        select(step.c.processing_id, step.c.ordinal, step.c.wants)
        .where(_READY, step.c.due_at.is_(None), step.c.held_at.is_(None), step.c.wants.is_not(None))
        .limit(literal_column("1000"))
    )
)
