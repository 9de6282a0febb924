"""Who asks: a bearer token, the cookie of a session, or the token of an attempt.

*In:* the secret that came with a request. *Out:* a Caller, or Problem 401. *Always:* a secret is looked up by its hash
and never kept; what was found is believed for `BELIEVED` seconds, so a revoked token lets nobody in after
that; an attempt's token holds while that very attempt is live, and is looked up every time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from procession.api.limits import Bucket, Buckets
from procession.api.problems import Problem
from procession.api.request import Request
from procession.errors import Denied, StoreError
from procession.model.caller import ATTEMPT, SECRET, attempt_of, digest, granted
from procession.project import Project
from procession.store import attempts, tasks, tokens
from procession.verbs import Caller
from procession.verbs.access import caller_of, secret_of_place
from procession.verbs.witness import Line

BELIEVED = 1.0
"""Seconds."""
MINUTE = 60_000_000
CHALLENGE = ((b"www-authenticate", b'Bearer realm="procession"'),)
REMEMBERED = 10_000
"""Tokens that are believed at the same time."""

MANY, PER_SECOND = 10_000, 2_000.0
"""Requests of one token at once, and each second."""
WRONG, WRONG_PER_SECOND = 30, 1.0
"""Wrong secrets from one address at once, and each second; then only right ones are answered quickly."""


@dataclass(slots=True)
class Known:
    """A secret that was looked up."""

    caller: Caller
    until: float
    bucket: Bucket


class Callers:
    """Everybody who asks this server. `known` is for the thread of the loop, `look_up` for the others."""

    def __init__(self, project: Project, cookie: str) -> None:
        self.project = project
        self.cookie = cookie
        self._secret = secret_of_place(project.var.secret)
        self.used: dict[str, int] = {}
        """Key of each token that was used and not yet noted → when."""
        self._known: dict[tuple[str, bool], Known] = {}
        self._noted: dict[str, int] = {}
        self._wrong = Buckets(WRONG, WRONG_PER_SECOND)
        self._attempts = Buckets(1_000, 100.0)
        self._ended = Bucket(100, 1.0)
        """Lines of the audit about attempts that have ended and ask on."""

    def secret(self, request: Request) -> str:
        """The secret that a request brings; Problem 401 without one."""
        given = request.header(b"authorization")
        if given is not None:
            kind, _, secret = given.partition(" ")
            if kind.lower() != "bearer" or not (SECRET.fullmatch(secret) or ATTEMPT.fullmatch(secret)):
                raise self._refusal(request.client)
            return secret
        cookie = request.cookie(self.cookie)
        if cookie is not None and SECRET.fullmatch(cookie):
            return cookie
        raise Problem(401, "Denied", "who asks? send Authorization: Bearer <token>, or log in", CHALLENGE)

    def known(self, secret: str, request: Request) -> Caller | None:
        """The caller of a secret that was looked up a moment ago; None if it must be looked up. Counts the request."""
        found = self._known.get((digest(secret), _is_cookie(request)))
        client = request.client
        if found is None or time.monotonic() > found.until:
            return None
        if not found.bucket.take():
            raise Problem(429, "TooMany", f"more than {PER_SECOND:g} requests a second with one token; ask more slowly")
        return found.caller if found.caller.origin == client else replace(found.caller, origin=client)

    def look_up(self, secret: str, request: Request) -> Caller:
        """Ask the database whose secret this is; Problem 401 if nobody's. Not in the thread of the loop."""
        if ATTEMPT.fullmatch(secret):
            return self._attempt(secret, request)
        hashed, now = digest(secret), self.project.now()
        with self.project.store.read() as tx:
            found = tokens.find(tx, hashed)
        wanted = "session" if _is_cookie(request) else "bearer"
        if found is None or found[0].kind != wanted or not found[0].holds(now):
            raise self._refusal(request.client)
        token, account = found
        try:
            caller = caller_of(token, account, request.client)
        except Denied:
            raise self._refusal(request.client) from None
        if now - self._noted.get(token.key, token.used_at or 0) >= MINUTE:
            self.used[token.key] = self._noted[token.key] = now
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        place = (hashed, _is_cookie(request))
        before = self._known.get(place)
        bucket = before.bucket if before else Bucket(MANY, PER_SECOND)
        self._known[place] = Known(caller, time.monotonic() + BELIEVED, bucket)
        return caller

    def holds(self, secret: str, request: Request) -> bool:
        """Does it still let in whoever came with it? Not in the thread of the loop."""
        try:
            self.look_up(secret, request)
        except Problem:
            return False
        return True

    def forget(self, secret: str) -> None:
        """Believe the cookie of a session no longer."""
        self._known.pop((digest(secret), True), None)

    def note(self) -> None:
        """Write down which tokens were used, to the minute."""
        used, self.used = self.used, {}
        if used:
            try:
                with self.project.store.begin() as tx:
                    tokens.used(tx, used)
            except StoreError:
                self.used = {**used, **self.used}

    def _attempt(self, secret: str, request: Request) -> Caller:
        client = request.client
        key = attempt_of(self._secret, secret)
        which = None if key is None else self.project.read_key(key)
        if key is None or which is None or max(which) >= 1 << 63:
            raise self._refusal(client)
        if not self._attempts[key].take():
            raise Problem(429, "TooMany", "more than 100 requests a second of one attempt; ask more slowly")
        with self.project.store.read() as tx:
            by = attempts.definition_of_live(tx, *which)
            grants = None if by is None else granted(tasks.get(tx, by).grants)
        if grants is None:
            text = f"the attempt {key} has ended, and its token with it"
            if self._ended.take():
                late = Caller(f"attempt {key}", "attempt", frozenset(), None, client, key, which)
                asked = f"{request.method} {ascii(request.path[:150])[1:-1]}"
                line = Line(self.project, late, "use-token", {"request": asked}, subject=f"processing:{which[0]}")
                line.refused(Denied(text))
            raise Problem(403, "Denied", text)
        return Caller(f"attempt {key}", "attempt", grants, None, client, key, which)

    def _refusal(self, client: str) -> Problem:
        if not self._wrong[client].take():
            return Problem(429, "TooMany", "too many wrong tokens from this address; wait a moment")
        return Problem(401, "Denied", "this token is not known, or holds no longer", CHALLENGE)


def _is_cookie(request: Request) -> bool:
    """Does who asks come with a cookie? A cookie opens sessions, a header tokens, and neither the other."""
    return b"authorization" not in request.headers
