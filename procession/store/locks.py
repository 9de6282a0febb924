"""Statements of locks: who has what, and who waits for what.

The tables hold what is held and waited for at this moment, nothing else, so they are small and read whole. Whoever
changes them holds the claim lock (`Tx.claim_alone`), but for those that fall with their owner.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Integer,
    Text,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    literal_column,
    null,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.sql.base import Executable

from procession.model.locks import UNSEEN, Hold, Owner, Wait
from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given
from procession.store.statement import Statement

_hold, _wait, _attempt = schema.lock_hold, schema.lock_wait, schema.attempt


def all_of(tx: Tx, now: int) -> tuple[list[Hold], list[Wait]]:
    """Every lock that is held, and everybody who waits and has asked lately, oldest first."""
    holds, waits = [], []
    for id_, name, pid, ordinal, number, count, at, by, seen_at in tx.tuples(_ALL):
        if count:
            holds.append(Hold(id_, name, pid, ordinal, number, count, at, by))
        elif abs(now - seen_at) <= UNSEEN:
            waits.append(Wait(id_, tuple(json.loads(name)), pid, ordinal, number, by, at, seen_at))
    return holds, waits


def lives(tx: Tx, owner: Owner) -> bool:
    """Does the attempt live that asks? Where it does, it lives until this transaction ends."""
    return tx.row(_LIVES, processing_id=owner.processing_id, ordinal=owner.asking, number=owner.number) is not None


def grant(tx: Tx, owner: Owner, names: Iterable[str], held: Sequence[Hold], now: int) -> None:
    """Let this owner have these, once more where it has them; `held` are all locks that are held."""
    had = {each.name: each for each in of_owner(held, owner)}
    again = [had[name].fence for name in names if name in had]
    new = [name for name in names if name not in had]
    tx.write(_COUNT, [{"id": fence, "more": 1} for fence in again])
    ids = tx.reserve_ids("lock_hold", len(new))
    tx.write(
        _ADD,
        [
            {
                "id": id_, "name": name, "processing_id": owner.processing_id, "ordinal": owner.ordinal,
                "number": 0 if owner.whole else owner.number, "n": 1, "at": now, "by": owner.by,
            }
            for id_, name in zip(ids, new, strict=True)
        ],
    )  # fmt: skip


def of_owner(held: Iterable[Hold], owner: Owner) -> list[Hold]:
    """Those of these locks that this very owner has."""
    number = 0 if owner.whole else owner.number
    return [h for h in held if (h.processing_id, h.ordinal, h.number) == (owner.processing_id, owner.ordinal, number)]


def release(tx: Tx, holds: Iterable[Hold]) -> None:
    """Let go each of these once; what was acquired more often is still held."""
    holds = list(holds)
    tx.write(_COUNT, [{"id": each.fence, "more": -1} for each in holds if each.count > 1])
    remove(tx, [each.fence for each in holds if each.count == 1])


def remove(tx: Tx, fences: Iterable[int]) -> None:
    """Take these away, however often they were acquired."""
    tx.write(_REMOVE, [{"id": fence} for fence in fences])


def fence_holds(tx: Tx, name: str, fence: int) -> bool:
    """Is this very grant still held?"""
    return tx.row(_FENCE, name=name, id=fence) is not None


def wait(tx: Tx, owner: Owner, names: Sequence[str], now: int) -> None:
    """Keep a place in the queue, or say that it is still wanted."""
    row = {"processing_id": owner.processing_id, "by": owner.by, "names": json.dumps(names)}
    which = {"ordinal": owner.ordinal, "number": 0 if owner.whole else owner.number}
    if tx.write(_SEE, [{**row, **which, "now": now}]) == 0:
        (id_,) = tx.reserve_ids("lock_wait", 1)
        tx.write(_ADD_WAIT, [{"id": id_, **row, **which, "now": now}])


def leave(tx: Tx, owner: Owner, names: Sequence[str]) -> None:
    """Wait for these no longer."""
    tx.write(_LEAVE, [{"processing_id": owner.processing_id, "by": owner.by, "names": json.dumps(names)}])


def forget_unseen(tx: Tx, now: int) -> None:
    """Take away those who waited and have not asked for long."""
    tx.run(_FORGET, before=now - UNSEEN, after=now + UNSEEN)


# ── locks fall with their owner ────────────────────────────────────────────────────────────────────


def fall(tx: Tx, processing_ids: Iterable[int]) -> None:
    """These processings have ended: nothing is held or waited for by them any more."""
    if _any(tx):
        rows = [{"processing_id": pid} for pid in processing_ids]
        tx.write(_FALL, rows)
        tx.write(_FALL_WAITS, rows)


def fall_of_attempts(tx: Tx, attempts: Iterable[tuple[int, int, int]]) -> None:
    """These attempts have ended: what they held for themselves falls, and they wait for nothing any more."""
    if _any(tx):
        rows = [{"processing_id": p, "ordinal": o, "number": n, "by": f"{p}/{o}/{n}"} for p, o, n in attempts]
        tx.write(_FALL_OF_ATTEMPT, rows)
        tx.write(_FALL_WAITS_OF_ATTEMPT, rows)


def _any(tx: Tx) -> bool:
    """Is anything held or waited for? What those who end hold was written before they began to end."""
    ((found,),) = tx.tuples(_ANY)
    return bool(found)


# ── statements ─────────────────────────────────────────────────────────────────────────────────────

_HOLD = {name: _hold.c[name].type for name in ("name", "processing_id", "ordinal", "number", "n", "at", "by")}
_HOLD = {"id": BigInteger(), **_HOLD, "processing_id": BigInteger()}
_ASKED = {"processing_id": BigInteger(), "by": Text(), "names": Text()}
_SEEN = {**_ASKED, "ordinal": Integer(), "number": Integer(), "now": BigInteger()}
_OWNER = {"processing_id": BigInteger(), "ordinal": Integer(), "number": Integer(), "by": Text()}


def _all(_: str) -> Executable:
    h, w = _hold.c, _wait.c
    holds = select(h.id, h.name, h.processing_id, h.ordinal, h.number, h.n, h.at, h.by, null().label("seen_at"))
    zero: Any = literal_column("0").label("n")
    waits = select(w.id, w.names, w.processing_id, w.ordinal, w.number, zero, w.since, w.by, w.seen_at)
    return union_all(holds, waits).order_by(literal_column("1"))


def _lives(dialect: str) -> Executable:
    c = _attempt.c
    query: Any = select(literal_column("1")).select_from(_attempt)
    query = query.where(
        c.processing_id == bindparam("processing_id", type_=BigInteger()),
        c.ordinal == bindparam("ordinal", type_=Integer()),
        c.number == bindparam("number", type_=Integer()),
        c.outcome.is_(None),
    )
    locking: Executable = query if dialect == "sqlite" else query.with_for_update()
    return locking


def _where(table: Any, given: Given, *names: str) -> Any:
    return and_(*(table.c[name] == given[name] for name in names))


def _count(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger(), "more": Integer()})
    return update(_hold).values(n=_hold.c.n + given["more"]).where(_hold.c.id == given["id"])


def _add_wait(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger(), **_SEEN})
    names = ["id", "names", "processing_id", "ordinal", "number", "by"]
    chosen = given.select().with_only_columns(*(given[n] for n in names), given["now"], given["now"])
    return insert(_wait).from_select([*names, "since", "seen_at"], chosen)


def _see(dialect: str) -> Executable:
    given = Given(dialect, _SEEN)
    seen = {"seen_at": given["now"], "ordinal": given["ordinal"], "number": given["number"]}
    return update(_wait).values(seen).where(_where(_wait, given, *_ASKED))


def _delete(table: Any, types: dict[str, Any], *names: str) -> Statement:
    return Statement(lambda dialect: delete(table).where(_where(table, Given(dialect, types), *names)))


_ALL, _LIVES, _COUNT, _SEE, _ADD_WAIT = (Statement(each) for each in (_all, _lives, _count, _see, _add_wait))
_ADD = Statement(lambda dialect: insert(_hold).from_select(list(_HOLD), Given(dialect, _HOLD).select()))
_REMOVE = _delete(_hold, {"id": BigInteger()}, "id")
_LEAVE = _delete(_wait, _ASKED, *_ASKED)
_FALL = _delete(_hold, {"processing_id": BigInteger()}, "processing_id")
_FALL_WAITS = _delete(_wait, {"processing_id": BigInteger()}, "processing_id")
_FALL_OF_ATTEMPT = _delete(_hold, _OWNER, "processing_id", "ordinal", "number")
_FALL_WAITS_OF_ATTEMPT = _delete(_wait, _OWNER, "processing_id", "by")
_FENCE = Statement(
    lambda _: select(_hold.c.id).where(
        _hold.c.id == bindparam("id", type_=BigInteger()), _hold.c.name == bindparam("name", type_=Text())
    )
)
_FORGET = Statement(
    lambda _: delete(_wait).where(
        or_(
            _wait.c.seen_at < bindparam("before", type_=BigInteger()),
            _wait.c.seen_at > bindparam("after", type_=BigInteger()),
        )
    )
)
_ANY = Statement(lambda _: select(or_(exists(select(_hold.c.id)), exists(select(_wait.c.id)))))
