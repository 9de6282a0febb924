"""Logging in with a browser: by a link that is used once, or by user and password; and logging out.

*In:* ``POST /login`` with ``{"code": …}`` or ``{"user": …, "password": …}``. *Out:* the cookie of a session.
*Always:* the link carries its code behind ``#``, which no browser sends to a server, so that it stands in no log; a
password is tried at most ten times a minute for a user and for an address, and a code for an address; what comes
beyond that is counted and leaves no line in the audit; nobody learns which users there are.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from procession.api.app import App
from procession.api.callers import CHALLENGE
from procession.api.limits import Buckets
from procession.api.problems import Problem
from procession.api.request import Answer, Request, as_json
from procession.commands import tokens
from procession.commands.tokens import SESSION_SECONDS, Made
from procession.errors import Denied, NotFound
from procession.model.caller import SECRET
from procession.verbs import Caller
from procession.verbs.witness import Line, witnessed

TRIES, PER_SECOND = 10, 10 / 60
AT_ONCE = threading.Semaphore(2)
"""Passwords that are compared at the same time: each takes 16 MiB."""


class Login:
    """``/login`` and ``/logout``."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._by_account = Buckets(TRIES, PER_SECOND)
        self._by_address = Buckets(TRIES, PER_SECOND)
        app.pages |= {"/login": self.login, "/logout": self.logout}

    async def login(self, request: Request) -> Answer:
        """A session for whoever sends what is asked for, in JSON; the page and its form are beyond."""
        if request.method != "POST" or is_form(request):
            return await self._app.beyond(request)
        given = await request.json()
        if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
            raise Problem(400, "Invalid", "log in with a code, or with user and password, all of them texts")
        made = await self._app.apart(lambda: self.open(given, request.client))
        return as_json({"by": made.token.account or made.token.created_by}, headers=self.cookie(made.secret))

    async def logout(self, request: Request) -> Answer:
        """End the session."""
        if is_form(request):
            return await self._app.beyond(request)
        only(request, "POST")
        await self.end(request)
        return as_json({"ended": True}, headers=self.cookie("", seconds=0))

    async def end(self, request: Request) -> None:
        """Let the cookie of this request in no more."""
        secret = request.cookie(self._app.names.cookie)
        if secret is not None and SECRET.fullmatch(secret):
            await self._app.apart(lambda: tokens.log_out(self._app.project, secret))
            self._app.callers.forget(secret)

    def open(self, given: Mapping[str, str], client: str) -> Made:
        """A session for who sends a code, or user and password; Problem for who may not have one."""
        project = self._app.project
        account = given.get("user", "link")[:128]
        self._throttle(account if "user" in given else None, client)
        if given.keys() not in ({"code"}, {"user", "password"}):
            raise Problem(400, "Invalid", "log in with a code, or with user and password")
        who = account if "user" in given else tokens.whose_link(project, given["code"])
        caller = Caller(who or ("nobody" if "user" in given else "login link"), "http", frozenset(), None, client)
        asked = {"user": who, "link": "code" in given or None}
        try:
            with witnessed(Line(project, caller, "login", asked)):
                if given.keys() == {"code"}:
                    return tokens.use_link(project, given["code"])
                with AT_ONCE:
                    return tokens.log_in(project, account, given["password"])
        except (Denied, NotFound) as error:
            raise Problem(401, "Denied", str(error), CHALLENGE) from None

    def _throttle(self, account: str | None, client: str) -> None:
        by_address = self._by_address[client].take()
        if not by_address or (account is not None and not self._by_account[account].take()):
            self._app.throttled += 1
            raise Problem(429, "TooMany", "too many tries to log in; wait a minute", ((b"retry-after", b"60"),))

    def cookie(self, value: str, seconds: int = SESSION_SECONDS) -> tuple[tuple[bytes, bytes], ...]:
        """The header with the cookie of a session."""
        secure = "; Secure" if self._app.names.behind_proxy else ""
        text = f"{self._app.names.cookie}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"
        return ((b"set-cookie", text.encode()),)


def is_form(request: Request) -> bool:
    """Does a browser send a form, rather than a program JSON?"""
    return (request.header(b"content-type") or "").startswith("application/x-www-form-urlencoded")


def only(request: Request, *methods: str) -> None:
    """Problem 405 for any other method."""
    allowed = (*methods, "HEAD") if "GET" in methods else methods
    if request.method not in allowed:
        text = ", ".join(allowed)
        raise Problem(405, "MethodNotAllowed", f"this path knows {text}", ((b"allow", text.encode()),))
