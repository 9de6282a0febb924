"""Statements of sets of variables, and of what is looked for by run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import BigInteger, Text, bindparam, delete, func, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.sql.base import Executable

from procession.model.variable_set import VariableSet
from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import given_rows
from procession.store.statement import Statement, param

_t, _p = schema.variable_set, schema.processing
_COLUMNS = (
    "id", "task", "run_group", "first_run", "last_run", "made_for", "filter", "standard_vars", "advanced_vars",
    "description", "by", "at", "script",
)  # fmt: skip


def of_task(tx: Tx, task: str) -> list[VariableSet]:
    """All sets of a task, oldest first."""
    return [_picture(row) for row in tx.rows(_OF_TASK, task=task)]


def hold_task(tx: Tx, task: str) -> None:
    """Let nobody else change the sets of this task until the transaction ends."""
    tx.run(_HOLD_TASK, name=task)


def add(tx: Tx, new: VariableSet) -> int:
    """Write one; return its id."""
    (new_id,) = tx.reserve_ids("variable_set", 1)
    tx.run(
        _ADD, id=new_id, task=new.task, run_group=new.group, first_run=new.first_run, last_run=new.last_run,
        made_for=new.made_for, filter=new.where, standard_vars=_json(new.standard_vars),
        advanced_vars=_json(new.advanced_vars), description=new.description, by=new.by, at=new.at, script=new.script,
    )  # fmt: skip
    return int(new_id)


def cut(tx: Tx, set_id: int, first_run: int) -> None:
    """It begins with this run from now on."""
    tx.run(_CUT, id=set_id, first_run=first_run)


def remove(tx: Tx, set_id: int) -> None:
    """Take one away."""
    tx.run(_REMOVE, id=set_id)


def latest_run(tx: Tx, task: str) -> int | None:
    """The largest run number that a processing of this task has; None if none has one."""
    ((run,),) = tx.tuples(_LATEST, task=task)
    return run  # type: ignore[no-any-return]


def newest_of_runs(tx: Tx, task: str, runs: Iterable[int]) -> dict[int, int]:
    """Run → the newest processing of this task and run, whatever its event; runs that there are not are left out."""
    rows = tx.run(_NEWEST_OF_RUNS, task=task, rows=json.dumps([{"run": run} for run in runs])).fetchall()
    return {row.run_number: row.id for row in rows if row.id is not None}


def versions_of(tx: Tx, event_id: int, task: str) -> list[int]:
    """Ids of all versions of the processing of an event by a task, oldest first."""
    return [pid for (pid,) in tx.tuples(_VERSIONS, event_id=event_id, task=task)]


def _json(values: Any) -> str:
    return json.dumps(dict(values), ensure_ascii=False, allow_nan=False)


def _picture(row: Row[Any]) -> VariableSet:
    return VariableSet(
        row.task, json.loads(row.standard_vars), json.loads(row.advanced_vars), row.run_group, row.first_run,
        row.last_run, row.made_for, row.filter, row.description, row.by, row.at, row.script, row.id,
    )  # fmt: skip


def _hold_task(dialect: str) -> Executable:
    """On SQLite whoever writes is alone."""
    query = select(schema.task.c.name).where(schema.task.c.name == param("name", Text))
    return query if dialect == "sqlite" else query.with_for_update()


def _newest_of_runs(dialect: str) -> Executable:
    """One look into the index for each run; joined, SQLite would read all runs of the task."""
    given = given_rows(dialect, {"run": BigInteger()})
    newest = (
        select(func.max(_p.c.id))
        .where(
            _p.c.task == param("task", Text),
            _p.c.run_number == given.c.run,
            _p.c.run_number.is_not(None),
            _p.c.replaced_by.is_(None),
        )
        .correlate(given)
        .scalar_subquery()
    )
    return select(given.c.run.label("run_number"), newest.label("id"))


_OF_TASK = Statement(lambda _: select(_t).where(_t.c.task == param("task", Text)).order_by(_t.c.id))
_HOLD_TASK = Statement(_hold_task)
_ADD = Statement(lambda _: insert(_t).values({n: bindparam(n, type_=_t.c[n].type) for n in _COLUMNS}))
_CUT = Statement(lambda _: update(_t).values(first_run=param("first_run")).where(_t.c.id == param("id")))
_REMOVE = Statement(lambda _: delete(_t).where(_t.c.id == param("id")))
_LATEST = Statement(
    lambda _: select(func.max(_p.c.run_number)).where(_p.c.task == param("task", Text), _p.c.run_number.is_not(None))
)
_NEWEST_OF_RUNS = Statement(_newest_of_runs)
_VERSIONS = Statement(
    lambda _: (
        select(_p.c.id)
        .where(_p.c.event_id == param("event_id"), _p.c.task == param("task", Text))
        .order_by(_p.c.version)
    )
)
