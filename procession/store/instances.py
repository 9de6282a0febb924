"""Statements of instances: processings that are known by their task and key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Integer,
    Select,
    Text,
    exists,
    func,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.sql.base import Executable

from procession.model.processing import Processing
from procession.model.states import State
from procession.model.task import CALL
from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_rows, unindexed
from procession.store.places import here
from procession.store.processings import PICTURE, picture
from procession.store.statement import Statement, param

_p, _key = schema.processing.c, schema.event_key.c


def versions(tx: Tx, task: str, key: str) -> list[int]:
    """Ids of all versions of the instance of this key, oldest first; none if there is no such instance."""
    return [pid for (pid,) in tx.tuples(_VERSIONS, name=CALL + task, key=key, task=task)]


def newest(tx: Tx, task: str, *, state: State | None, before: int | None, limit: int) -> list[Processing]:
    """Instances of a task, newest first, newest versions only; `before` is the id to go on from."""
    query = PICTURE.where(_p.task == task, _p.replaced_by.is_(None), schema.event.c.name == CALL + task)
    if state is not None:
        query = query.where(_p.state == literal_column(f"'{State(state)}'"))
    if before is not None:
        query = query.where(_p.id < before)
    return [picture(row) for row in tx.connection.execute(query.order_by(_p.id.desc()).limit(limit))]


def waiting(tx: Tx, task: str, most: int) -> int:
    """How many processings of a task wait, counted up to `most`."""
    ((count,),) = tx.tuples(_COUNT_WAITING, task=task, n=most)
    return int(count)


def count(tx: Tx, task: str, most: int) -> int:
    """How many processings of a task there are, in whatever state, counted up to `most`."""
    ((n,),) = tx.tuples(_COUNT, task=task, n=most)
    return int(n)


def some(tx: Tx, task: str, limit: int) -> list[int]:
    """Ids of the oldest processings of a task."""
    return [pid for (pid,) in tx.tuples(_SOME, task=task, n=limit)]


def alive(tx: Tx, task: str, limit: int) -> list[int]:
    """Ids of processings of a task that have not ended."""
    return [pid for (pid,) in tx.tuples(_ALIVE, task=task, n=limit)]


def set_retire(tx: Tx, rows: Sequence[dict[str, int]]) -> None:
    """Not before these moments these may go; rows: id, at."""
    tx.write(_SET_RETIRE, rows)


class Due(NamedTuple):
    """One that may go."""

    id: int
    finished_at: int


def due(tx: Tx, now: int, limit: int, leaving: Iterable[int] = (), place: str | None = None) -> list[Due]:
    """Those that may go by now, the longest due first: not pinned, everything of them delivered, and
    their directories, if any, at this place (None: at any)."""
    left = set(leaving)
    rows = tx.tuples(_DUE, now=now, n=limit + len(left), place=place)
    return [Due(pid, at) for pid, at in rows if pid not in left][:limit]


def still_due(tx: Tx, ids: Iterable[int], now: int) -> list[int]:
    """Those of these whose moment has come; somebody may have let one begin again meanwhile."""
    rows = tx.each_tuple(_RETIRE_AT, [{"id": i} for i in ids])
    return [pid for pid, at in rows if at is not None and at <= now]


def _waiting(dialect: str) -> Executable:
    """Both parts by their index; the order names it."""
    runnable: Any = literal_column(
        "(processing.state = 'waiting' AND processing.due_at IS NULL AND processing.held_at IS NULL)"
    )
    later: Any = literal_column(
        "(processing.state = 'waiting' AND (processing.due_at IS NOT NULL OR processing.held_at IS NOT NULL))"
    )
    task, n = param("task", Text), param("n", Integer)
    first = select(_p.id).where(_p.task == task, runnable).order_by(_p.priority.desc(), _p.id).limit(n)
    second = select(_p.id).where(unindexed(dialect, _p.task) == task, later).order_by(_p.due_at).limit(n)
    both = union_all(*(select(part.subquery().c.id) for part in (first, second))).subquery()
    return select(func.count()).select_from(both)


def _of_task() -> Select[Any]:
    return select(_p.id).where(_p.task == param("task", Text)).order_by(_p.id).limit(param("n", Integer))


def _retire_at(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    return select(_p.id, _p.retire_at).select_from(given.join(schema.processing, _p.id == given.c.id))


def _set_retire(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger(), "at": BigInteger()})
    return update(schema.processing).values(retire_at=given["at"]).where(_p.id == given["id"])


_VERSIONS = Statement(
    lambda _: (
        select(_p.id)
        .join_from(schema.event_key, schema.processing, _p.event_id == _key.event_id)
        .where(_key.name == param("name", Text), _key.key == param("key", Text), _p.task == param("task", Text))
        .order_by(_p.id)
    )
)
_COUNT_WAITING = Statement(_waiting)
_COUNT = Statement(lambda _: select(func.count()).select_from(_of_task().subquery()))
_SOME = Statement(lambda _: _of_task())
_ALIVE = Statement(lambda _: _of_task().where(literal_column("processing.state IN ('waiting', 'running')")))
_RETIRE_AT = Statement(_retire_at)
_SET_RETIRE = Statement(_set_retire)
_DUE = Statement(
    lambda dialect: (
        select(_p.id, _p.finished_at)
        .where(
            _p.retire_at.is_not(None),
            _p.retire_at <= param("now"),
            _p.finished_at.is_not(None),
            _p.pinned_at.is_(None),
            *here(dialect),
            ~exists(literal_column("1")).where(
                schema.delivery.c.processing_id == _p.id, schema.delivery.c.due_at.is_not(None)
            ),
        )
        .order_by(_p.retire_at)
        .limit(param("n", Integer))
    )
)
