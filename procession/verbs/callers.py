"""Verbs on tokens, users and the audit: who is let in, and what they did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from procession.clock import iso_at
from procession.commands import tokens
from procession.errors import Invalid
from procession.model.caller import Account, Token, bounded
from procession.project import Project
from procession.store import audit as lines
from procession.units import to_seconds
from procession.verbs.bounds import identity, up_to
from procession.verbs.verb import Caller, load, verb

MOST = 500


@verb("token-add", "admin", "POST /tokens", status=201, secret=True)
def token_add(
    project: Project, caller: Caller, name: str, scopes: list[str], groups: list[str] | None = None,
    user: str | None = None, expires: str | None = None,
) -> Any:  # fmt: skip
    """A new token for a program; its secret is in this answer and nowhere else. 'expires' is a span: 30 days"""
    seconds = None if expires is None else to_seconds(expires)
    made = tokens.add(project, name, scopes, caller.by, groups=groups, account=user, seconds=seconds)
    return {**_token(made.token, _users(project)), "secret": made.secret}


@verb("token-list", "admin", "GET /tokens")
def token_list(project: Project, caller: Caller) -> Any:
    """All tokens of programs, the newest first, by the first characters of their secrets."""
    users = _users(project)
    return {"items": [_token(each, users) for each in tokens.listed(project)], "next": None}


@verb("token-revoke", "admin", "DELETE /tokens/{key}")
def token_revoke(project: Project, caller: Caller, key: str) -> Any:
    """Revoke a token: it gives no access any more."""
    tokens.revoke(project, key)
    return {"key": key, "revoked": True}


@verb("login-link", "admin", "POST /login-links", status=201, secret=True)
def login_link(project: Project, caller: Caller, user: str | None = None) -> Any:
    """A link that opens one session in a browser, once, within five minutes."""
    made = tokens.link(project, caller.by, user)
    return {"code": made.secret, "path": f"/login#{made.secret}", "expires_at": iso_at(made.token.expires_at)}


@verb("user-add", "admin", "POST /users", status=201)
def user_add(
    project: Project, caller: Caller, name: str, role: str = "viewer", groups: list[str] | None = None,
    password: str | None = None,
) -> Any:  # fmt: skip
    """A person who may log in: viewer, operator or admin, of all tasks or of some groups."""
    return _account(tokens.add_account(project, name, role, groups, password))


@verb("user-list", "admin", "GET /users")
def user_list(project: Project, caller: Caller) -> Any:
    """All users by name."""
    return {"items": [_account(each) for each in tokens.accounts(project)], "next": None}


@verb("user-set", "admin", "PUT /users/{name}")
def user_set(
    project: Project, caller: Caller, name: str, role: str | None = None, groups: list[str] | None = None,
    password: str | None = None, disabled: bool | None = None, all_groups: bool = False,
) -> Any:  # fmt: skip
    """Change what is given of a user; a new password, or being disabled, ends their sessions and tokens."""
    return _account(
        tokens.set_account(
            project, name, role=role, groups=groups, password=password, disabled=disabled, everything=all_groups
        )
    )


@verb("user-remove", "admin", "DELETE /users/{name}")
def user_remove(project: Project, caller: Caller, name: str) -> Any:
    """Remove a user, with all their sessions and tokens."""
    tokens.remove_account(project, name)
    return {"name": name, "removed": True}


@verb("audit", "admin", "GET /audit")
def audit(
    project: Project, caller: Caller, by: str | None = None, verb: str | None = None, subject: str | None = None,
    limit: int = 100, cursor: int | None = None,
) -> Any:  # fmt: skip
    """Who asked for what, from where, and what came of it; the newest first."""
    limit = up_to("limit", limit, MOST)
    cursor = None if cursor is None else identity("cursor", cursor)
    with project.store.read() as tx:
        found = lines.page(tx, before=cursor, limit=limit + 1, by=by, verb=verb, subject=subject)
    if verb is not None and not found and verb not in (known := load()):
        near = get_close_matches(verb, known, 1)
        raise Invalid(f"unknown verb {verb[:60]!r}" + (f"; did you mean {near[0]}?" if near else ""))
    rest = found[limit:]
    return {"items": [_line(each) for each in found[:limit]], "next": found[limit - 1].id if rest else None}


def _users(project: Project) -> dict[str | None, Account]:
    return {each.name: each for each in tokens.accounts(project)}


def _token(token: Token, users: Mapping[str | None, Account]) -> dict[str, Any]:
    scopes, groups = bounded(token.scopes, token.groups, users.get(token.account))
    return {
        "key": token.key,
        "name": token.name,
        "user": token.account,
        "scopes": sorted(token.scopes),
        "groups": _groups(token.groups),
        "effective": {"scopes": sorted(scopes), "groups": _groups(groups)},
        "created_at": iso_at(token.created_at),
        "created_by": token.created_by,
        "expires_at": iso_at(token.expires_at),
        "revoked_at": iso_at(token.revoked_at),
        "used_at": iso_at(token.used_at),
    }


def _account(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "role": account.role,
        "groups": _groups(account.groups),
        "password": account.has_password,
        "created_at": iso_at(account.created_at),
        "disabled_at": iso_at(account.disabled_at),
    }


def _line(line: lines.Line) -> dict[str, Any]:
    def read(text: str | None) -> Any:
        return None if text is None else json.loads(text)

    return {
        "id": line.id,
        "at": iso_at(line.at),
        "by": line.by,
        "via": line.via,
        "origin": line.origin,
        "token": line.token,
        "verb": line.verb,
        "subject": line.subject,
        "asked": read(line.asked),
        "before": read(line.before),
        "after": read(line.after),
        "outcome": line.outcome,
        "problem": line.problem,
    }


def _groups(groups: frozenset[str] | None) -> list[str] | None:
    return None if groups is None else sorted(groups)
