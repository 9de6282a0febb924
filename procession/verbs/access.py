"""What a token or a user lets its bearer do, and the secret of this place."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from procession.errors import ConfigError, Denied
from procession.model.caller import Account, Token, bounded
from procession.verbs.verb import Caller

SECRET_BYTES = 32


def caller_of(token: Token, account: Account | None, origin: str | None) -> Caller:
    """Who comes with this token; Denied if its account is gone or disabled. A role bounds what its tokens may."""
    if token.account is not None and (account is None or account.disabled_at is not None):
        raise Denied(f"the user {token.account} may not log in any more")
    scopes, groups = bounded(token.scopes, token.groups, account if token.account is not None else None)
    return Caller(token.bearer, "http", scopes, groups, origin, token.key, account=token.account)


def secret_of_place(path: Path) -> bytes:
    """Of which the tokens of attempts are made: ``var/secret``, made once; ConfigError if it is damaged."""
    if not path.exists():
        passing = path.with_name(f".secret.{os.getpid()}")
        descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
        with suppress(FileExistsError):  # a link, so that whoever reads it finds it whole, and all the same
            os.link(passing, path)
        passing.unlink()
    found = path.read_bytes()
    if len(found) != SECRET_BYTES:
        raise ConfigError(
            f"{path} is damaged: it has {len(found)} bytes and not {SECRET_BYTES}; remove it, a new one is made "
            "(tokens of attempts that run now are then refused)"
        )
    return found
