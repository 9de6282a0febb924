"""Statements and pictures of messages: what people should know, one row for each cause that still occurs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Integer,
    Select,
    Text,
    and_,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql.base import Executable

from procession.model.message import Message
from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_rows, upsert
from procession.store.statement import Statement, param

_t = schema.message
_ROW = {
    "kind": Text(), "task": Text(), "step": Text(), "signature": Text(), "text": Text(), "processing_id": BigInteger(),
    "n": Integer(), "first_at": BigInteger(), "last_at": BigInteger(), "needs_person_at": BigInteger(),
}  # fmt: skip
_ACTIVE: Any = literal_column("(message.ended_at IS NULL)")
_OVER: Any = literal_column(
    "(message.kind = 'failure'"
    " AND (SELECT p.id FROM processing p WHERE p.state = 'failed' AND p.replaced_by IS NULL AND p.cause IS NOT NULL"
    " AND p.cause = message.signature LIMIT 1) IS NULL"
    " AND (SELECT p.id FROM processing p WHERE p.id = message.processing_id AND p.state = 'failed'"
    " AND p.replaced_by IS NULL AND p.cause IS NULL) IS NULL"
    " AND (SELECT p.id FROM processing p JOIN step s ON s.processing_id = p.id"
    " JOIN attempt a ON a.processing_id = s.processing_id AND a.ordinal = s.ordinal"
    " WHERE p.state = 'running' AND p.task = message.task AND s.name = message.step"
    " AND s.state IN ('failed', 'ready', 'running') AND a.number > s.renewed AND a.cause = message.signature"
    " AND (s.state <> 'failed' OR a.number = s.attempt) LIMIT 1) IS NULL)"
)
"""No processing has failed for it, by the entries of `ix_processing_cause`: none that has ended, none of which another
branch runs, and none that is tried again by itself. Each is looked for in its index, however much has failed."""


def note(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Something has occurred: a new message, or one more of the one that still occurs.

    Rows have every column of `_ROW`, and no two of them the same kind, task, step and signature.
    """
    tx.write(_NOTE, sorted(rows, key=lambda row: (row["kind"], row["task"], row["step"], row["signature"])))


def recorded(tx: Tx, where: Iterable[tuple[str, str]]) -> list[tuple[int, str, str, str, str]]:
    """Recorded errors that still occur in these tasks and steps: id, kind, task, step, signature."""
    rows = [{"kind": "error", "task": task, "step": step} for task, step in where]
    return [(i, kind, task, step, said) for i, kind, task, step, said in tx.each_tuple(_FOUND, rows)] if rows else []


def end(tx: Tx, ids: Iterable[int], at: int) -> None:
    """These no longer occur."""
    tx.write(_END, [{"id": i, "at": at} for i in sorted(ids)])


def end_mended(tx: Tx, at: int) -> None:
    """Causes for which no processing has failed any more no longer occur; one that occurs this moment goes on."""
    tx.write(_END_MENDED, [{"id": i, "n": n, "at": at} for i, n in sorted(tx.tuples(_MENDED))])


def end_kind(tx: Tx, kind: str, task: str, at: int) -> None:
    """Whatever there is of this kind about this task (or set, or watch) no longer occurs."""
    tx.run(_END_KIND, kind=kind, task=task, at=at)


def of_kind(tx: Tx, kind: str) -> list[Message]:
    """Those of this kind that still occur."""
    return [_picture(row) for row in tx.tuples(_OF_KIND, kind=kind)]


def get(tx: Tx, message_id: int) -> Message | None:
    """The message with this id, or None."""
    return next((_picture(row) for row in tx.tuples(_GET, id=message_id)), None)


def newest(tx: Tx, *, unread: bool = False, ended: bool = False, limit: int = 100) -> list[Message]:
    """Messages, those first that occurred last: the ones that still occur; with `ended` the others too; with `unread`
    all that nobody has read."""
    query = _PICTURE.order_by(_t.c.last_at.desc(), _t.c.id.desc()).limit(limit)
    if unread:
        query = query.where(_t.c.read_at.is_(None))
    elif not ended:
        query = query.where(_ACTIVE, ~_OVER)
    return [_picture(tuple(row)) for row in tx.connection.execute(query)]


def waiting_for_person(tx: Tx, now: int, limit: int) -> list[Message]:
    """Those that still occur, that nobody has read and that need a person by now; the newest first."""
    return [_picture(row) for row in tx.tuples(_WAITING, now=now, n=limit)]


def read(tx: Tx, ids: Iterable[int] | None, by: str, at: int) -> int:
    """These have been read (None: all); return how many had not been before."""
    if ids is None:
        return tx.run(_READ_ALL, by=by, at=at).rowcount
    return tx.write(_READ, [{"id": i, "by": by, "at": at} for i in sorted(set(ids))])


def untold(tx: Tx, now: int) -> list[Message]:
    """Those of which a person is to be told by now, for nobody has read them; and those that were told and have ended
    since."""
    return [_picture(row) for row in tx.tuples(_UNTOLD, now=now)]


def next_untold(tx: Tx) -> int | None:
    """When a person is to be told of the next one."""
    ((at,),) = tx.tuples(_NEXT_UNTOLD)
    return at  # type: ignore[no-any-return]


def remove_ended(tx: Tx, before: int) -> None:
    """Forget messages that ended before this moment."""
    tx.run(_REMOVE_ENDED, before=before)


def told(tx: Tx, message_id: int, at: int) -> None:
    """A person has been told how it stood at this moment."""
    tx.write(_TOLD, [{"id": message_id, "at": at}])


def set_problem(tx: Tx, message_id: int, problem: str) -> None:
    """Remember why people could not be told of it."""
    tx.run(_SET_PROBLEM, id=message_id, problem=problem[:1000])


def _picture(row: Sequence[Any]) -> Message:
    return Message(*row)


_COLUMNS = (
    "id", "kind", "task", "step", "text", "processing_id", "n", "first_at", "last_at", "ended_at", "read_at", "read_by",
    "needs_person_at", "told_at", "signature", "problem",
)  # fmt: skip
_PICTURE: Select[Any] = select(*(_t.c[name] for name in _COLUMNS))


def _note(dialect: str) -> Executable:
    given = Given(dialect, _ROW)
    rows = given.select().where(given["kind"].is_not(None))  # SQLite needs a WHERE before ON CONFLICT
    put = upsert(dialect)(_t).from_select(list(_ROW), rows)
    return put.on_conflict_do_update(
        index_elements=["kind", "task", "step", "signature"],
        index_where=literal_column("ended_at IS NULL"),
        set_={
            "n": _t.c.n + put.excluded.n,
            "text": put.excluded.text,
            "processing_id": func.coalesce(put.excluded.processing_id, _t.c.processing_id),
            "last_at": put.excluded.last_at,
            "needs_person_at": func.coalesce(_t.c.needs_person_at, put.excluded.needs_person_at),
        },
    )


def _found(dialect: str) -> Executable:
    given = given_rows(dialect, {"kind": Text(), "task": Text(), "step": Text()})
    same = and_(_t.c.kind == given.c.kind, _t.c.task == given.c.task, _t.c.step == given.c.step, _ACTIVE)
    return select(_t.c.id, _t.c.kind, _t.c.task, _t.c.step, _t.c.signature).select_from(given.join(_t, same))


def _by_id(dialect: str, **columns: Any) -> tuple[Given, dict[str, Any]]:
    given = Given(dialect, {"id": BigInteger(), **{name: kind for name, (kind, _) in columns.items()}})
    return given, {target: given[name] for name, (_, target) in columns.items()}


def _end(dialect: str) -> Executable:
    given, values = _by_id(dialect, at=(BigInteger(), "ended_at"))
    return update(_t).values(values).where(_t.c.id == given["id"], _t.c.ended_at.is_(None))


def _end_mended(dialect: str) -> Executable:
    """Whoever notes another occurrence meanwhile counts it: then it has not ended."""
    given = Given(dialect, {"id": BigInteger(), "n": Integer(), "at": BigInteger()})
    mine = (_t.c.id == given["id"], _t.c.n == given["n"], _t.c.ended_at.is_(None))
    return update(_t).values(ended_at=given["at"]).where(*mine)


def _read(dialect: str) -> Executable:
    given, values = _by_id(dialect, at=(BigInteger(), "read_at"), by=(Text(), "read_by"))
    return update(_t).values(values).where(_t.c.id == given["id"], _t.c.read_at.is_(None))


def _told(dialect: str) -> Executable:
    """Whoever ended it may have had a clock that was ahead: what was told of its end is later than the end."""
    given, _ = _by_id(dialect, at=(BigInteger(), "told_at"))
    ended = func.coalesce(_t.c.ended_at, 0)
    later = case((ended > given["at"], ended), else_=given["at"])
    return update(_t).values(told_at=later, problem=None).where(_t.c.id == given["id"])


_NOTE, _FOUND, _END, _READ, _TOLD = (Statement(f) for f in (_note, _found, _end, _read, _told))
_MENDED = Statement(lambda _: select(_t.c.id, _t.c.n).where(_ACTIVE, _OVER))
_END_MENDED = Statement(_end_mended)
_END_KIND = Statement(
    lambda _: (
        update(_t)
        .values(ended_at=param("at"))
        .where(_t.c.kind == param("kind", Text), _t.c.task == param("task", Text), _ACTIVE)
    )
)
_SET_PROBLEM = Statement(lambda _: update(_t).values(problem=param("problem", Text)).where(_t.c.id == param("id")))
_REMOVE_ENDED = Statement(lambda _: delete(_t).where(_t.c.ended_at < param("before")))
_OF_KIND = Statement(lambda _: _PICTURE.where(_t.c.kind == param("kind", Text), _ACTIVE).order_by(_t.c.id))
_GET = Statement(lambda _: _PICTURE.where(_t.c.id == param("id")))
_READ_ALL = Statement(
    lambda _: update(_t).values(read_at=param("at"), read_by=param("by", Text)).where(_t.c.read_at.is_(None))
)
_WAITING = Statement(
    lambda _: (
        _PICTURE.where(_ACTIVE, ~_OVER, _t.c.read_at.is_(None), _t.c.needs_person_at <= param("now"))
        .order_by(_t.c.last_at.desc(), _t.c.id.desc())
        .limit(param("n", Integer))
    )
)
_UNTOLD_NOW: Any = literal_column(
    "(message.ended_at IS NULL AND message.told_at IS NULL AND message.needs_person_at IS NOT NULL)"
)
_UNTOLD = Statement(
    lambda _: _PICTURE.where(
        or_(
            and_(_UNTOLD_NOW, _t.c.read_at.is_(None), _t.c.needs_person_at <= param("now")),
            literal_column("(message.told_at < message.ended_at)"),
        )
    ).order_by(_t.c.id)
)
_NEXT_UNTOLD = Statement(lambda _: select(func.min(_t.c.needs_person_at)).where(_UNTOLD_NOW, _t.c.read_at.is_(None)))
