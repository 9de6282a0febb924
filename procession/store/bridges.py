"""Statements of bridges: what went over them, how they stand, and what is to be published."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Text, and_, delete, func, literal_column, select, update
from sqlalchemy.sql.base import Executable

from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_ids, upsert
from procession.store.statement import Statement, param

_b, _l, _o = schema.bridge.c, schema.bridge_link.c, schema.outbox.c
COUNTS = ("taken", "repeats", "cancels", "refused", "sent")


class Outgoing(NamedTuple):
    """A message that is to be published."""

    id: int
    bridge: str
    processing_id: int
    destination: str
    key: str | None
    body: str
    made_at: int
    due_at: int | None
    tries: int
    problem: str | None


class Link(NamedTuple):
    """A connection of a bridge, or the wish for one."""

    bridge: str
    owner: str
    way: str
    url: str | None
    since: int
    connected: int
    problem: str | None
    seen_at: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What went over a bridge, and what waits to be published."""

    taken: int = 0
    repeats: int = 0
    cancels: int = 0
    refused: int = 0
    sent: int = 0
    last_in_at: int | None = None
    last_out_at: int | None = None


# ── counts ─────────────────────────────────────────────────────────────────────────────────────────


def count(tx: Tx, name: str, at: int, **more: int) -> None:
    """Count what went over a bridge now."""
    row = {"name": name, **dict.fromkeys(COUNTS, 0), **more}
    row |= {"last_out_at": at if more.get("sent") else None, "last_in_at": None if more.get("sent") else at}
    tx.write(_COUNT, [row])


def counted(tx: Tx) -> dict[str, Counted]:
    """Name → what went over it."""
    return {row[0]: Counted(*row[1:]) for row in tx.tuples(_COUNTED)}


# ── connections ────────────────────────────────────────────────────────────────────────────────────


def say(tx: Tx, link: Link) -> None:
    """Say how a connection stands."""
    tx.write(_SAY, [link._asdict()])


def leave(tx: Tx, owner: str, bridge: str) -> None:
    """A process serves a bridge no more."""
    tx.run(_LEAVE, owner=owner, bridge=bridge)


def links(tx: Tx) -> list[Link]:
    """All that are known."""
    return [Link(*row) for row in tx.tuples(_LINKS)]


def forget_links(tx: Tx, before: int) -> None:
    """Forget those whose process has not been there since then."""
    tx.run(_FORGET, before=before)


# ── what is to be published ────────────────────────────────────────────────────────────────────────


def add(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Write messages: bridge, processing_id, destination, key, body, made_at, due_at."""
    tx.write(_ADD, rows)


def pending(tx: Tx, name: str, limit: int, above: int = 0) -> list[Outgoing]:
    """What is to be published over a bridge, in its order, from above an id on; not what was given up."""
    return [Outgoing(*row) for row in tx.tuples(_PENDING, bridge=name, above=above, n=limit)]


def waiting(tx: Tx) -> dict[str, tuple[int, int]]:
    """Name → how many wait to be published, and how many were given up."""
    return {name: (int(n - gone), int(gone)) for name, n, gone in tx.tuples(_WAITING)}


def sent(tx: Tx, ids: Iterable[int]) -> int:
    """The broker has these; they go. How many there were."""
    return tx.write(_SENT, [{"id": i} for i in ids])


def refused(tx: Tx, outgoing_id: int, problem: str, due_at: int | None) -> None:
    """The broker has refused one: it is tried again then, or given up."""
    tx.run(_REFUSED, id=outgoing_id, problem=problem, due_at=due_at)


def again(tx: Tx, name: str, at: int) -> int:
    """All that were given up are tried anew; how many."""
    return tx.run(_AGAIN, bridge=name, at=at).rowcount


def remove_given_up(tx: Tx, before: int) -> None:
    """Forget what was given up and is older than this moment: nobody has asked for it since."""
    tx.run(_REMOVE_GIVEN_UP, before=before)


def callbacks(tx: Tx, processing_ids: Iterable[int]) -> dict[int, str]:
    """Processing id → where its changes are told, for those that say so."""
    return dict(tx.tuples(_CALLBACKS, ids=_ids(processing_ids)))


def _ids(ids: Iterable[int]) -> str:
    return "[" + ",".join(map(str, ids)) + "]"


def _count(dialect: str) -> Executable:
    kinds: dict[str, Any] = {c.name: c.type for c in _b}
    given = Given(dialect, kinds)
    made = upsert(dialect)(schema.bridge).from_select(list(kinds), given.select().where(given["name"].is_not(None)))
    new = made.excluded
    values: dict[str, Any] = {name: _b[name] + new[name] for name in COUNTS}
    values |= {name: func.coalesce(new[name], _b[name]) for name in ("last_in_at", "last_out_at")}
    return made.on_conflict_do_update(index_elements=["name"], set_=values)


def _say(dialect: str) -> Executable:
    kinds: dict[str, Any] = {c.name: c.type for c in _l}
    given = Given(dialect, kinds)
    made = upsert(dialect)(schema.bridge_link).from_select(
        list(kinds), given.select().where(given["bridge"].is_not(None))
    )
    fresh = {name: made.excluded[name] for name in ("url", "since", "connected", "problem", "seen_at")}
    return made.on_conflict_do_update(index_elements=["bridge", "way", "owner"], set_=fresh)


def _callbacks(dialect: str) -> Executable:
    ids, p = given_ids(dialect, "ids"), schema.processing.c
    return (
        select(p.id, p.callback)
        .select_from(ids.join(schema.processing, p.id == ids.c.id))
        .where(p.callback.is_not(None))
    )


_ROW: dict[str, Any] = {
    c.name: c.type for c in _o if c.name in ("bridge", "destination", "key", "body", "made_at", "due_at")
} | {"processing_id": BigInteger()}
_COUNT, _SAY, _CALLBACKS = Statement(_count), Statement(_say), Statement(_callbacks)
_COUNTED = Statement(lambda _: select(schema.bridge))
_LINKS = Statement(lambda _: select(schema.bridge_link).order_by(_l.bridge, _l.way, _l.owner))
_LEAVE = Statement(
    lambda _: delete(schema.bridge_link).where(_l.owner == param("owner", Text), _l.bridge == param("bridge", Text))
)
_FORGET = Statement(lambda _: delete(schema.bridge_link).where(_l.seen_at < param("before")))
_ADD = Statement(lambda dialect: schema.outbox.insert().from_select(list(_ROW), Given(dialect, _ROW).select()))
_PENDING = Statement(
    lambda _: (
        select(schema.outbox)
        .where(_o.bridge == param("bridge", Text), _o.id > param("above"), _o.due_at.is_not(None))
        .order_by(_o.id)
        .limit(param("n", Integer))
    )
)
_WAITING = Statement(
    lambda _: select(_o.bridge, func.count(), func.count() - func.count(_o.due_at)).group_by(_o.bridge)
)
_SENT = Statement(lambda dialect: delete(schema.outbox).where(_o.id == Given(dialect, {"id": BigInteger()})["id"]))
_REFUSED = Statement(
    lambda _: (
        update(schema.outbox)
        .values(tries=_o.tries + literal_column("1"), problem=param("problem", Text), due_at=param("due_at"))
        .where(_o.id == param("id"))
    )
)
_AGAIN = Statement(
    lambda _: (
        update(schema.outbox)
        .values(tries=literal_column("0"), due_at=param("at"))
        .where(and_(_o.bridge == param("bridge", Text), _o.due_at.is_(None)))
    )
)
_REMOVE_GIVEN_UP = Statement(lambda _: delete(schema.outbox).where(_o.due_at.is_(None), _o.made_at < param("before")))
