"""Logging in with a browser: by a link that is used once, or by account and password; and logging out.

*In:* ``POST /login`` with ``{"code": …}`` or ``{"account": …, "password": …}``. *Out:* the cookie of a session.
*Always:* the link carries its code behind ``#``, which no browser sends to a server, so that it stands in no log; a
password is tried at most ten times a minute for an account and for an address, and a code for an address; what comes
beyond that is counted and leaves no line in the audit; nobody learns which accounts there are.
"""

from __future__ import annotations

import threading

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

PAGE = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Procession: log in</title>
<h1>Procession</h1>
<form id="login">
<p><label>Account <input id="account" autocomplete="username"></label>
<p><label>Password <input id="password" type="password" autocomplete="current-password"></label>
<p><button>Log in</button> <output id="said"></output>
</form>
<p>Or run <code>procession login</code> and open the link that it prints.
<script src="/login.js"></script>
</html>
"""
SCRIPT = b"""const said = document.getElementById("said");
async function send(what) {
  const answer = await fetch("/login", {method: "POST", headers: {"Content-Type": "application/json"},
                                        body: JSON.stringify(what)});
  if (answer.ok) { location.replace("/"); return; }
  said.textContent = (await answer.json()).detail;
}
const code = location.hash.slice(1);
if (code) { history.replaceState(null, "", "/login"); send({code}); }
document.getElementById("login").addEventListener("submit", event => {
  event.preventDefault();
  send({account: document.getElementById("account").value, password: document.getElementById("password").value});
});
"""


class Login:
    """The pages ``/login``, ``/login.js`` and ``/logout``."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._by_account = Buckets(TRIES, PER_SECOND)
        self._by_address = Buckets(TRIES, PER_SECOND)
        app.pages |= {"/login": self.login, "/login.js": self.script, "/logout": self.logout}

    async def script(self, request: Request) -> Answer:
        """What reads the code behind the ``#``."""
        only(request, "GET")
        return Answer(200, SCRIPT, "text/javascript; charset=utf-8")

    async def login(self, request: Request) -> Answer:
        """The form; or a session for whoever sends what it asks for."""
        only(request, "GET", "POST")
        if request.method != "POST":
            return Answer(200, PAGE, "text/html; charset=utf-8")
        given = await request.json()
        if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
            raise Problem(400, "Invalid", "log in with a code, or with account and password, all of them texts")
        made = await self._app.apart(lambda: self._open(given, request.client))
        return as_json({"by": made.token.account or made.token.created_by}, headers=self._cookie(made.secret))

    async def logout(self, request: Request) -> Answer:
        """End the session."""
        only(request, "POST")
        secret = request.cookie(self._app.names.cookie)
        if secret is not None and SECRET.fullmatch(secret):
            await self._app.apart(lambda: tokens.log_out(self._app.project, secret))
            self._app.callers.forget(secret)
        return as_json({"ended": True}, headers=self._cookie("", seconds=0))

    def _open(self, given: dict[str, str], client: str) -> Made:
        project = self._app.project
        account = given.get("account", "link")[:128]
        caller = Caller(account if "account" in given else "login link", "http", frozenset(), None, client)
        self._throttle(account if "account" in given else None, client)
        if given.keys() not in ({"code"}, {"account", "password"}):
            raise Problem(400, "Invalid", "log in with a code, or with account and password")
        try:
            with witnessed(Line(project, caller, "login", {"account": given.get("account", "")[:128]})):
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

    def _cookie(self, value: str, seconds: int = SESSION_SECONDS) -> tuple[tuple[bytes, bytes], ...]:
        secure = "; Secure" if self._app.names.behind_proxy else ""
        text = f"{self._app.names.cookie}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"
        return ((b"set-cookie", text.encode()),)


def only(request: Request, *methods: str) -> None:
    """Problem 405 for any other method."""
    allowed = (*methods, "HEAD") if "GET" in methods else methods
    if request.method not in allowed:
        text = ", ".join(allowed)
        raise Problem(405, "MethodNotAllowed", f"this path knows {text}", ((b"allow", text.encode()),))
