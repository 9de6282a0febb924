"""The guard: what is refused before anything is looked up, in a fixed order, and what every answer says to browsers.

*In:* the head of a request, and what this server is called. *Out:* nothing, or the Problem with which it is refused.
*Always:* pure; every way in goes through here, also what no route knows; a header that a proxy may add is believed only
behind a proxy. A page of another site can reach this server through a browser: it is known by Host (rebinding), by
Sec-Fetch-Site and Origin (forms, scripts), and never by a cookie alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from procession.api.problems import Problem
from procession.api.request import SECRET_NAMES, Request

ONCE = frozenset({b"origin", b"sec-fetch-site", b"authorization"})
"""Headers that say who asks: given twice, each side could read another one."""
SAFE = frozenset({"GET", "HEAD"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        b"frame-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""On every answer."""


IS_SECRET = re.compile(rb"procession_(?:attempt_[a-z0-9-]{1,80}_)?[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])")
"""A token, or that of an attempt; names of tasks may begin so, too."""


@dataclass(frozen=True, slots=True)
class Names:
    """What this server is called."""

    port: int
    more: tuple[str, ...] = ()
    """Names of ``[web] hosts``."""
    behind_proxy: bool = False
    hosts: frozenset[str] = field(init=False)
    origins: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        own = ("127.0.0.1", "localhost", "[::1]")
        hosts = {f"{name}:{self.port}" for name in (*own, *self.more)}
        origins = {f"http://{host}" for host in hosts}
        if self.port == 80:
            hosts |= {*own, *self.more}
            origins |= {f"http://{name}" for name in (*own, *self.more)}
        for name in self.more if self.behind_proxy else ():  # the proxy has the usual port, and speaks TLS
            hosts |= {name, f"{name}:443"}
            origins |= {f"https://{name}"}
        object.__setattr__(self, "hosts", frozenset(hosts))
        object.__setattr__(self, "origins", frozenset(origins))

    @property
    def cookie(self) -> str:
        """Cookies are shared by all ports of a name: each server has one of its own."""
        return f"procession_{self.port}"


def _host(request: Request, names: Names) -> Problem | None:
    """C3: exactly one Host, and one that is ours. Without it a page could bring its own name to our address."""
    given = request.headers.get(b"host", ())
    if len(given) != 1 or not given[0]:
        return Problem(400, "BadHost", "a request names its host exactly once")
    if given[0].decode("latin-1") not in names.hosts:
        return Problem(421, "BadHost", "this server is not called that; name further hosts in [web] hosts")
    return None


def _form(request: Request, _: Names) -> Problem | None:
    """What we do not speak is refused, so that nobody in between understands it otherwise than we do."""
    if b"upgrade" in request.headers:
        return Problem(400, "Invalid", "this server upgrades to no other protocol")
    if b"transfer-encoding" in request.headers:
        return Problem(400, "Invalid", "send the body with a Content-Length, not in chunks")
    if len(request.headers.get(b"content-length", ())) > 1:
        return Problem(400, "Invalid", "the length of the body is given twice")
    if request.method not in METHODS:
        return Problem(405, "MethodNotAllowed", "there is no such method", ((b"allow", b"GET, POST, PUT, DELETE"),))
    return None


def _preflight(request: Request, _: Names) -> Problem | None:
    """C6: no other site may ask, so there is nothing to ask about."""
    if request.method == "OPTIONS":
        allow = ((b"allow", b"GET, POST, PUT, DELETE"),)
        if b"access-control-request-method" in request.headers or b"origin" in request.headers:
            return Problem(403, "CrossSite", "pages of other sites may not call this server", allow)
        return Problem(405, "MethodNotAllowed", "there is no such method", allow)
    return None


def _secrets(request: Request, _: Names) -> Problem | None:
    """C8: what stands in a URL stands in logs and histories."""
    for pair in request.query.split(b"&") if request.query else ():
        name = unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")).decode("latin-1").lower()
        if name in SECRET_NAMES or IS_SECRET.search(unquote_to_bytes(pair)):
            return Problem(400, "Invalid", "a secret does not belong into a URL; send Authorization: Bearer …")
    return None


def _cross_site(request: Request, names: Names) -> Problem | None:
    """C4: who is behind this? A browser says so itself; who says nothing must bring a token of their own."""
    if request.repeated and request.repeated & ONCE:
        return Problem(400, "Invalid", "a header that may be given once is given twice")
    site, origin = request.header(b"sec-fetch-site"), request.header(b"origin")
    if origin is not None and origin not in names.origins:
        return _of_another_site()
    if site is not None and site not in ("same-origin", "none"):
        moving = request.header(b"sec-fetch-mode") == "navigate" and request.method in SAFE
        return None if moving and not request.path.startswith("/api/") else _of_another_site()
    if request.method in SAFE or site is not None or origin is not None:
        return None
    anonymous = b"authorization" not in request.headers and not request.path.startswith("/api/")  # there it is 401
    if anonymous or b"cookie" in request.headers:
        return Problem(403, "CrossSite", "without Origin or Sec-Fetch-Site only a bearer token may ask for changes")
    return None


def _of_another_site() -> Problem:
    return Problem(403, "CrossSite", "this comes from a page of another site; nothing was done")


Check = Callable[[Request, Names], Problem | None]
CHECKS: tuple[Check, ...] = (_host, _form, _preflight, _secrets, _cross_site)


def refusal(request: Request, names: Names) -> Problem | None:
    """The first reason for which this request is refused; None if there is none."""
    for check in CHECKS:
        found = check(request, names)
        if found is not None:
            return found
    return None
