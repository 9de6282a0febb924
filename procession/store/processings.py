"""Statements and pictures of processings. States are written by `moves` alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, literal_column, select, update
from sqlalchemy.engine import Row
from sqlalchemy.sql.base import Executable

from procession.clock import moment
from procession.model.event import ranked, unranked
from procession.model.processing import Processing
from procession.model.states import State
from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_rows
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


def held_of(tx: Tx, ids: Iterable[int]) -> set[int]:
    """Those of these that a person holds."""
    return {pid for (pid,) in tx.each_tuple(_HELD_OF, [{"id": i} for i in ids])}


def rank(found: Processing) -> int:
    """The number by which the claim goes."""
    return ranked(found.priority, backfill=found.backfill)


def find_all(tx: Tx, ids: Iterable[int]) -> list[Processing]:
    """The processings with these ids, without their steps, oldest first; ids that are not there are left out."""
    return [picture(row) for row in tx.each(_FIND_ALL, [{"id": i} for i in ids])]


def add_errors(tx: Tx, rows: Sequence[dict[str, int]]) -> None:
    """Count errors that scripts recorded while they went on; rows: id, n."""
    tx.write(_ADD_ERRORS, rows)


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


def tasks_of(tx: Tx, ids: Iterable[int]) -> dict[int, str]:
    """Processing id → its task."""
    asked = [{"id": i} for i in sorted(set(ids))]
    return dict(tx.each_tuple(_TASKS_OF, asked)) if asked else {}


def picture(row: Row[Any]) -> Processing:
    """A row as a Processing without steps."""
    return Processing(
        row.id, row.task, row.event_id, row.event_name, row.key, row.title, json.loads(row.params), State(row.state),
        row.version, *unranked(row.priority)[:1], moment(row.created_at), moment(row.due_at), moment(row.started_at),
        moment(row.finished_at), moment(row.cancel_requested_at), row.reason, row.hash, row.launcher_id,
        held_at=moment(row.held_at), pinned_at=moment(row.pinned_at), errors=row.errors,
        backfill=unranked(row.priority)[1],
        origin_id=row.origin_id, first_id=row.first_id, replaced_by=row.replaced_by, code_of=row.code_of,
        bytes=row.bytes, cleaned_at=moment(row.cleaned_at), wants=row.wants, place=row.place, callback=row.callback,
        retire_at=moment(row.retire_at), description=row.description, variables=row.variables, run=row.run_number,
        group=row.run_group, cause=row.cause if row.state == State.FAILED else None,
        source=row.source, experiment=row.experiment, idle=timedelta(microseconds=row.idle),
        waiting_at=moment(row.waiting_at),
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


def _add_errors(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger(), "n": Integer()})
    return update(processing).values(errors=processing.c.errors + given["n"]).where(processing.c.id == given["id"])


_ADD, _ADD_STEPS, _STANDING, _RELEASE, _ADD_ERRORS = (
    Statement(f) for f in (_add, _add_steps, _standing, _release, _add_errors)
)

PICTURE: Select[Any] = select(
    processing, event.c.name.label("event_name"), event.c.key, event.c.title, event.c.params, definition.c.hash
).select_from(
    processing.join(event, event.c.id == processing.c.event_id).join(
        definition, definition.c.id == processing.c.definition_id
    )
)

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


def _tasks_of(dialect: str) -> Executable:
    asked = given_rows(dialect, {"id": BigInteger()})
    return select(processing.c.id, processing.c.task).select_from(asked.join(processing, processing.c.id == asked.c.id))


_TASKS_OF = Statement(_tasks_of)
