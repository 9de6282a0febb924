"""Statements and pictures of tokens and accounts: who is let in, and what they may."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Text, delete, func, insert, literal_column, or_, select, update

from procession.model.caller import Account, Token
from procession.store import schema
from procession.store.database import Tx
from procession.store.statement import Statement, param

_t, _a, _v = schema.token, schema.account, schema.view

OWNER = "token:"
"""Before the key of a token that has views of its own."""


def add(tx: Tx, token: Token, digest: str) -> None:
    """Write a token; what is kept of its secret is the hash."""
    tx.run(
        _ADD, key=token.key, hash=digest, kind=token.kind, name=token.name, account=token.account,
        scopes=json.dumps(sorted(token.scopes)), groups=_listed(token.groups), created_at=token.created_at,
        created_by=token.created_by, expires_at=token.expires_at,
    )  # fmt: skip


def find(tx: Tx, digest: str) -> tuple[Token, Account | None] | None:
    """The token with this hash and its account, if there are such."""
    row = tx.row(_BY_HASH, hash=digest)
    if row is None:
        return None
    token = _token(row)
    return token, None if token.account is None else find_account(tx, token.account)


def maker_of_session(tx: Tx, key: str) -> str | None:
    """Who made the link by which this session was opened; None for what is no session."""
    row = tx.row(_MAKER, key=key)
    return None if row is None else row.created_by


def all_of(tx: Tx, kind: str) -> list[Token]:
    """Tokens of a kind, the newest first."""
    return [_token(row) for row in tx.rows(_ALL, kind=kind)]


def revoke(tx: Tx, key: str, at: int) -> bool:
    """Let a token in no more; False if there is none that still lets anybody in."""
    return tx.run(_REVOKE, key=key, at=at).rowcount > 0


def revoke_of(tx: Tx, account: str, at: int) -> None:
    """Let in nobody any more by what this account has."""
    tx.run(_REVOKE_OF, account=account, at=at)


def use_once(tx: Tx, digest: str, at: int) -> bool:
    """Use a login link; False if it was used before, is too old, or there is none."""
    return tx.run(_USE_ONCE, hash=digest, at=at).rowcount > 0


def used(tx: Tx, at_of: dict[str, int]) -> None:
    """These were used at these moments."""
    for key, at in sorted(at_of.items()):
        tx.run(_USED, key=key, at=at)


def remove_expired(tx: Tx, before: int) -> int:
    """Forget links and sessions that have served, and what was revoked, before this moment, with the views of those
    tokens; how many."""
    tx.run(_REMOVE_VIEWS, before=before)
    return tx.run(_REMOVE_EXPIRED, before=before).rowcount


def find_account(tx: Tx, name: str) -> Account | None:
    """The account of this name, or None."""
    row = tx.row(_ACCOUNT, name=name)
    return None if row is None else _account(row)


def password_of(tx: Tx, name: str) -> str | None:
    """What is kept of an account's password; None if it has none, is disabled or there is no such account."""
    row = tx.row(_ACCOUNT, name=name)
    return None if row is None or row.disabled_at is not None else row.password


def accounts(tx: Tx) -> list[Account]:
    """All accounts by name."""
    return [_account(row) for row in tx.rows(_ACCOUNTS)]


def add_account(tx: Tx, account: Account, password: str | None) -> None:
    """Write an account."""
    tx.run(
        _ADD_ACCOUNT, name=account.name, role=account.role, groups=_listed(account.groups), password=password,
        created_at=account.created_at, disabled_at=account.disabled_at,
    )  # fmt: skip


def set_account(tx: Tx, account: Account, password: str | None) -> None:
    """Change an account; a password of None stays as it was."""
    tx.run(
        _SET_ACCOUNT, name=account.name, role=account.role, groups=_listed(account.groups),
        password=password, disabled_at=account.disabled_at,
    )  # fmt: skip


def remove_account(tx: Tx, name: str) -> bool:
    """Forget an account; False if there is none."""
    return tx.run(_REMOVE_ACCOUNT, name=name).rowcount > 0


def _listed(groups: frozenset[str] | None) -> str | None:
    return None if groups is None else json.dumps(sorted(groups))


def _set(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(json.loads(text))


def _token(row: Any) -> Token:
    return Token(
        row.key, row.kind, row.name, row.account, frozenset(json.loads(row.scopes)), _set(row.groups), row.created_at,
        row.created_by, row.expires_at, row.revoked_at, row.used_at,
    )  # fmt: skip


def _account(row: Any) -> Account:
    return Account(row.name, row.role, _set(row.groups), row.password is not None, row.created_at, row.disabled_at)


def _params(names: Sequence[str]) -> dict[str, Any]:
    return {name: param(name, BigInteger if name.endswith("_at") else Text) for name in names}


_ADD = Statement(
    lambda _: insert(_t).values(
        _params(
            ("key", "hash", "kind", "name", "account", "scopes", "groups", "created_at", "created_by", "expires_at")
        )
    )
)
_BY_HASH = Statement(lambda _: select(_t).where(_t.c.hash == param("hash", Text)))
_ALL = Statement(
    lambda _: select(_t).where(_t.c.kind == param("kind", Text)).order_by(_t.c.created_at.desc(), _t.c.key)
)  # fmt: skip
_STANDS: Any = literal_column("(token.revoked_at IS NULL)")
_MAKER = Statement(
    lambda _: select(_t.c.created_by).where(_t.c.key == param("key", Text), _t.c.kind == literal_column("'session'"))
)
_REVOKE = Statement(lambda _: update(_t).values(revoked_at=param("at")).where(_t.c.key == param("key", Text), _STANDS))
_REVOKE_OF = Statement(
    lambda _: update(_t).values(revoked_at=param("at")).where(_t.c.account == param("account", Text), _STANDS)
)
_USE_ONCE = Statement(
    lambda _: (
        update(_t)
        .values(used_at=param("at"))
        .where(
            _t.c.hash == param("hash", Text),
            literal_column("token.kind = 'login'"),
            _t.c.used_at.is_(None),
            _STANDS,
            _t.c.expires_at > param("at"),
        )
    )
)
_USED = Statement(lambda _: update(_t).values(used_at=param("at")).where(_t.c.key == param("key", Text)))
_EXPIRED = or_(_t.c.expires_at < param("before"), _t.c.revoked_at < param("before"))
_REMOVE_EXPIRED = Statement(lambda _: delete(_t).where(_EXPIRED))
_REMOVE_VIEWS = Statement(
    lambda _: delete(_v).where(_v.c.account.in_(select(literal_column(f"'{OWNER}'") + _t.c.key).where(_EXPIRED)))
)
_ACCOUNT = Statement(lambda _: select(_a).where(_a.c.name == param("name", Text)))
_ACCOUNTS = Statement(lambda _: select(_a).order_by(_a.c.name))
_ADD_ACCOUNT = Statement(
    lambda _: insert(_a).values(_params(("name", "role", "groups", "password", "created_at", "disabled_at")))
)
_SET_ACCOUNT = Statement(
    lambda _: (
        update(_a)
        .values(
            role=param("role", Text),
            groups=param("groups", Text),
            disabled_at=param("disabled_at"),
            password=func.coalesce(param("password", Text), _a.c.password),
        )
        .where(_a.c.name == param("name", Text))
    )
)
_REMOVE_ACCOUNT = Statement(lambda _: delete(_a).where(_a.c.name == param("name", Text)))
