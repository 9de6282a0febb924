"""Statements about what processings take of the disk: measured, kept, cleaned, forgotten.

`bytes` is what the directory of a processing took when it was last measured: while it runs (where a budget is set) and
once after its end. It stays after the working files are gone, because the sizes of the last ones tell what the next one
will write; only when the logs go as well it is emptied.

A launcher looks only at those whose directory is at its own place (``place``), and at those that have none; None asks
for all, and on SQLite there is only one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Integer,
    Select,
    Text,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    update,
)
from sqlalchemy.sql.base import Executable

from procession.clock import moment
from procession.model.retention import LEARN_FROM, Kept
from procession.model.states import PROCESSING, State
from procession.model.task import CALL
from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_rows, unindexed
from procession.store.places import here
from procession.store.statement import Statement

_p = schema.processing.c
LOOK_BACK = 10 * LEARN_FROM
"""So many of the last ended ones of a task are looked at for those whose size is known."""


# ── measuring ──────────────────────────────────────────────────────────────────────────────────────


def unmeasured(tx: Tx, limit: int, place: str | None) -> list[tuple[int, int]]:
    """Processings that have ended and were not measured since: id, and when they ended."""
    return [(pid, at) for pid, at in tx.tuples(_UNMEASURED, n=limit, place=place)]


def unmeasured_by_task(tx: Tx, place: str | None) -> dict[str, int]:
    """Task → how many of it wait to be measured."""
    return dict(tx.tuples(_UNMEASURED_BY_TASK, place=place))


class Running(NamedTuple):
    """A processing that runs, as far as the disk is concerned."""

    id: int
    task: str
    definition_id: int
    bytes: int | None


def running(tx: Tx, place: str | None) -> list[Running]:
    """All that run."""
    return [Running(*row) for row in tx.tuples(_RUNNING, place=place)]


def set_bytes(tx: Tx, rows: Sequence[Mapping[str, int]]) -> None:
    """Write sizes; rows: id, finished_at (0 while it runs), bytes.

    One that has ended, or began again, since it was measured keeps what it has.
    """
    tx.write(_SET_BYTES, rows)


def sizes(tx: Tx, task: str) -> list[int]:
    """What the last ended ones of a task took, at whatever place, newest first; those that never began are not among
    them."""
    return [found for (found,) in tx.tuples(_SIZES, task=task)]


def used(tx: Tx, place: str | None) -> int:
    """Bytes of all directories whose working files are there."""
    ((total,),) = tx.tuples(_USED, place=place)
    return int(total)


def usage(tx: Tx, place: str | None, first: int = 0) -> list[tuple[str, State, int, int]]:
    """Task, state, how many directories with working files, and their bytes; of processings from this id on."""
    rows = tx.tuples(_USAGE[first > 0], place=place, **_from(first))
    return [(task, State(state), n, int(total)) for task, state, n, total in rows]


def largest(tx: Tx, limit: int, place: str | None, first: int = 0) -> list[Kept]:
    """The largest directories with working files, of processings from this id on."""
    return [_kept(row) for row in tx.tuples(_LARGEST[first > 0], n=limit, place=place, **_from(first))]


def _from(first: int) -> dict[str, int]:
    return {"first": first} if first > 0 else {}


# ── what may go ────────────────────────────────────────────────────────────────────────────────────


def with_files(tx: Tx, limit: int, failures: int, place: str | None, *, least: int = -1) -> list[Kept]:
    """Of each task and state the oldest that have ended and still have their working files, of more than `least` bytes;
    and, so that they are known, as many of the newest failures of each task as always stay."""
    found: dict[int, Kept] = {}
    for (task,) in tx.tuples(_TASKS):
        for state in PROCESSING.terminal:
            n = limit + failures if state is State.FAILED else limit
            rows = tx.tuples(_OLDEST, task=task, state=str(state), n=n, least=least, place=place)
            found.update((row[0], _kept(row)) for row in rows)
        found.update(newest_failures(tx, task, failures, place))
    return list(found.values())


def newest_failures(tx: Tx, task: str, limit: int, place: str | None) -> dict[int, Kept]:
    """The newest failures of a task that have their working files."""
    rows = tx.tuples(_NEWEST_FAILURES, task=task, n=limit, place=place) if limit > 0 else []
    return {row[0]: _kept(row) for row in rows}


def cleaned(tx: Tx, limit: int, failures: int, place: str | None, *, with_logs: bool) -> list[Kept]:
    """The oldest without working files (`with_logs`: whose logs are there), and the newest failures of their tasks."""
    rows = [_kept(row) for row in tx.tuples(_WITH_LOGS, n=limit, place=place)]
    if not with_logs:
        rows += [_kept(row) for row in tx.tuples(_CLEANED, n=limit, place=place)]
    found = {row.id: row for row in rows}
    for task in {row.task for row in rows if row.state is State.FAILED}:
        found.update(newest_failures(tx, task, failures, place))
    return list(found.values())


class Locked(NamedTuple):
    """A processing, locked against everybody else until the transaction ends."""

    kept: Kept
    event_id: int
    replaced: bool
    place: str | None = None


def lock(tx: Tx, ids: Iterable[int]) -> list[Locked]:
    """Lock these processings and say how they stand."""
    rows = tx.each_tuple(_LOCK, [{"id": i} for i in sorted(set(ids))])
    return [Locked(_kept(row[:7]), row[7], row[8] is not None, row[9]) for row in rows]


def standings(tx: Tx, ids: Iterable[int]) -> list[Kept]:
    """How these stand, not locked."""
    return [_kept(row[:7]) for row in tx.each_tuple(_LOOK, [{"id": i} for i in sorted(set(ids))])]


def set_cleaned(tx: Tx, ids: Sequence[int], at: int) -> None:
    """Their working files are gone."""
    tx.write(_SET_CLEANED, [{"id": i, "at": at} for i in ids])


def places(tx: Tx, ids: Iterable[int]) -> list[tuple[int, str | None]]:
    """Of those of these that are there: id, and the place of the directory."""
    return [(pid, place) for pid, place in tx.each_tuple(_PLACES, [{"id": i} for i in ids])]


def set_found(tx: Tx, ids: Sequence[int]) -> None:
    """Their directories are there, whatever was said of them; they are to be measured again."""
    tx.write(_SET_FOUND, [{"id": i} for i in ids])


def give_up(tx: Tx, place: str, after: int, at: int, limit: int) -> int | None:
    """Nobody will ever have the directories of those that have ended at this place: they are at none, and their working
    files are gone. Goes by pieces, in the order of ids; returns the last id of this one, None after the last piece."""
    return max((pid for (pid,) in tx.tuples(_GIVE_UP, lost=place, after=after, at=at, n=limit)), default=None)


def set_without_logs(tx: Tx, ids: Sequence[int]) -> None:
    """Nothing is left of their directories."""
    tx.write(_SET_WITHOUT_LOGS, [{"id": i} for i in ids])


def set_pinned(tx: Tx, ids: Sequence[int], at: int | None) -> None:
    """The cleaner leaves them alone from this moment on; None: no longer."""
    tx.write(_SET_PINNED, [{"id": i, "at": at} for i in ids])


def forget(tx: Tx, found: Sequence[Locked]) -> dict[str, int]:
    """Delete everything that the database knows of these processings, and their events where nothing else is left of
    them; return name → how many events and repeats went. Names and keys of events stay, so that a repeat is known."""
    rows = [{"id": each.kept.id} for each in found]
    for statement in _FORGET:
        tx.write(statement, rows)
    return forget_events(tx, {each.event_id for each in found})


def forget_events(tx: Tx, event_ids: Iterable[int]) -> dict[str, int]:
    """Delete those of these events of which no processing is left, with their inputs; return name → how many events
    and repeats went. The key of an instance is free again; that of any other event stays, so that a repeat is known."""
    events = tx.each_tuple(_LEFT_OVER, [{"id": i} for i in sorted(set(event_ids))])
    tx.write(_FORGET_INPUTS, [{"id": event_id} for event_id, *_ in events])
    tx.write(_FORGET_EVENTS, [{"id": event_id} for event_id, *_ in events])
    keys = [{"name": name, "key": key} for _, name, key, _ in events if key is not None and name.startswith(CALL)]
    tx.write(_FREE_KEYS, sorted(keys, key=lambda row: (row["name"], row["key"])))
    gone: dict[str, int] = {}
    for _, name, _, repeats in events:
        gone[name] = gone.get(name, 0) + 1 + repeats
    return gone


def note_forgotten(tx: Tx, task: str, n: int, at: int, by: str, why: str = "older than [work] keep.rows") -> None:
    """One line of the journal for all of a task that were forgotten: their own lines are gone with them."""
    reason = f"{n} of task {task}: {why}"
    tx.run(_NOTE_FORGOTTEN, at=at, by=by, reason=reason)


def _kept(row: Sequence[Any]) -> Kept:
    pid, task, state, finished_at, size, pinned_at, cleaned_at = row
    return Kept(
        pid, task, State(state), moment(finished_at), size or 0,
        pinned=pinned_at is not None, cleaned=cleaned_at is not None,
    )  # fmt: skip


_ROW = (_p.id, _p.task, _p.state, _p.finished_at, _p.bytes, _p.pinned_at, _p.cleaned_at)
_n, _task = bindparam("n", type_=Integer()), bindparam("task", type_=Text())
_WITH_FILES = (_p.bytes.is_not(None), _p.cleaned_at.is_(None))
_UNMEASURED_ONES = (_p.finished_at.is_not(None), _p.bytes.is_(None), _p.cleaned_at.is_(None))
_IS_RUNNING: Any = literal_column("processing.state = 'running'")

_UNMEASURED = Statement(
    lambda dialect: select(_p.id, _p.finished_at).where(*_UNMEASURED_ONES, *here(dialect)).order_by(_p.id).limit(_n)
)


def _unmeasured_by_task(dialect: str) -> Executable:
    """Their ids first, by their own index: asked for at once, SQLite would read one of all that have ended."""
    wanted = select(_p.id).where(*_UNMEASURED_ONES, *here(dialect)).order_by(_p.id).limit(1 << 62)
    task = unindexed(dialect, _p.task)
    return select(task, func.count()).where(_p.id.in_(wanted)).group_by(task)


_UNMEASURED_BY_TASK = Statement(_unmeasured_by_task)
_RUNNING = Statement(
    lambda dialect: select(_p.id, _p.task, _p.definition_id, _p.bytes).where(_IS_RUNNING, *here(dialect))
)


def _set_bytes(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger(), "finished_at": BigInteger(), "bytes": BigInteger()})
    return (
        update(schema.processing)
        .values(bytes=given["bytes"])
        .where(
            _p.id == given["id"],
            func.coalesce(_p.finished_at, literal_column("0")) == given["finished_at"],
            _p.cleaned_at.is_(None),
        )
    )


def _sizes(_: str) -> Executable:
    last = (
        select(_p.bytes, _p.started_at, _p.finished_at)
        .where(_p.task == _task, _p.finished_at.is_not(None))
        .order_by(_p.finished_at.desc())
        .limit(literal_column(str(LOOK_BACK)))
        .subquery()
    )
    return (
        select(last.c.bytes)
        .where(last.c.bytes.is_not(None), last.c.started_at.is_not(None))
        .order_by(last.c.finished_at.desc())
        .limit(literal_column(str(LEARN_FROM)))
    )


_SET_BYTES, _SIZES = Statement(_set_bytes), Statement(_sizes)
_sum: Any = func.coalesce(func.sum(_p.bytes), literal_column("0"))
_USED = Statement(lambda dialect: select(_sum).where(*_WITH_FILES, *here(dialect)))
_FIRST = _p.id >= bindparam("first", type_=BigInteger())


def _usage(dialect: str, *, some: bool) -> Executable:
    """Of some by their ids: asked for plainly, SQLite would read the whole index that has the order of the groups."""
    task, state = (unindexed(dialect, each) if some else each for each in (_p.task, _p.state))
    asked = select(task, state, func.count(), func.sum(_p.bytes)).where(*_WITH_FILES, *here(dialect))
    asked = asked.where(_FIRST) if some else asked
    return asked.group_by(task, state).order_by(func.sum(_p.bytes).desc())


def _largest(dialect: str, *, some: bool) -> Executable:
    asked = select(*_ROW).where(*_WITH_FILES, *here(dialect), *([_FIRST] if some else []))
    return asked.order_by(_p.bytes.desc(), _p.id).limit(_n)


_USAGE = (Statement(lambda dialect: _usage(dialect, some=False)), Statement(lambda dialect: _usage(dialect, some=True)))
_LARGEST = (
    Statement(lambda dialect: _largest(dialect, some=False)), Statement(lambda dialect: _largest(dialect, some=True))
)  # fmt: skip
_TASKS = Statement(lambda _: select(schema.task.c.name))


def _ended(dialect: str, state: Any) -> Select[Any]:
    of_task = (_p.task == _task, _p.state == state, _p.finished_at.is_not(None))
    return select(*_ROW).where(*of_task, *_WITH_FILES, *here(dialect))


_OLDEST = Statement(
    lambda dialect: (
        _ended(dialect, bindparam("state", type_=Text()))
        .where(_p.pinned_at.is_(None), _p.bytes > bindparam("least", type_=BigInteger()))
        .order_by(_p.finished_at)
        .limit(_n)
    )
)
_NEWEST_FAILURES = Statement(
    lambda dialect: _ended(dialect, literal_column("'failed'")).order_by(_p.finished_at.desc()).limit(_n)
)
_CLEANED = Statement(
    lambda dialect: (
        select(*_ROW)
        .where(_p.cleaned_at.is_not(None), _p.bytes.is_(None), _p.pinned_at.is_(None), *here(dialect))
        .order_by(_p.finished_at)
        .limit(_n)
    )
)
_WITH_LOGS = Statement(
    lambda dialect: (
        select(*_ROW)
        .where(_p.cleaned_at.is_not(None), _p.bytes.is_not(None), _p.pinned_at.is_(None), *here(dialect))
        .order_by(_p.finished_at)
        .limit(_n)
    )
)


def _lock(dialect: str, *, locking: bool = True) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    query = (
        select(*_ROW, _p.event_id, _p.replaced_by, _p.place)
        .select_from(given.join(schema.processing, _p.id == given.c.id))
        .order_by(_p.id)
    )
    return query if dialect == "sqlite" or not locking else query.with_for_update(of=schema.processing)


def _set(dialect: str, **values: str | None) -> Executable:
    given = Given(dialect, {"id": BigInteger(), "at": BigInteger()} if any(values.values()) else {"id": BigInteger()})
    set_to = {name: None if of is None else given[of] for name, of in values.items()}
    return update(schema.processing).values(set_to).where(_p.id == given["id"])


def _places(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    return select(_p.id, _p.place).select_from(given.join(schema.processing, _p.id == given.c.id))


def _give_up(_: str) -> Executable:
    after, at = bindparam("after", type_=BigInteger()), bindparam("at", type_=BigInteger())
    theirs = (
        select(_p.id)
        .where(_p.id > after, _p.place == bindparam("lost", type_=Text()), _p.finished_at.is_not(None))
        .order_by(_p.id)
        .limit(_n)
        .with_for_update()
    )
    return (
        update(schema.processing)
        .values(place=None, cleaned_at=func.coalesce(_p.cleaned_at, at))
        .where(_p.id.in_(theirs))
        .returning(_p.id)
    )


def _delete(table: Any, column: str) -> Statement:
    def build(dialect: str) -> Executable:
        return delete(table).where(table.c[column] == Given(dialect, {"id": BigInteger()})["id"])

    return Statement(build)


def _left_over(dialect: str) -> Executable:
    """Of these events, those of which no processing is left."""
    given, e = given_rows(dialect, {"id": BigInteger()}), schema.event.c
    of_it: Select[Any] = select(literal_column("1")).select_from(schema.processing).where(_p.event_id == e.id)
    return (
        select(e.id, e.name, e.key, e.repeats)
        .select_from(given.join(schema.event, e.id == given.c.id))
        .where(~of_it.exists())
    )


def _free_keys(dialect: str) -> Executable:
    given = Given(dialect, {"name": Text(), "key": Text()})
    k = schema.event_key.c
    return delete(schema.event_key).where(k.name == given["name"], k.key == given["key"])


_OF_PROCESSINGS = (
    schema.result, schema.delivery, schema.output, schema.attempt, schema.step, schema.journal,
    schema.batch_done,
)  # fmt: skip
_LOCK = Statement(_lock)
_LOOK = Statement(lambda dialect: _lock(dialect, locking=False))
_SET_CLEANED = Statement(lambda dialect: _set(dialect, cleaned_at="at"))
_SET_WITHOUT_LOGS = Statement(lambda dialect: _set(dialect, bytes=None))
_SET_FOUND = Statement(lambda dialect: _set(dialect, cleaned_at=None, bytes=None))
_PLACES = Statement(_places)
_GIVE_UP = Statement(_give_up)
_SET_PINNED = Statement(lambda dialect: _set(dialect, pinned_at="at"))
_FORGET = (
    *(_delete(table, "processing_id") for table in _OF_PROCESSINGS),
    _delete(schema.processing, "id"),
)
_LEFT_OVER = Statement(_left_over)
_FORGET_EVENTS = _delete(schema.event, "id")
_FORGET_INPUTS = _delete(schema.input_, "event_id")
_FREE_KEYS = Statement(_free_keys)
_NOTE_FORGOTTEN = Statement(
    lambda _: schema.journal.insert().values(
        at=bindparam("at", type_=BigInteger()),
        noun=literal_column("'processing'"),
        verb=literal_column("'forget'"),
        by=bindparam("by", type_=Text()),
        reason=bindparam("reason", type_=Text()),
    )
)
