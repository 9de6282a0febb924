"""Statements and pictures of processings. States are written by `moves` alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Integer,
    Select,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.engine import Row
from sqlalchemy.sql.base import Executable

from procession.clock import moment
from procession.model.event import ranked, unranked
from procession.model.processing import Processing
from procession.model.states import PROCESSING, State
from procession.store import schema, tallies
from procession.store.database import Tx
from procession.store.dialect import Given, given_rows, given_texts, unindexed
from procession.store.statement import Statement, param

processing, step, event, definition = schema.processing, schema.step, schema.event, schema.definition

_NEW = {
    name: BigInteger() if name.endswith("id") else processing.c[name].type
    for name in (
        "id", "event_id", "task", "definition_id", "version", "state", "priority", "launcher_id", "created_at",
        "waiting_at", "due_at", "finished_at", "reason", "origin_id", "first_id", "code_of", "wants", "callback",
        "description", "variables", "run_number", "run_group",
        "source", "experiment",
    )
}  # fmt: skip
_NEW_STEP = {
    name: BigInteger() if name.endswith("id") else step.c[name].type
    for name in ("processing_id", "ordinal", "name", "state", "priority", "cpus", "memory", "gpus", "wants")
}


def add(tx: Tx, rows: Sequence[dict[str, Any]], steps: Sequence[dict[str, Any]]) -> None:
    """Write new processings and all their steps."""
    tx.write(_ADD, rows)
    tx.write(_ADD_STEPS, steps)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the flow needs to know of a processing to decide about it."""

    id: int
    task: str
    definition_id: int
    state: State
    cancel_asked: bool
    launcher_id: int | None
    started_at: int | None = None
    first_id: int | None = None
    callback: str | None = None
    variables: str | None = None
    idle: int = 0
    """Microseconds for which it had ended before it was let go on."""

    @property
    def root(self) -> int:
        """Its first version."""
        return self.first_id or self.id


def standings(tx: Tx, ids: Iterable[int]) -> dict[int, Standing]:
    """How these processings stand, locked against everybody else until this transaction ends."""
    rows = tx.each_tuple(_STANDING, [{"id": i} for i in sorted(set(ids))])
    return {
        i: Standing(i, task, definition_id, State(state), asked_at is not None, launcher_id, *rest)
        for i, task, definition_id, state, asked_at, launcher_id, *rest in rows
    }


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
    """Processings whose moment has come join those that may begin; since that moment they wait for their turn."""
    tx.tuples(_WAKE_DUE, now=now)


def next_due(tx: Tx) -> int | None:
    """When the next one's moment comes; None if none waits for one."""
    ((due,),) = tx.tuples(_NEXT_DUE)
    return due  # type: ignore[no-any-return]


def running_by_task(tx: Tx) -> dict[str, int]:
    """Task → its running processings, counted from rows; those that only wait for their children are not."""
    found = dict(tx.tuples(_RUNNING))
    for task, waiting_for_children in tx.tuples(_ONLY_WAITING):
        found[task] -= waiting_for_children
    return found


def running(tx: Tx) -> dict[str, int]:
    """Task → its running processings, whatever they wait for."""
    return dict(tx.tuples(_RUNNING))


def taking(tx: Tx) -> list[tuple[int, str]]:
    """Processings that run and want something: id and what they want, as text."""
    return [(pid, wants) for pid, wants in tx.tuples(_TAKING)]


def origins(tx: Tx, processing_ids: Iterable[int]) -> dict[int, int]:
    """Processing id → the processing whose script emitted its event, for those that have one."""
    rows = tx.each_tuple(_ORIGINS, [{"id": i} for i in processing_ids])
    return {pid: origin for pid, origin in rows if origin is not None}


def is_busy(tx: Tx, task: str) -> bool:
    """Does a processing of this task wait or run?"""
    return tx.row(_BUSY, task=task) is not None


def held_of(tx: Tx, ids: Iterable[int]) -> set[int]:
    """Those of these that a person holds."""
    return {pid for (pid,) in tx.each_tuple(_HELD_OF, [{"id": i} for i in ids])}


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


def ask_cancel(tx: Tx, processing_id: int, at: int) -> None:
    """Write the wish; the flow acts on what is live."""
    tx.run(_ASK_CANCEL, id=processing_id, at=at)


def cancels_wanted(tx: Tx, launcher_id: int) -> list[tuple[int, int, int]]:
    """Live attempts, owned by this launcher, of processings whose cancel was asked: processing id, ordinal, number."""
    return [(pid, ordinal, number) for pid, ordinal, number in tx.tuples(_CANCELS, launcher_id=launcher_id)]


def rank(found: Processing) -> int:
    """The number by which the claim goes."""
    return ranked(found.priority, backfill=found.backfill)


def children(tx: Tx, processing_id: int) -> list[tuple[int, State]]:
    """The newest versions of the processings of the events that this one emitted: id and state, oldest first.

    Of a later version only events count that came, or came again, since it was born: what an older version alone has
    emitted is none of its business.
    """
    return [(pid, State(state)) for pid, state in tx.tuples(_CHILDREN, id=processing_id)]


def has_children_left(tx: Tx, processing_id: int) -> bool:
    """Has one of its `children` not ended?"""
    return tx.row(_CHILD_LEFT, id=processing_id) is not None


def find_all(tx: Tx, ids: Iterable[int]) -> list[Processing]:
    """The processings with these ids, without their steps, oldest first; ids that are not there are left out."""
    return [picture(row) for row in tx.each(_FIND_ALL, [{"id": i} for i in ids])]


def root(tx: Tx, processing_id: int) -> int:
    """The first version of this processing."""
    row = tx.row(_ROOT, id=processing_id)
    return processing_id if row is None or row.first_id is None else int(row.first_id)


def add_errors(tx: Tx, rows: Sequence[dict[str, int]]) -> None:
    """Count errors that scripts recorded while they went on; rows: id, n."""
    tx.write(_ADD_ERRORS, rows)


def settle_at(tx: Tx, ids: Iterable[int], place: str) -> None:
    """The directories of these processings are made at this place, if they are nowhere yet. With SQLite there is only
    one place."""
    if tx.dialect != "sqlite":
        tx.write(_SETTLE_AT, [{"id": i, "place": place} for i in sorted(set(ids))])


def settle_all_at(tx: Tx, place: str) -> None:
    """All that had a directory have it at this place; on SQLite, where there is only one, at none."""
    tx.run(_SETTLE_ALL_AT, place=None if tx.dialect == "sqlite" else place)


def open_at(tx: Tx, place: str) -> list[tuple[int, int]]:
    """Processings that have begun at this place and have not ended: id and definition id."""
    return [(pid, definition_id) for pid, definition_id in tx.tuples(_OPEN_AT, place=place)]


def places(tx: Tx) -> set[str]:
    """Places where processings have begun that have not ended."""
    return {place for (place,) in tx.tuples(_PLACES)}


def unsettle(tx: Tx, ids: Iterable[int]) -> None:
    """What of these is still to be done may be done at any place, in a new directory."""
    tx.write(_UNSETTLE, [{"id": i} for i in sorted(set(ids))])


def release(tx: Tx, launcher_ids: Sequence[int]) -> None:
    """Give the processings of gone foreground launchers to whoever serves the project."""
    tx.write(_RELEASE, [{"id": i} for i in launcher_ids])


def find(tx: Tx, processing_id: int) -> Processing | None:
    """The processing with this id, without its steps; None if there is none."""
    row = tx.row(_FIND, id=processing_id)
    return None if row is None else picture(row)


def of_events(tx: Tx, event_ids: Iterable[int]) -> dict[int, list[int]]:
    """Event id → ids of its processings, oldest first."""
    found: dict[int, list[int]] = {}
    ids = [{"id": i} for i in event_ids]
    for event_id, processing_id in tx.each_tuple(_OF_EVENTS, ids) if ids else ():
        found.setdefault(event_id, []).append(processing_id)
    return found


def newest(tx: Tx, *, task: str | None, state: str | None, before: int | None, limit: int) -> list[Processing]:
    """Processings that no newer version has replaced, newest first; `before` is the id to go on from."""
    query = PICTURE.where(processing.c.replaced_by.is_(None)).order_by(processing.c.id.desc()).limit(limit)
    if task is not None:
        query = query.where(processing.c.task == task)
    if state is not None:
        query = query.where(processing.c.state == literal_column(f"'{State(state)}'"))  # literal: partial indexes
    if before is not None:
        query = query.where(processing.c.id < before)
    return [picture(row) for row in tx.connection.execute(query)]


def known_task(tx: Tx, task: str) -> bool:
    """Has there ever been a processing of this task?"""
    return tx.row(_KNOWN_TASK, task=task) is not None


def tasks_of(tx: Tx, ids: Iterable[int]) -> dict[int, str]:
    """Processing id → its task."""
    asked = [{"id": i} for i in sorted(set(ids))]
    return dict(tx.each_tuple(_TASKS_OF, asked)) if asked else {}


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


MOST_COUNTED = 1000
"""People are told how many come before up to here; beyond it the number says nothing, and costs."""


def before(tx: Tx, task: str, processing_id: int, priority: int) -> int:
    """How many waiting processings of a task come before this one; counted up to one more than `MOST_COUNTED`."""
    return int(tx.run(_BEFORE, task=task, id=processing_id, priority=priority).scalar_one())


def picture(row: Row[Any]) -> Processing:
    """A row as a Processing without steps."""

    def at(value: int | None) -> Any:
        return None if value is None else moment(value)

    return Processing(
        row.id, row.task, row.event_id, row.event_name, row.key, row.title, json.loads(row.params), State(row.state),
        row.version, *unranked(row.priority)[:1], moment(row.created_at), at(row.due_at), at(row.started_at),
        at(row.finished_at), at(row.cancel_requested_at), row.reason, row.hash, row.launcher_id,
        held_at=at(row.held_at), pinned_at=at(row.pinned_at), errors=row.errors, backfill=unranked(row.priority)[1],
        origin_id=row.origin_id, first_id=row.first_id, replaced_by=row.replaced_by, code_of=row.code_of,
        bytes=row.bytes, cleaned_at=at(row.cleaned_at), wants=row.wants, place=row.place, callback=row.callback,
        retire_at=at(row.retire_at), description=row.description, variables=row.variables, run=row.run_number,
        group=row.run_group, cause=row.cause if row.state == State.FAILED else None,
        source=row.source, experiment=row.experiment, idle=timedelta(microseconds=row.idle),
        waiting_at=at(row.waiting_at),
    )  # fmt: skip


def _add(dialect: str) -> Executable:
    return Given(dialect, _NEW).into(dialect, processing)


def _add_steps(dialect: str) -> Executable:
    return Given(dialect, _NEW_STEP).into(dialect, step)


def _standing(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    query = (
        select(
            processing.c.id,
            processing.c.task,
            processing.c.definition_id,
            processing.c.state,
            processing.c.cancel_requested_at,
            processing.c.launcher_id,
            processing.c.started_at,
            processing.c.first_id,
            processing.c.callback,
            processing.c.variables,
            processing.c.idle,
        )
        .select_from(given.join(processing, processing.c.id == given.c.id))
        .order_by(processing.c.id)
    )
    return query if dialect == "sqlite" else query.with_for_update(of=processing)


def _of_events(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    joined = given.join(processing, processing.c.event_id == given.c.id)
    return select(processing.c.event_id, processing.c.id).select_from(joined).order_by(processing.c.id)


def _release(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger()})
    return update(processing).values(launcher_id=None).where(processing.c.launcher_id == given["id"])


def _settle_at(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger(), "place": Text()})
    row = processing.c
    return update(processing).values(place=given["place"]).where(row.id == given["id"], row.place.is_(None))


def _unsettle(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger()})
    return update(processing).values(place=None).where(processing.c.id == given["id"])


def _add_errors(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger(), "n": Integer()})
    return update(processing).values(errors=processing.c.errors + given["n"]).where(processing.c.id == given["id"])


def _is(name: str, state: str) -> Any:
    return literal_column(f"{name}.state = '{state}'")


def owner(owned: bool) -> Any:
    """Whose processings are meant. Two statements, since IS NOT DISTINCT FROM lets PostgreSQL read all that wait."""
    return processing.c.launcher_id == param("launcher_id") if owned else processing.c.launcher_id.is_(None)


def here(dialect: str) -> list[Any]:
    """Of which nothing has begun yet, or whose directory is at the place that is asked for. On SQLite there is only
    one place."""
    if dialect == "sqlite":
        return []
    place = param("place", Text)
    return [or_(place.is_(None), processing.c.place.is_(None), processing.c.place == place)]


_RUNNABLE: Any = literal_column(
    "(processing.state = 'waiting' AND processing.due_at IS NULL AND processing.held_at IS NULL)"
)
_LATER: Any = literal_column(
    "(processing.state = 'waiting' AND (processing.due_at IS NOT NULL OR processing.held_at IS NOT NULL))"
)


def _later_of(one: Any, other: Any) -> Any:
    return case((one > other, one), else_=other)


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
                owner(owned),
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
_WAKE_DUE = Statement(
    lambda _: (
        update(processing)
        .values(due_at=None, waiting_at=_later_of(processing.c.due_at, processing.c.waiting_at))
        .where(_LATER, processing.c.due_at <= param("now"))
    )
)
_NEXT_DUE = Statement(lambda _: select(func.min(processing.c.due_at)).where(_LATER))
_TAKING = Statement(
    lambda _: select(processing.c.id, processing.c.wants).where(
        _is("processing", "running"), processing.c.wants.is_not(None)
    )
)


def _children() -> Select[Any]:
    """All versions of a parent share the ids of what they emitted: the origin is the first of them."""
    parent = processing.alias("parent")
    return (
        select(processing.c.id, processing.c.state)
        .join_from(parent, processing, processing.c.origin_id == func.coalesce(parent.c.first_id, parent.c.id))
        .join(event, event.c.id == processing.c.event_id)
        .where(
            parent.c.id == param("id"),
            processing.c.replaced_by.is_(None),
            or_(parent.c.version == literal_column("1"), event.c.last_seen_at >= parent.c.created_at),
        )
    )


_ENDED = ", ".join(f"'{state}'" for state in sorted(PROCESSING.terminal))
_CHILDREN = Statement(lambda _: _children().order_by(processing.c.id))
_CHILD_LEFT = Statement(
    lambda _: _children().where(literal_column(f"processing.state NOT IN ({_ENDED})")).limit(literal_column("1"))
)
_ONLY_WAITING = Statement(
    lambda _: (
        select(processing.c.task, func.count(processing.c.id.distinct()))
        .join_from(schema.attempt, processing, processing.c.id == schema.attempt.c.processing_id)
        .where(
            schema.attempt.c.launcher_id.is_(None),
            schema.attempt.c.worker.is_(None),
            literal_column("attempt.outcome IS NULL"),
            _is("processing", "running"),
            ~exists(literal_column("1")).where(
                step.c.processing_id == processing.c.id,
                step.c.ordinal != schema.attempt.c.ordinal,
                literal_column("step.state IN ('running', 'ready')"),
            ),
        )
        .group_by(processing.c.task)
    )
)
_ADD, _ADD_STEPS, _STANDING, _RELEASE = (Statement(f) for f in (_add, _add_steps, _standing, _release))
_ADD_ERRORS, _SETTLE_AT, _UNSETTLE = Statement(_add_errors), Statement(_settle_at), Statement(_unsettle)
_BEGUN: Any = literal_column("processing.state IN ('waiting', 'running') AND processing.place IS NOT NULL")
_OPEN_AT = Statement(
    lambda _: (
        select(processing.c.id, processing.c.definition_id)
        .where(_BEGUN, processing.c.place == param("place", Text))
        .order_by(processing.c.id)
    )
)
_SETTLE_ALL_AT = Statement(
    lambda _: update(processing).values(place=param("place", Text)).where(processing.c.place.is_not(None))
)
_PLACES = Statement(lambda _: select(processing.c.place).where(_BEGUN).distinct())
# the order names the index: SQLite would else read all that ever were of the task
_TASKS_WAITING = Statement(
    lambda _: select(schema.task.c.name).where(
        select(processing.c.id)
        .where(processing.c.task == schema.task.c.name, _RUNNABLE)
        .order_by(processing.c.priority.desc(), processing.c.id)
        .limit(literal_column("1"))
        .scalar_subquery()
        .is_not(None)
    )
)
_RUNNING = Statement(
    lambda _: (
        select(processing.c.task, func.count().label("n"))
        .where(_is("processing", "running"))
        .group_by(processing.c.task)
    )
)


def _busy(dialect: str) -> Executable:
    """The orders name the index here, too."""
    p, task = processing.c, param("task", Text)
    runnable = select(p.id).where(p.task == task, _RUNNABLE).order_by(p.priority.desc(), p.id)
    later = select(p.id).where(unindexed(dialect, p.task) == task, _LATER).order_by(p.due_at)
    running = select(p.id).where(p.task == task, _is("processing", "running"))
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
_ASK_CANCEL = Statement(
    lambda _: (
        update(processing)
        .values(cancel_requested_at=func.coalesce(processing.c.cancel_requested_at, param("at")))
        .where(processing.c.id == param("id"))
    )
)
_attempt = schema.attempt
_CANCELS = Statement(
    lambda _: (
        select(_attempt.c.processing_id, _attempt.c.ordinal, _attempt.c.number)
        .join_from(processing, _attempt, _attempt.c.processing_id == processing.c.id)
        .where(
            processing.c.cancel_requested_at.is_not(None),
            _is("processing", "running"),
            _attempt.c.outcome.is_(None),
            _attempt.c.launcher_id == param("launcher_id"),
        )
    )
)
PICTURE: Select[Any] = select(
    processing, event.c.name.label("event_name"), event.c.key, event.c.title, event.c.params, definition.c.hash
).select_from(
    processing.join(event, event.c.id == processing.c.event_id).join(
        definition, definition.c.id == processing.c.definition_id
    )
)
_ORIGINS = Statement(
    lambda dialect: select(processing.c.id, processing.c.origin_id).where(
        processing.c.id.in_(select(given_rows(dialect, {"id": BigInteger()}).c.id))
    )
)
_ROOT = Statement(lambda _: select(processing.c.first_id).where(processing.c.id == param("id")))
_FIND = Statement(lambda _: PICTURE.where(processing.c.id == param("id")))
_FIND_ALL = Statement(
    lambda dialect: PICTURE.where(processing.c.id.in_(select(given_rows(dialect, {"id": BigInteger()}).c.id))).order_by(
        processing.c.id
    )
)
_OF_EVENTS = Statement(_of_events)


def _held_of(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    joined = given.join(processing, processing.c.id == given.c.id)
    return select(processing.c.id).select_from(joined).where(processing.c.held_at.is_not(None))


_HELD_OF = Statement(_held_of)


def _alive(dialect: str) -> Executable:
    """Grouped past the indexes of tasks: SQLite would take one of all that ever were."""
    task = unindexed(dialect, processing.c.task)
    so = (_is("processing", "running"), _RUNNABLE, _LATER)
    return union_all(
        *(select(task, processing.c.state, func.count()).where(each).group_by(task, processing.c.state) for each in so)
    )


_ALIVE = Statement(_alive)
_KNOWN_TASK = Statement(
    lambda _: select(processing.c.id).where(processing.c.task == param("task", Text)).limit(literal_column("1"))
)
_BEFORE = Statement(
    lambda _: select(func.count()).select_from(
        select(processing.c.id)
        .where(
            processing.c.task == param("task", Text),
            _RUNNABLE,
            or_(
                processing.c.priority > param("priority", Integer),
                and_(processing.c.priority == param("priority", Integer), processing.c.id < param("id")),
            ),
        )
        .limit(literal_column(str(MOST_COUNTED + 1)))
        .subquery()
    )
)


def _tasks_of(dialect: str) -> Executable:
    asked = given_rows(dialect, {"id": BigInteger()})
    return select(processing.c.id, processing.c.task).select_from(asked.join(processing, processing.c.id == asked.c.id))


_TASKS_OF = Statement(_tasks_of)
