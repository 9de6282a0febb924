"""Statements and pictures of launchers: who serves this project, since when, and whether they are still heard of."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import (
    Float,
    Integer,
    Text,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.engine import Row

from procession.store import schema
from procession.store.database import Tx
from procession.store.statement import Statement, param

_t = schema.launcher


def add(
    tx: Tx, *, name: str, kind: str, host: str, place: str, pid: int, boot: str, at: int, cpus: float,
    memory: int | None = None, labels: Collection[str] = (), queues: Collection[str] = ("",), gpus: int = 0,
    var: str | None = None, lost_after: float | None = None, version: str | None = None,
) -> int:  # fmt: skip
    """Write a launcher that starts now, with what it may use; return its id."""
    (launcher_id,) = tx.reserve_ids("launcher", 1)
    tx.run(
        _ADD, id=launcher_id, name=name, kind=kind, host=host, place=place, pid=pid, boot=boot, cpus=cpus, at=at,
        memory=memory, labels=json.dumps(sorted(labels)), queues=json.dumps(sorted(queues)),
        gpus=gpus, var=var, lost_after=lost_after, version=version,
    )  # fmt: skip
    return launcher_id


def beat(tx: Tx, launcher_id: int, at: int) -> None:
    """Say that it is alive: one beat more, which others watch by their own clocks."""
    tx.run(_BEAT, id=launcher_id, at=at)


def last_beat(tx: Tx, but: int) -> int | None:
    """The last sign of life of any launcher but this one; None if there was none."""
    ((at,),) = tx.tuples(_LAST_BEAT, id=but)
    return at  # type: ignore[no-any-return]


def stop(tx: Tx, launcher_id: int, at: int) -> None:
    """Say that it has stopped, or is gone; when it was heard of last stays as it is."""
    tx.run(_STOP, id=launcher_id, at=at)


def close(tx: Tx, launcher_id: int, word: str) -> None:
    """Say that it starts nothing any more: ``drain`` or ``kill``."""
    tx.run(_CLOSE, id=launcher_id, word=word)


def set_url(tx: Tx, launcher_id: int, url: str) -> None:
    """Say where it answers."""
    tx.run(_SET_URL, id=launcher_id, url=url)


def set_capacity(
    tx: Tx, launcher_id: int, *, cpus: float, memory: int | None, labels: Collection[str], queues: Collection[str],
    gpus: int,
) -> None:  # fmt: skip
    """Say what it may use from now on."""
    tx.run(
        _SET_CAPACITY, id=launcher_id, cpus=cpus, memory=memory, labels=json.dumps(sorted(labels)),
        queues=json.dumps(sorted(queues)), gpus=gpus,
    )  # fmt: skip


def not_stopped(tx: Tx) -> Sequence[Row[Any]]:
    """Launchers that have not said that they stopped, oldest first: every column."""
    return tx.rows(_NOT_STOPPED)


def elsewhere(tx: Tx, place: str) -> Sequence[Row[Any]]:
    """Launchers of other places that own live attempts or have not said that they stopped, oldest first."""
    return tx.rows(_ELSEWHERE, place=place)


def names(tx: Tx) -> list[str]:
    """What the launchers are called that serve, or have served lately."""
    return sorted({row.name for row in [*not_stopped(tx), *newest(tx, 100)]})


def version(tx: Tx, launcher_id: int) -> str | None:
    """The version of Procession that a launcher runs or ran; None where it is not known."""
    row = tx.row(_VERSION, id=launcher_id)
    return None if row is None else row[0]


def newest(tx: Tx, limit: int) -> Sequence[Row[Any]]:
    """Those that started last, the newest first: every column."""
    return tx.rows(_NEWEST, n=limit)


def newest_of(tx: Tx, place: str) -> Row[Any] | None:
    """The launcher that served a place last."""
    return tx.row(_NEWEST_OF, place=place)


def served_since(tx: Tx, launcher_id: int, gap: int) -> int:
    """Since when somebody serves: when this launcher started, or one before it that it followed within `gap`
    microseconds."""
    since: int | None = None
    for _, started_at, heard_at in tx.tuples(_SERVED, id=launcher_id):
        if since is not None and since - heard_at > gap:
            break
        since = started_at if since is None else min(since, started_at)
    return since or 0


def unsettled(tx: Tx, place: str) -> Sequence[Row[Any]]:
    """Launchers of a place that own live attempts or have not said that they stopped: id, kind.

    A place is known by its own id, not by the name of a host or directory, which may change. On SQLite the database
    is a file of the only place that there is: all launchers are of it.
    """
    return tx.rows(_UNSETTLED, any_place=int(tx.dialect == "sqlite"), place=place)


_ADD = Statement(
    lambda _: insert(_t).values(
        id=param("id"),
        name=param("name", Text),
        kind=param("kind", Text),
        host=param("host", Text),
        place=param("place", Text),
        pid=param("pid", Integer),
        boot=param("boot", Text),
        cpus=param("cpus", Float),
        memory=param("memory"),
        labels=param("labels", Text),
        queues=param("queues", Text),
        gpus=param("gpus", Integer),
        var=param("var", Text),
        lost_after=param("lost_after", Float),
        version=param("version", Text),
        started_at=param("at"),
        beat_at=param("at"),
    )
)
_LAST_BEAT = Statement(lambda _: select(func.max(_t.c.beat_at)).where(_t.c.id != param("id")))
_BEAT = Statement(lambda _: update(_t).values(beat_at=param("at"), beats=_t.c.beats + 1).where(_t.c.id == param("id")))
_STOP = Statement(lambda _: update(_t).values(stopped_at=param("at")).where(_t.c.id == param("id")))
_CLOSE = Statement(lambda _: update(_t).values(closing=param("word", Text)).where(_t.c.id == param("id")))
_VERSION = Statement(lambda _: select(_t.c.version).where(_t.c.id == param("id")))
_SET_URL = Statement(lambda _: update(_t).values(url=param("url", Text)).where(_t.c.id == param("id")))
_SET_CAPACITY = Statement(
    lambda _: (
        update(_t)
        .values(
            cpus=param("cpus", Float), memory=param("memory"), labels=param("labels", Text),
            queues=param("queues", Text), gpus=param("gpus", Integer),
        )
        .where(_t.c.id == param("id"))
    )
)  # fmt: skip
_NOT_STOPPED = Statement(lambda _: select(_t).where(_t.c.stopped_at.is_(None)).order_by(_t.c.id))
_SERVED = Statement(
    lambda _: (
        select(_t.c.id, _t.c.started_at, _t.c.beat_at)
        .where(_t.c.id <= param("id"), literal_column("launcher.kind = 'up'"))
        .order_by(_t.c.id.desc())
        .limit(literal_column("1000"))
    )
)
_OWNS: Any = exists(literal_column("1")).where(
    schema.attempt.c.launcher_id == _t.c.id, literal_column("attempt.outcome IS NULL")
)
_UNSETTLED = Statement(
    lambda _: select(_t.c.id, _t.c.kind).where(
        or_(param("any_place", Integer) == 1, _t.c.place == param("place", Text)),
        or_(_t.c.stopped_at.is_(None), _OWNS),
    )
)
_ELSEWHERE = Statement(
    lambda _: (
        select(_t).where(_t.c.place != param("place", Text), or_(_t.c.stopped_at.is_(None), _OWNS)).order_by(_t.c.id)
    )
)
_NEWEST_OF = Statement(
    lambda _: (
        select(_t)
        .where(_t.c.place == param("place", Text), literal_column("launcher.kind = 'up'"))
        .order_by(_t.c.id.desc())
        .limit(literal_column("1"))
    )
)
_NEWEST = Statement(
    lambda _: (
        select(_t).where(literal_column("launcher.kind = 'up'")).order_by(_t.c.id.desc()).limit(param("n", Integer))
    )
)
