"""Statements of the audit, and of the answers that were given to idempotency keys.

Both are written in the transaction of the change that they tell of: what was done is known, what is known was done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, Text, delete, select, update
from sqlalchemy.sql.base import Executable

from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given, upsert
from procession.store.statement import Statement, param

_t, _a = schema.audit, schema.answer

PIECE = 5_000
"""Lines of the audit that are forgotten at once: the oldest by their ids, so that no index of moments is needed."""
_ROW = {
    "at": BigInteger(), "by": Text(), "via": Text(), "origin": Text(), "token": Text(), "verb": Text(),
    "subject": Text(), "asked": Text(), "before": Text(), "after": Text(), "outcome": Text(), "problem": Text(),
}  # fmt: skip


_EMPTY: dict[str, Any] = dict.fromkeys(_ROW)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the audit: who asked for what, from where, and what came of it."""

    id: int
    at: int
    by: str
    via: str
    origin: str | None
    token: str | None
    verb: str
    subject: str | None
    asked: str
    before: str | None
    after: str | None
    outcome: str
    problem: str | None


@dataclass(frozen=True, slots=True)
class Answered:
    """What a caller was answered who gave an idempotency key."""

    asked: str
    """SHA-256 of the request."""
    status: int
    """0: it was done, and what was answered is not known (the server was killed in between)."""
    body: str
    at: int


def add(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Write lines of the audit; what a row does not have is empty."""
    tx.write(_ADD, [_EMPTY | row for row in rows])


def page(
    tx: Tx, *, before: int | None, limit: int, by: str | None = None, verb: str | None = None,
    subject: str | None = None,
) -> list[Line]:  # fmt: skip
    """Lines of the audit, newest first; `before` is the id to go on from."""
    asked: Select[Any] = select(_t).order_by(_t.c.id.desc()).limit(limit)
    wanted = {_t.c.by: by, _t.c.verb: verb, _t.c.subject: subject}
    for column, value in wanted.items():
        if value is not None:
            asked = asked.where(column == value)
    if before is not None:
        asked = asked.where(_t.c.id < before)
    return [Line(*row) for row in tx.connection.execute(asked)]


def find_answer(tx: Tx, caller: str, key: str) -> Answered | None:
    """What this caller was answered to this key, if anything."""
    row = tx.row(_FIND, caller=caller, key=key)
    return None if row is None else Answered(row.asked, row.status, row.body, row.at)


def take_key(tx: Tx, caller: str, key: str, asked: str, at: int) -> bool:
    """Take a key for this request; False if somebody has it."""
    return tx.run(_TAKE, caller=caller, key=key, asked=asked, at=at).rowcount > 0


def set_answer(tx: Tx, caller: str, key: str, status: int, body: str) -> None:
    """Keep what was answered to a key that was taken."""
    tx.run(_SET, caller=caller, key=key, status=status, body=body)


def remove_answers(tx: Tx, before: int) -> int:
    """Forget what was answered before this moment; how many."""
    return tx.run(_REMOVE, before=before).rowcount


def remove_old(tx: Tx, before: int) -> bool:
    """Forget the oldest lines, as far as they are from before this moment; True if there may be more of them."""
    return tx.run(_FORGET, before=before, n=PIECE).rowcount == PIECE


def _take(dialect: str) -> Executable:
    texts = {name: param(name, Text) for name in ("caller", "key", "asked")}
    values = {**texts, "status": 0, "body": "", "at": param("at")}
    return upsert(dialect)(_a).values(values).on_conflict_do_nothing(index_elements=["caller", "key"])


_ADD = Statement(lambda dialect: Given(dialect, _ROW).into(dialect, _t))
_SAME = (_a.c.caller == param("caller", Text), _a.c.key == param("key", Text))
_FIND = Statement(lambda _: select(_a).where(*_SAME))
_TAKE = Statement(_take)
_SET = Statement(lambda _: update(_a).values(status=param("status", Integer), body=param("body", Text)).where(*_SAME))
_OLDEST = select(_t.c.id, _t.c.at).order_by(_t.c.id).limit(param("n", Integer)).subquery()
_FORGET = Statement(lambda _: delete(_t).where(_t.c.id.in_(select(_OLDEST.c.id).where(_OLDEST.c.at < param("before")))))
_REMOVE = Statement(lambda _: delete(_a).where(_a.c.at < param("before")))
