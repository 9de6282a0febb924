"""Statements and pictures of causes: why attempts failed, and what has failed for each of them now."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    Text,
    and_,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.sql.base import Executable

from procession.store import notes, schema
from procession.store.database import Tx
from procession.store.dialect import Given, upsert
from procession.store.statement import Statement, param

_t, _p, _s, _a = schema.cause, schema.processing, schema.step, schema.attempt
_ROW = {
    "signature": Text(), "task": Text(), "step": Text(), "text": Text(), "sample": Text(), "n": BigInteger(),
    "first_at": BigInteger(), "last_at": BigInteger(),
}  # fmt: skip
MOST_COUNTED = 10_001
"""Of one cause no more are counted where many causes are asked for one by one."""
FAILED_NOW: Any = literal_column(
    "(processing.state = 'failed' AND processing.replaced_by IS NULL AND processing.cause IS NOT NULL)"
)
"""In the words of `ix_processing_cause`."""


@dataclass(frozen=True, slots=True)
class Known:
    """A cause, and what is to be said of it."""

    signature: str
    task: str
    step: str
    text: str
    sample: str
    """As it was said last."""
    n: int
    """Attempts that ended so."""
    first_at: int
    last_at: int
    muted_at: int | None
    muted_until: int | None
    muted_by: str | None
    note: str | None
    muted_up_to: int | None = None
    """Nobody is told of it before it has occurred so often."""
    owner: str | None = None
    known_at: int | None = None
    """When somebody looked at it first."""
    resolved_at: int | None = None
    resolved_by: str | None = None
    failed: int = 0
    """Processings that have failed for it and are not mended."""
    newest: int | None = None
    """The newest of them."""

    def mutes(self, now: int) -> bool:
        """Is nobody told of it at this moment?"""
        spent = self.muted_up_to is not None and self.n >= self.muted_up_to
        return self.muted_at is not None and not spent and (self.muted_until is None or self.muted_until > now)

    def standing(self, now: int) -> str:
        """``muted``; ``resolved``, or ``regressed`` if it has occurred since; ``known``, or ``new``: nobody has looked
        at it."""
        if self.mutes(now):
            return "muted"
        if self.resolved_at is not None:
            return "regressed" if self.last_at > self.resolved_at else "resolved"
        return "new" if self.known_at is None else "known"


def note(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Attempts have ended so: rows with every column of `_ROW`, each signature once."""
    tx.write(_NOTE, sorted(rows, key=lambda row: str(row["signature"])))


def blame(tx: Tx, ids: Iterable[int]) -> None:
    """Give these processings, which have just failed, the cause of the step for which they failed: the one whose last
    attempt ended first."""
    tx.write(_BLAME, [{"id": each} for each in sorted(set(ids))])


def muted(tx: Tx, now: int) -> frozenset[str]:
    """Signatures of those of which nobody is told."""
    return frozenset(signature for (signature,) in tx.tuples(_MUTED, now=now))


def beginning(tx: Tx, text: str, most: int = 2) -> list[Known]:
    """Those whose signatures begin so, at most so many."""
    return [Known(*row) for row in tx.tuples(_BEGINNING, first=text, last=text + "~", n=most)]


def news(tx: Tx, now: int, limit: int) -> list[Known]:
    """Those that nobody has looked at or that have come back, and of which people are told; those first that occurred
    last."""
    return [each for row in tx.tuples(_NEWS, n=limit) if not (each := Known(*row)).mutes(now)]


def listed(tx: Tx, *, task: str | None, since: int | None, everything: bool, limit: int) -> list[Known]:
    """Those for which something has failed now, most first; with `everything` also the others, as they occurred."""
    now = _failing_now().subquery("now")
    joined = _t.join(now, now.c.cause == _t.c.signature, isouter=everything)
    failed = func.coalesce(now.c.failed, 0)
    asked = (
        select(*_COLUMNS, failed, now.c.newest)
        .select_from(joined)
        .order_by(failed.desc(), _t.c.last_at.desc(), _t.c.signature)
        .limit(limit)
    )
    if task is not None:
        asked = asked.where(_t.c.task == task)
    if since is not None:
        asked = asked.where(_t.c.last_at >= since)
    return [Known(*tuple(row)) for row in tx.connection.execute(asked)]


def mute(
    tx: Tx,
    signature: str,
    at: int | None,
    until: int | None,
    by: str | None,
    note: str | None,
    up_to: int | None = None,
) -> None:
    """Tell nobody of it until then, or before it has occurred so often (None: until somebody says so); or tell people
    again, if `at` is None."""
    tx.run(_MUTE, signature=signature, at=at, until=until, by=by, note=note, up_to=up_to)
    if at is not None:
        tx.run(_UNTELL, signature=signature)


def know(tx: Tx, signature: str, at: int, owner: str | None, note: str | None) -> None:
    """Somebody has looked at it: who looks after it, and what is known of it; None leaves these as they are."""
    tx.run(_KNOW, signature=signature, at=at, owner=owner, note=note)


def resolve(tx: Tx, signature: str, at: int, by: str) -> None:
    """It is mended: what fails for it later is a regression."""
    tx.run(_RESOLVE, signature=signature, at=at, by=by)


def hosts(tx: Tx, signatures: Sequence[str], newest: int) -> dict[str, list[int]]:
    """Signature → the launchers of the attempts for which its newest processings failed, a number each time."""
    rows = tx.tuples(_HOSTS, signatures=json.dumps(list(signatures)), n=newest)
    return {signature: [int(each) for each in (told or "").split()] for signature, told in rows}


def members(tx: Tx, signature: str, limit: int) -> list[int]:
    """The newest processings that have failed for it and are not mended."""
    return [pid for (pid,) in tx.tuples(_MEMBERS, signature=signature, n=limit)]


def remove_old(tx: Tx, before: int) -> None:
    """Forget those that have not occurred since then, for which nothing has failed now and that nobody has muted."""
    if tx.run(_REMOVE, before=before).rowcount:
        tx.run(_UNCOUNT)
        notes.remove_strays(tx)


# ── statements ─────────────────────────────────────────────────────────────────────────────────────


_COLUMNS = tuple(
    _t.c[name]
    for name in (
        "signature", "task", "step", "text", "sample", "n", "first_at", "last_at", "muted_at", "muted_until",
        "muted_by", "note", "muted_up_to", "owner", "known_at", "resolved_at", "resolved_by",
    )
)  # fmt: skip


def _note(dialect: str) -> Executable:
    given = Given(dialect, _ROW)
    rows = given.select().where(given["signature"].is_not(None))  # SQLite needs a WHERE before ON CONFLICT
    put = upsert(dialect)(_t).from_select(list(_ROW), rows)
    return put.on_conflict_do_update(
        index_elements=["signature"],
        set_={"n": _t.c.n + put.excluded.n, "sample": put.excluded.sample, "last_at": put.excluded.last_at},
    )


def _blame(dialect: str) -> Executable:
    given = Given(dialect, {"id": BigInteger()})
    same = and_(
        _a.c.processing_id == _s.c.processing_id, _a.c.ordinal == _s.c.ordinal, _a.c.number == _s.c.attempt
    )  # fmt: skip
    first = (
        select(_a.c.cause)
        .select_from(_s.join(_a, same))
        .where(_s.c.processing_id == _p.c.id, literal_column("step.state = 'failed'"), _a.c.cause.is_not(None))
        .order_by(_s.c.finished_at, _s.c.ordinal)
        .limit(literal_column("1"))
        .correlate(_p)
        .scalar_subquery()
    )
    return update(_p).values(cause=first).where(_p.c.id == given["id"])


_NOTE, _BLAME = Statement(_note), Statement(_blame)
_MUTED = Statement(
    lambda _: select(_t.c.signature).where(
        _t.c.muted_at.is_not(None),
        func.coalesce(_t.c.muted_until, literal_column(str(2**62))) > param("now"),
        _t.c.n < func.coalesce(_t.c.muted_up_to, literal_column(str(2**62))),
    )
)


def _failing_now() -> Select[Any]:
    """Grouped along `ix_processing_cause`, which has all that is asked for."""
    count, newest = func.count().label("failed"), func.max(_p.c.id).label("newest")
    return select(_p.c.cause, count, newest).where(FAILED_NOW).group_by(_p.c.cause)


def _counted() -> tuple[Any, Any]:
    """How many have failed for a cause now, and the newest of them: by the entries of its index, up to a number."""
    mine = (FAILED_NOW, _p.c.cause == _t.c.signature)
    some = select(_p.c.id).where(*mine).limit(literal_column(str(MOST_COUNTED))).correlate(_t).subquery("newest")
    newest = select(func.max(_p.c.id)).where(*mine).correlate(_t).scalar_subquery()
    return select(func.count()).select_from(some).scalar_subquery(), newest


def _news(_: str) -> Executable:
    """Nobody has looked at them, or they have come back."""
    return (
        select(*_COLUMNS, *_counted())
        .where(
            or_(
                and_(_t.c.known_at.is_(None), _t.c.resolved_at.is_(None)),
                and_(_t.c.resolved_at.is_not(None), _t.c.last_at > _t.c.resolved_at),
            )
        )
        .order_by(_t.c.last_at.desc())
        .limit(param("n"))
    )


_NEWS = Statement(_news)


def _beginning(dialect: str) -> Executable:
    return (
        select(*_COLUMNS, *_counted())
        .where(_t.c.signature >= param("first", Text), _t.c.signature < param("last", Text))
        .order_by(_t.c.signature)
        .limit(param("n"))
    )


_BEGINNING = Statement(_beginning)
_MUTE = Statement(
    lambda _: (
        update(_t)
        .values(
            muted_at=param("at"),
            muted_until=param("until"),
            muted_by=param("by", Text),
            note=param("note", Text),
            muted_up_to=param("up_to"),
        )
        .where(_t.c.signature == param("signature", Text))
    )
)
_signature = _t.c.signature == param("signature", Text)
_KNOW = Statement(
    lambda _: (
        update(_t)
        .values(
            known_at=func.coalesce(_t.c.known_at, param("at")), owner=func.coalesce(param("owner", Text), _t.c.owner),
            note=func.coalesce(param("note", Text), _t.c.note),
        )
        .where(_signature)
    )
)  # fmt: skip
_RESOLVE = Statement(
    lambda _: (
        update(_t)
        .values(
            resolved_at=param("at"),
            resolved_by=param("by", Text),
            muted_at=None,  # what is mended is not to be silent when it comes back
            muted_until=None,
            muted_up_to=None,
            known_at=func.coalesce(_t.c.known_at, param("at")),
        )
        .where(_signature)
    )
)
_MEMBERS = Statement(
    lambda _: (
        select(_p.c.id)
        .where(FAILED_NOW, _p.c.cause == param("signature", Text))
        .order_by(_p.c.id.desc())
        .limit(param("n"))
    )
)


def _hosts(dialect: str) -> Executable:
    """Of each cause the first entries of its index, of each of these the step that failed."""
    sqlite = dialect == "sqlite"
    join = "group_concat(r.launcher, ' ')" if sqlite else "string_agg(CAST(r.launcher AS TEXT), ' ')"
    given = (
        "json_each(:signatures) g" if sqlite else "jsonb_array_elements_text(CAST(:signatures AS jsonb)) AS g(value)"
    )
    return text(
        f"SELECT g.value, (SELECT {join} FROM (SELECT (SELECT a.launcher_id FROM step s JOIN attempt a"
        " ON a.processing_id = s.processing_id AND a.ordinal = s.ordinal AND a.number = s.attempt"
        " WHERE s.processing_id = processing.id AND s.state = 'failed' LIMIT 1) AS launcher FROM processing"
        f" WHERE {schema.FAILED_NOW} AND processing.cause = g.value ORDER BY processing.id DESC LIMIT :n) AS r"
        f" WHERE r.launcher IS NOT NULL) FROM {given}"
    )


_HOSTS = Statement(_hosts)
_tally = schema.tally
_UNCOUNT = Statement(
    lambda _: delete(_tally).where(
        _tally.c.noun == literal_column("'cause'"),
        ~exists(select(_t.c.signature).where(_t.c.signature == _tally.c.name)),
    )
)
_m = schema.message
_UNTELL = Statement(
    lambda _: (
        update(_m)
        .values(needs_person_at=None)
        .where(
            literal_column("(message.ended_at IS NULL)"),
            _m.c.kind == literal_column("'failure'"),
            _m.c.signature == param("signature", Text),
            _m.c.told_at.is_(None),
        )
    )
)
_REMOVE = Statement(
    lambda _: delete(_t).where(
        _t.c.last_at < param("before"),
        _t.c.muted_at.is_(None),
        ~exists(select(_p.c.id).where(FAILED_NOW, _p.c.cause == _t.c.signature)),
    )
)
