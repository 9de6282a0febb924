"""Who may ask for what: secrets, roles, passwords, and the token of an attempt. Pure: nothing is looked up here.

A secret is 256 random bits after a prefix by which scanners of source code know it. The database has its SHA-256 alone,
so whoever reads the database can ask for nothing. A password is kept as scrypt made it, with its salt and its costs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass

from procession.errors import Invalid
from procession.model.event import check_name

PREFIX = "procession_"
SECRET = re.compile(r"procession_[A-Za-z0-9_-]{43}")
ATTEMPT = re.compile(r"procession_attempt_([a-z0-9]{1,20}-[0-9]{1,19}-[0-9]{1,9}-[0-9]{1,9})_([A-Za-z0-9_-]{43})")
KEY_LENGTH = 8
"""So many characters of a secret are shown, for people to know it by; 208 unknown bits are left."""

SCOPES = ("read", "trigger", "operate", "define", "admin")
"""Look; submit events and calls; act on what is there; register tasks; tokens, accounts, audit."""
ROLES: dict[str, frozenset[str]] = {
    "viewer": frozenset({"read"}),
    "operator": frozenset({"read", "trigger", "operate"}),
    "admin": frozenset(SCOPES),
}

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1_000
LOG_N, BLOCK, PARALLEL = 14, 8, 5
"""What a guess costs: 16 MiB of memory, five times over; about 0.2 s."""


@dataclass(frozen=True, slots=True)
class Token:
    """What lets a caller in; its secret is nowhere."""

    key: str
    """The first characters of the secret, by which people know it."""
    kind: str
    """``bearer``; ``login``: a link that is used once; ``session``: the cookie of a browser."""
    name: str
    account: str | None
    scopes: frozenset[str]
    groups: frozenset[str] | None
    """Groups of tasks to which it is limited; None: all."""
    created_at: int
    created_by: str
    expires_at: int | None = None
    revoked_at: int | None = None
    used_at: int | None = None

    @property
    def bearer(self) -> str:
        """Who comes with it, in the words of people: an account, who asked for the login link, or the token's name."""
        if self.account is not None:
            return self.account
        return f"token {self.name}" if self.kind == "bearer" else self.created_by

    def holds(self, now: int) -> bool:
        """Does it let anybody in at this moment?"""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may log in."""

    name: str
    role: str
    groups: frozenset[str] | None
    has_password: bool
    created_at: int
    disabled_at: int | None = None


def bounded(
    scopes: frozenset[str], groups: frozenset[str] | None, account: Account | None
) -> tuple[frozenset[str], frozenset[str] | None]:
    """What is left of these scopes and groups of a token within what its user may; all of them without a user."""
    if account is None:
        return scopes, groups
    both = groups if account.groups is None else account.groups if groups is None else groups & account.groups
    return scopes & ROLES[account.role], both


def secret_of(noise: bytes) -> str:
    """A secret of 32 random bytes."""
    assert len(noise) == 32
    return PREFIX + _text(noise)


def digest(secret: str) -> str:
    """What the database has of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def key_of(secret: str) -> str:
    """What people see of a secret."""
    return secret.removeprefix(PREFIX)[:KEY_LENGTH]


def attempt_token(installation_secret: bytes, key: str) -> str:
    """The token of an attempt: made of its key, so that nothing is kept of it."""
    mark = hmac.digest(installation_secret, f"attempt:{key}".encode(), "sha256")
    return f"{PREFIX}attempt_{key}_{_text(mark)}"


def attempt_of(installation_secret: bytes, token: str) -> str | None:
    """The attempt key of a token that `attempt_token` made; None for any other text."""
    found = ATTEMPT.fullmatch(token)
    if found is None or not hmac.compare_digest(attempt_token(installation_secret, found[1]), token):
        return None
    return found[1]


def hashed(password: str, salt: bytes) -> str:
    """A password as it is kept; Invalid where it is too easily guessed, or longer than anybody types."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Invalid(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; choose another")
    made = _scrypt(password, salt, LOG_N, BLOCK, PARALLEL)
    return "$".join(("scrypt", str(LOG_N), str(BLOCK), str(PARALLEL), _text(salt), _text(made)))


def is_password(kept: str | None, password: str) -> bool:
    """Is this the password? It takes as long where there is none."""
    parts = (kept or _NOBODY).split("$")
    try:
        log_n, block, parallel = map(int, parts[1:4])
        salt, wanted = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts[4:])
    except (ValueError, binascii.Error):
        return False
    made = _scrypt(password[:LONGEST_PASSWORD], salt, log_n, block, parallel)
    return hmac.compare_digest(made, wanted) and kept is not None


def granted(grants: tuple[str, ...]) -> frozenset[str]:
    """The scopes that ``grants`` of a task give its attempts: whoever may operate may do all that an operator may."""
    return frozenset(grants) | (ROLES["operator"] if "operate" in grants else frozenset())


def check_role(role: str) -> str:
    """The role; Invalid if there is none of this name."""
    if role not in ROLES:
        raise Invalid(f"there is no role {role[:40]!r}; the roles are: {', '.join(ROLES)}")
    return role


def check_scopes(scopes: list[str]) -> frozenset[str]:
    """The scopes as a set; Invalid for none, and for one that there is not."""
    for scope in scopes:
        if scope not in SCOPES:
            raise Invalid(f"there is no scope {scope[:40]!r}; the scopes are: {', '.join(SCOPES)}")
    if not scopes:
        raise Invalid(f"a token without a scope may do nothing; the scopes are: {', '.join(SCOPES)}")
    return frozenset(scopes)


def check_groups(groups: list[str] | None) -> frozenset[str] | None:
    """Groups of tasks as a set; None for all."""
    if groups is None:
        return None
    for group in groups:
        check_name("the name of a group", group)
    if not groups:
        raise Invalid("a token limited to no group may see nothing; name a group, or leave the groups out for all")
    return frozenset(groups)


def _scrypt(password: str, salt: bytes, log_n: int, block: int, parallel: int) -> bytes:
    given = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(given, salt=salt, n=1 << log_n, r=block, p=parallel, maxmem=64 << 20, dklen=32)


def _text(noise: bytes) -> str:
    return base64.urlsafe_b64encode(noise).decode().rstrip("=")


_NOBODY = f"scrypt${LOG_N}${BLOCK}${PARALLEL}${_text(bytes(16))}${_text(bytes(32))}"
"""Compared with where there is no account, so that nobody learns from the time which accounts there are."""
