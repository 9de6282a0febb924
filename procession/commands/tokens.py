"""Tokens, login links, sessions and users: who is let in.

*In:* what an administrator asks for. *Out:* rows in `token` and `account`; a secret, once, to whoever asked for it.
*Always:* nothing is kept of a secret but its hash; the first token is written to a file that only its owner reads, and
never to a terminal or a log.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, replace

from procession.errors import ConfigError, Denied, Invalid, NotFound, Refused
from procession.model.caller import (
    ROLES,
    SCOPES,
    SECRET,
    Account,
    Token,
    bounded,
    check_groups,
    check_role,
    check_scopes,
    digest,
    hashed,
    is_password,
    key_of,
    secret_of,
)
from procession.model.event import check_name, check_text
from procession.project import Project
from procession.store import tokens, views
from procession.store.database import Tx

LINK_SECONDS = 300
"""For so long a login link may be used."""
SESSION_SECONDS = 12 * 3600
FORGOTTEN_AFTER = 30 * 86_400 * 1_000_000
"""Microseconds for which a token that holds no longer can still be looked at."""
MAX_LIFE = 10 * 366 * 86_400.0
"""Seconds."""
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Made:
    """A new token, and its secret: now or never."""

    token: Token
    secret: str


def make(
    project: Project, tx: Tx, kind: str, name: str, scopes: frozenset[str], by: str, *,
    groups: frozenset[str] | None = None, account: str | None = None, seconds: float | None = None,
) -> Made:  # fmt: skip
    """Make a token in the open transaction."""
    secret, now = secret_of(secrets.token_bytes(32)), project.now()
    ends = None if seconds is None else now + int(seconds * 1e6)
    token = Token(key_of(secret), kind, name, account, scopes, groups, now, by, ends)
    tokens.add(tx, token, digest(secret))
    return Made(token, secret)


def add(
    project: Project, name: str, scopes: list[str], by: str, *,
    groups: list[str] | None = None, account: str | None = None, seconds: float | None = None,
) -> Made:  # fmt: skip
    """A new token for a program; with a user it may at most what the user may. Invalid for scopes that there are
    not; Refused where nothing would be left of them."""
    check_text("the name of the token", name)
    if not 0 < len(name.strip()) <= MAX_NAME:
        raise Invalid(f"say in 1 to {MAX_NAME} characters what the token is for")
    if seconds is not None and not 1 <= seconds <= MAX_LIFE:
        raise Invalid("a token holds from one second to ten years; leave the time out for one that holds on")
    allowed, limited = check_scopes(scopes), check_groups(groups)
    with project.store.begin() as tx:
        if account is not None:
            _check_any(_usable(tx, account), allowed, limited)
        return make(
            project, tx, "bearer", name.strip(), allowed, by, groups=limited, account=account, seconds=seconds
        )  # fmt: skip


def _check_any(user: Account, scopes: frozenset[str], groups: frozenset[str] | None) -> None:
    """Refused where a token of this user with these scopes and groups could do nothing."""
    left, within = bounded(scopes, groups, user)
    if not left:
        raise Refused(
            f"this token could do nothing: it is for {', '.join(sorted(scopes))}, and the user {user.name} "
            f"({user.role}) has {', '.join(sorted(ROLES[user.role]))}; choose of these, or change the "
            "role: procession user set"
        )
    if within is not None and not within:
        raise Refused(
            f"this token could do nothing: it is for the groups {', '.join(sorted(groups or ()))}, and the user "
            f"{user.name} has {', '.join(sorted(user.groups or ()))}; choose of these"
        )


def listed(project: Project) -> list[Token]:
    """All tokens of programs, the newest first."""
    with project.store.read() as tx:
        return tokens.all_of(tx, "bearer")


def revoke(project: Project, key: str) -> None:
    """Let a token in no more, from now on; NotFound if there is none of this key that holds."""
    with project.store.begin() as tx:
        if not tokens.revoke(tx, key, project.now()):
            raise NotFound(f"there is no token {key[:20]!r} that still holds; see: procession token list")


def first(project: Project) -> bool:
    """See to it that somebody can ask at all: where there is no token, make one for an administrator, and write it to
    ``var/token``. Was one made? ConfigError if that file is damaged."""
    path = project.var.token
    if path.is_symlink() or (path.exists() and not SECRET.fullmatch(path.read_text("ascii", "replace").strip())):
        raise ConfigError(f"{path} is damaged: it holds no token; remove it, and a new one is made if none is left")
    now = project.now()
    with project.store.begin() as tx:
        tokens.remove_expired(tx, now - FORGOTTEN_AFTER)
        if any(token.holds(now) and "admin" in token.scopes for token in tokens.all_of(tx, "bearer")):
            return False
        made = make(project, tx, "bearer", "var/token", frozenset(SCOPES), "procession")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            os.fchmod(descriptor, 0o600)
            file.write(made.secret + "\n")
    return True


# ── logging in ─────────────────────────────────────────────────────────────────────────────────────


def link(project: Project, by: str, account: str | None = None) -> Made:
    """A secret that opens one session, once, within five minutes: of a user, or of an administrator."""
    with project.store.begin() as tx:
        scopes, groups = frozenset(SCOPES), None
        if account is not None:
            found = _usable(tx, account)
            scopes, groups = ROLES[found.role], found.groups
        return make(
            project, tx, "login", "login link", scopes, by, groups=groups, account=account, seconds=LINK_SECONDS
        )  # fmt: skip


def use_link(project: Project, secret: str) -> Made:
    """Open a session for whoever has this link; Denied if it was used, is too old, or never was."""
    hashed_secret = digest(secret)
    with project.store.begin() as tx:
        if not tokens.use_once(tx, hashed_secret, project.now()):
            raise Denied("this login link was used, or is older than five minutes; ask for another: procession login")
        found = tokens.find(tx, hashed_secret)
        assert found is not None
        token = found[0]
        if token.account is not None:
            _usable(tx, token.account)
        return make(
            project, tx, "session", "session", token.scopes, token.account or token.created_by, groups=token.groups,
            account=token.account, seconds=SESSION_SECONDS,
        )  # fmt: skip


def whose_link(project: Project, secret: str) -> str | None:
    """Whom a login link logs in, used or not: a user, or who asked for it; None where there is no such link."""
    with project.store.read() as tx:
        found = tokens.find(tx, digest(secret))
    return None if found is None or found[0].kind != "login" else found[0].bearer


def log_in(project: Project, account: str, password: str) -> Made:
    """Open a session with a password; Denied says nothing of which of the two was wrong. It takes 0.2 s."""
    with project.store.read() as tx:
        kept = tokens.password_of(tx, account)
    if not is_password(kept, password):
        raise Denied("user and password do not belong together")
    with project.store.begin() as tx:
        found = _usable(tx, account)
        return make(
            project, tx, "session", "session", ROLES[found.role], account, groups=found.groups, account=account,
            seconds=SESSION_SECONDS,
        )  # fmt: skip


def log_out(project: Project, secret: str) -> None:
    """End a session; nothing happens if it has ended."""
    with project.store.begin() as tx:
        found = tokens.find(tx, digest(secret))
        if found is not None and found[0].kind == "session":
            tokens.revoke(tx, found[0].key, project.now())


# ── accounts ───────────────────────────────────────────────────────────────────────────────────────


def add_account(
    project: Project, name: str, role: str, groups: list[str] | None = None, password: str | None = None
) -> Account:
    """A person who may log in; without a password only by a link. Refused if there is one of this name."""
    check_name("the name of a user", name)
    made = Account(name, check_role(role), check_groups(groups), password is not None, project.now())
    kept = None if password is None else hashed(password, secrets.token_bytes(16))
    with project.store.begin() as tx:
        if tokens.find_account(tx, name) is not None:
            raise Refused(f"there is a user {name} already; change it with: procession user set {name}")
        tokens.add_account(tx, made, kept)
    return made


def set_account(
    project: Project, name: str, *, role: str | None = None, groups: list[str] | None = None,
    password: str | None = None, disabled: bool | None = None, everything: bool = False,
) -> Account:  # fmt: skip
    """Change what is given, and end its sessions and tokens where it is disabled or its password changes."""
    kept = None if password is None else hashed(password, secrets.token_bytes(16))
    limited = check_groups(groups)
    with project.store.begin() as tx:
        found = _account(tx, name)
        changed = replace(
            found,
            role=found.role if role is None else check_role(role),
            groups=None if everything else found.groups if groups is None else limited,
            has_password=found.has_password or kept is not None,
            disabled_at=found.disabled_at if disabled is None else project.now() if disabled else None,
        )
        tokens.set_account(tx, changed, kept)
        if disabled or kept is not None:
            tokens.revoke_of(tx, name, project.now())
    return changed


def remove_account(project: Project, name: str) -> None:
    """Remove a user, with all their sessions and tokens."""
    with project.store.begin() as tx:
        _account(tx, name)
        tokens.revoke_of(tx, name, project.now())
        tokens.remove_account(tx, name)
        views.remove_of(tx, name)


def accounts(project: Project) -> list[Account]:
    """All users by name."""
    with project.store.read() as tx:
        return tokens.accounts(tx)


def _account(tx: Tx, name: str) -> Account:
    found = tokens.find_account(tx, name)
    if found is None:
        raise NotFound(f"there is no user {name[:60]!r}; see: procession user list")
    return found


def _usable(tx: Tx, name: str) -> Account:
    found = _account(tx, name)
    if found.disabled_at is not None:
        raise Denied(f"the user {name} is disabled")
    return found
