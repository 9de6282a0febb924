"""Statements and pictures of tasks, their definitions, and the installation."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import BigInteger, Text, bindparam, delete, func, insert, select, update
from sqlalchemy.sql.base import Executable

from procession.model.task import Task
from procession.store import moves, schema
from procession.store.database import Tx
from procession.store.dialect import upsert
from procession.store.statement import Statement

log = logging.getLogger("procession")

definition, task = schema.definition, schema.task


@lru_cache(maxsize=1024)
def _parsed(body: str) -> Task:
    return Task.from_json(body)


def current(tx: Tx) -> dict[int, Task]:
    """Definition id → task, for every task that takes events now; one that cannot be read takes none."""
    found = {}
    for definition_id, body in tx.tuples(_CURRENT):
        try:
            found[definition_id] = _parsed(body)
        except (ValueError, TypeError, LookupError) as error:
            log.error("definition %d cannot be read, its task takes no events: %s", definition_id, error)
    return found


def get(tx: Tx, definition_id: int) -> Task:
    """The definition with this id; a processing keeps the one that it was born with."""
    return _parsed(tx.run(_GET, id=definition_id).scalar_one())


def with_calls(tx: Tx) -> frozenset[str]:
    """Names of the tasks of which a step is a call, also of those that take nothing new any more."""
    found = set()
    for row in tx.rows(_EVERY):
        try:
            task = _parsed(row.body)
        except (ValueError, TypeError, LookupError):
            continue  # `current` says so
        if any(step.kind == "call" for step in task.steps):
            found.add(task.name)
    return frozenset(found)


def by_hash(tx: Tx, digest: str) -> Task:
    """The definition with this hash."""
    return _parsed(tx.run(_BODY_OF, hash=digest).scalar_one())


def names(tx: Tx) -> list[str]:
    """The names of all tasks in the file."""
    return [task.name for task in current(tx).values()]


def keep(tx: Tx, tasks: tuple[Task, ...], at: int) -> None:
    """Make these the tasks in force; what is gone is marked removed, what it began will finish."""
    known = {row.name: row.registered_at for row in tx.rows(_ALL)}
    for item in tasks:
        if known.get(item.name) is not None:
            said = f"{item.name} is in the files now, and what they say holds; what a program registered does not"
            log.warning("task %s", said)
            moves.tell(tx, "task", "define", at, "procession", said)
        definition_id = _keep_definition(tx, item, at)
        tx.run(_UPDATE if item.name in known else _ADD, name=item.name, definition_id=definition_id, at=None)
    for name in known.keys() - {item.name for item in tasks}:
        tx.run(_REMOVE, name=name, at=at)


def _keep_definition(tx: Tx, item: Task, at: int) -> int:
    tx.run(_ADD_DEFINITION, hash=item.hash, task=item.name, body=item.to_json(), created_at=at)
    return int(tx.run(_BY_HASH, hash=item.hash).scalar_one())


class Stand(NamedTuple):
    """How a task stands."""

    definition_id: int
    removed_at: int | None
    registered_at: int | None
    """A program registered it then; None: the files define it, or did."""


def stand(tx: Tx, name: str) -> Stand | None:
    """How the task of this name stands; None if there has never been one."""
    row = tx.row(_STAND, name=name)
    return None if row is None else Stand(row.definition_id, row.removed_at, row.registered_at)


def register(tx: Tx, item: Task, at: int) -> int:
    """Put the task of a program in force; return the id of its definition. What was begun keeps the one it has."""
    definition_id = _keep_definition(tx, item, at)
    tx.run(_UPDATE if stand(tx, item.name) else _ADD, name=item.name, definition_id=definition_id, at=at)
    return definition_id


def close(tx: Tx, name: str, at: int) -> None:
    """A task that a program registered takes nothing new any more."""
    tx.run(_CLOSE, name=name, at=at)


def unregister(tx: Tx, name: str) -> None:
    """Forget a task that a program registered."""
    tx.run(_UNREGISTER, name=name)


def nominals(tx: Tx) -> dict[str, int | None]:
    """Periodic task → its last nominal time."""
    return {row.name: row.nominal_at for row in tx.rows(_ALL)}


def hold_nominal(tx: Tx, name: str) -> int | None:
    """The last nominal time of a periodic task, which nobody else changes until this transaction ends."""
    row = tx.row(_HOLD_NOMINAL, name=name)
    return None if row is None else row.nominal_at


def now_of(tx: Tx, name: str) -> int | None:
    """Id of the definition that a task has now; None if it is not in the files."""
    row = tx.row(_NOW_OF, name=name)
    return None if row is None else row[0]


def set_nominal(tx: Tx, name: str, at: int) -> None:
    """Remember the nominal time for which a periodic task was last started."""
    tx.run(_NOMINAL, name=name, at=at)


def set_resumed(tx: Tx, name: str, at: int) -> None:
    """A person lets it go on: failures before this moment no longer suspend it."""
    tx.run(_RESUMED, name=name, at=at)


def resumed_at(tx: Tx, name: str) -> int:
    """When it was last let go on; 0 if never."""
    row = tx.row(_RESUMED_AT, name=name)
    return row[0] if row is not None and row[0] is not None else 0


def first_seen(tx: Tx) -> dict[str, int]:
    """Task → when a definition of it was first in the files."""
    return dict(tx.tuples(_FIRST_SEEN))


def _add_definition(dialect: str) -> Executable:
    make = upsert(dialect)
    columns = {c: bindparam(c, type_=definition.c[c].type) for c in ("hash", "task", "body", "created_at")}
    return make(definition).values(columns).on_conflict_do_nothing()


_name, _at = bindparam("name", type_=Text()), bindparam("at", type_=BigInteger())
_definition_id = bindparam("definition_id", type_=BigInteger())
_ADD_DEFINITION = Statement(_add_definition)
_BY_HASH = Statement(lambda _: select(definition.c.id).where(definition.c.hash == bindparam("hash", type_=Text())))
_BODY_OF = Statement(lambda _: select(definition.c.body).where(definition.c.hash == bindparam("hash", type_=Text())))
_GET = Statement(lambda _: select(definition.c.body).where(definition.c.id == bindparam("id", type_=BigInteger())))
_CURRENT = Statement(
    lambda _: (
        select(definition.c.id, definition.c.body)
        .join_from(task, definition, task.c.definition_id == definition.c.id)
        .where(task.c.removed_at.is_(None))
        .order_by(task.c.name)
    )
)
_EVERY = Statement(
    lambda _: select(definition.c.body).join_from(task, definition, task.c.definition_id == definition.c.id)
)
_ALL = Statement(lambda _: select(task.c.name, task.c.nominal_at, task.c.registered_at))
_ADD = Statement(lambda _: insert(task).values(name=_name, definition_id=_definition_id, registered_at=_at))
_UPDATE = Statement(
    lambda _: (
        update(task)
        .values(definition_id=_definition_id, removed_at=None, registered_at=_at)
        .where(task.c.name == _name)
    )
)
_REMOVE = Statement(
    lambda _: (
        update(task)
        .values(removed_at=_at)
        .where(task.c.name == _name, task.c.removed_at.is_(None), task.c.registered_at.is_(None))
    )
)
_STAND = Statement(lambda _: select(task).where(task.c.name == _name))
_CLOSE = Statement(lambda _: update(task).values(removed_at=_at).where(task.c.name == _name))
_UNREGISTER = Statement(lambda _: delete(task).where(task.c.name == _name, task.c.registered_at.is_not(None)))
_RESUMED = Statement(lambda _: update(task).values(resumed_at=_at).where(task.c.name == _name))
_RESUMED_AT = Statement(lambda _: select(task.c.resumed_at).where(task.c.name == _name))
_FIRST_SEEN = Statement(
    lambda _: select(definition.c.task, func.min(definition.c.created_at)).group_by(definition.c.task)
)
_NOW_OF = Statement(lambda _: select(task.c.definition_id).where(task.c.name == _name, task.c.removed_at.is_(None)))
_HOLD_NOMINAL = Statement(
    lambda dialect: (
        select(task.c.nominal_at).where(task.c.name == _name)
        if dialect == "sqlite"
        else select(task.c.nominal_at).where(task.c.name == _name).with_for_update()
    )
)
_NOMINAL = Statement(lambda _: update(task).values(nominal_at=_at).where(task.c.name == _name))
