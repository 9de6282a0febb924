"""The site: everything below the root of the server that is not the API.

*In:* a request that the guard has let in. *Out:* a page, a part of one, JSON, a file, or where to go. *Always:* what
goes wrong is said inside the frame, with the status that programs get; a form without the proof of its session changes
nothing; pages are made in threads of the pool, so the loop never waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from procession.api.app import App
from procession.api.problems import UNKNOWN, Problem, problem
from procession.api.request import Answer, Request, as_json
from procession.errors import ProcessionError
from procession.store import journal
from procession.verbs import Caller
from procession.verbs.access import secret_of_place
from procession.web import forms, policy, preferences, sending, url
from procession.web.anonymous import Anonymous, is_anonymous
from procession.web.frame import frame
from procession.web.page import NOBODY, Ask, Gone, Page, Piece, Shown, load
from procession.web.paths import Paths, Place
from procession.web.pieces import Pieces
from procession.web.refusals import refusal
from procession.web.render import Renderer
from procession.web.sending import Sent
from procession.web.session import SHOWN_WITHIN, Notice, Seal
from procession.web.standing import Looks
from procession.web.static import FACE, MONO, Static
from procession.web.tombstone import deleted

log = logging.getLogger("procession")

HTML = "text/html; charset=utf-8"
OVERTAKEN = 20
"""Entries of PostgreSQL's journal that may be committed after one with a higher number."""
Special = Callable[[Ask, Request, Place], Awaitable[Answer]]


class Site:
    """All pages of one server."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.static = Static()
        assert self.static.version  # read now, not when files may have been replaced
        self.paths = Paths(load())
        self.render = Renderer()
        self.seal = Seal(secret_of_place(app.project.var.secret), app.project.now)
        self.looks = Looks(app.project)
        self.anonymous = Anonymous(app.project)
        self.specials: dict[str, Special] = {}
        """Place → what answers it by itself, because it needs more of the server than a page does."""
        self.posts: dict[str, Special] = {}
        """The same for POST alone."""

    # ── a request ──────────────────────────────────────────────────────────────────────────────────

    async def answer(self, request: Request) -> Answer:
        """The answer to a request."""
        place = self.paths.find(request.scope["raw_path"])
        if place is not None and place.path.startswith("static/"):
            return self.static.answer(request, place.path)
        if place is not None and place.prefix and place.path.startswith("api/"):
            return await self.app.route(request.moved(f"/{place.path}"))
        at = place or Place("", request.scope["raw_path"].decode("latin-1").lstrip("/"), (), ())
        ask = Ask(self.app.project, NOBODY, at.path)
        try:
            self._prepare(ask, request, at)
            ask.caller = await self._caller(request)
            ask.every = forms.fields(request.query)
            ask.query = {name: values[-1] for name, values in ask.every.items()}
            special = self.posts.get(at.path) if request.method == "POST" else None
            if (special := special or self.specials.get(at.path)) is not None:
                return await special(ask, request, at)
            return await self._page(ask, request, at)
        except Problem as refused:
            return await self._refused(ask, request, refused)
        except ProcessionError as error:
            return await self._refused(ask, request, problem(error))
        except Exception:
            log.exception("the page %s could not be made", ascii(at.path[:200]))
            return await self._refused(ask, request, UNKNOWN)

    def _prepare(self, ask: Ask, request: Request, place: Place) -> None:
        """What is known of a request before anybody is asked who it is."""
        names = self.app.names
        host = (request.header(b"host") or "").strip()
        ask.origin = f"{'https' if names.behind_proxy else 'http'}://{host}{place.prefix}"
        ask.prefers = preferences.read(request.cookie(f"{names.cookie}_prefers"))
        ask.csrf = self.seal.csrf(self.session(request))
        ask.values = dict(place.values)
        ask.seen_from = self._seen_from(request, place)

    def session(self, request: Request) -> str:
        """The secret of the session of a browser; empty without one."""
        return request.cookie(self.app.names.cookie) or ""

    def _seen_from(self, request: Request, place: Place) -> str:
        """Links of a fragment go from the page that it is put into, which htmx names."""
        named = request.header(b"hx-current-url")
        if named is None:
            return place.path
        path = named.partition("?")[0].partition("#")[0].partition("://")[2]
        found = self.paths.find(b"/" + path.partition("/")[2].encode("latin-1", "replace"))
        return place.path if found is None else found.path

    async def _caller(self, request: Request) -> Caller:
        try:
            return await self.app.caller(request)
        except Problem as refused:
            if refused.status == 401 and request.header(b"authorization") is None:
                return self.anonymous.caller(request.client) or NOBODY
            raise

    async def _page(self, ask: Ask, request: Request, place: Place) -> Answer:
        page = self._chosen(request, place)
        if page.scope is not None and (ask.caller is NOBODY or self._needs_login(ask, page)):
            return self._to_login(ask, request)
        if page.method == "POST":
            ask.form = await forms.form(request)
            self.check_form(request, ask.form)
        if page.scope is not None:
            ask.need(page.scope)
        made = self.app.apart(lambda: self._made(ask, request, page))
        return await (_watched(ask, request, made) if page.lengthy else made)

    @staticmethod
    def _needs_login(ask: Ask, page: Page) -> bool:
        """Does somebody who has not logged in want more than to read, or to read what may hold secrets of receivers?"""
        more = page.method == "POST" or page.scope not in ask.caller.scopes or page.path.startswith("/settings/")
        return is_anonymous(ask.caller) and more

    def _chosen(self, request: Request, place: Place) -> Page:
        wanted = "GET" if request.method == "HEAD" else request.method
        if not place.pages:
            raise Problem(404, "NotFound", "there is no page at this address")
        for page in place.pages:
            if page.method == wanted:
                return page
        allow = ", ".join(page.method for page in place.pages)
        raise Problem(405, "MethodNotAllowed", f"this address takes {allow} only", ((b"allow", allow.encode()),))

    def check_form(self, request: Request, form: Mapping[str, list[str]]) -> None:
        """Problem 403 for a form that was not made for the session with which it comes."""
        if request.header(b"authorization") is not None:  # no browser sends that by itself
            return
        given = form.get("csrf", [])
        if len(given) != 1 or not self.seal.is_ours(self.session(request), given[0]):
            raise Problem(403, "Denied", "this form is of another session, as after a new login; "
                          "nothing was done: reload the page and send it again")  # fmt: skip

    # ── an answer ──────────────────────────────────────────────────────────────────────────────────

    def _made(self, ask: Ask, request: Request, page: Page) -> Answer:
        if page.method == "GET" and b"hx-request" not in request.headers:
            with self.app.project.store.read() as tx:
                ask.since = max(0, journal.end(tx) - (OVERTAKEN if tx.dialect == "postgresql" else 0))
        found = page.act(ask)
        if isinstance(found, Piece):
            stream = None if found.more is None else Pieces(self.app, found)
            return Answer(200, found.body, found.mime, found.headers, stream)
        if isinstance(found, Sent):
            return sending.answer(found, request)
        if isinstance(found, Gone):
            self.looks.forget()
            return self.gone(ask, request, found)
        return self.shown(ask, request, found)

    def shown(self, ask: Ask, request: Request, found: Shown) -> Answer:
        """A page as it was asked for: whole, one part of it, or JSON."""
        if wants_json(request):
            return as_json(dict(found.values) if found.data is None else found.data, found.status)
        nonce = policy.nonce()
        part = ask.query.get("part") or ("main" if b"hx-request" in request.headers else None)
        notice = None if part else self.seal.opened(request.cookie(self._notice_cookie))
        values = {**found.values, **self._around(ask, found, nonce, notice)}
        text = self.render.part(found.template, part, values) if part else self.render.page(found.template, values)
        headers = [*policy.headers(nonce, kept=found.kept)]
        if notice is not None:
            headers.append((b"set-cookie", self.cookie(self._notice_cookie, "", 0)))
        return Answer(found.status, text.encode(), HTML, tuple(headers))

    def _around(self, ask: Ask, found: Shown, nonce: str, notice: Notice | None) -> dict[str, Any]:
        standing = self.looks.look(ask.caller.groups) if "read" in ask.caller.scopes else None
        here = url.joined(ask.path, **{name: value for name, value in ask.query.items() if name != "part"})
        if ask.form:  # where a form was sent there is no page
            here = url.inside(ask.form.get("back", [""])[-1])
        return {
            "ask": ask, "rel": ask.rel, "nonce": nonce, "prefers": ask.prefers,
            "frame": frame(ask, found, standing, has=self.paths.has, notice=notice, here=here),
            "static": lambda name: ask.rel(self.static.place(name)),
            "ahead": partial(_ahead, ask, self.static), "face": partial(_face, ask, self.static),
            "files": self.static.version, "sprite": self.static.sprite, "part": lambda name: _part(ask, name),
        }  # fmt: skip

    def gone(self, ask: Ask, request: Request, found: Gone) -> Answer:
        """Go to another place of the site. Who asks with a script is told what to show, and goes by itself."""
        cookies = [(b"set-cookie", each.encode()) for each in found.cookies]
        scripted = b"hx-request" in request.headers
        if scripted and found.to.partition("?")[0] == ask.seen_from:
            told = [(b"x-notice", quote(found.notice).encode())] if found.notice else []
            return Answer(204, b"", HTML, (*told, *cookies))
        if found.notice:  # the page that comes next shows it
            sealed = self.seal.sealed(Notice(found.notice, found.href))
            cookies.append((b"set-cookie", self.cookie(self._notice_cookie, sealed, SHOWN_WITHIN)))
        place = url.rel(ask.path, found.to)
        if scripted:
            return Answer(204, b"", HTML, ((b"hx-redirect", place.encode()), *cookies))
        return Answer(303, b"", HTML, ((b"location", place.encode()), *cookies))

    def cookie(self, name: str, value: str, seconds: int) -> bytes:
        """A cookie of ours."""
        secure = "; Secure" if self.app.names.behind_proxy else ""
        return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}".encode()

    @property
    def _notice_cookie(self) -> str:
        return f"{self.app.names.cookie}_notice"

    def _to_login(self, ask: Ask, request: Request) -> Answer:
        if wants_json(request) or b"hx-request" in request.headers or request.method not in ("GET", "HEAD"):
            raise Problem(401, "Denied", "you are logged out; log in and try again")
        here = url.joined(ask.path, **ask.query)
        to = url.joined("login", next=here or None)
        return self.gone(ask, request, Gone(to))

    async def _refused(self, ask: Ask, request: Request, why: Problem) -> Answer:
        """A refusal as a page of its own, inside the frame."""
        refused = await self.app.apart(lambda: deleted(ask, why))
        if wants_json(request) or ask.path.endswith(".json"):
            return Answer(refused.status, refused.body(), "application/problem+json", refused.all_headers())
        ask.query = {name: value for name, value in ask.query.items() if name != "part"}
        try:
            found = await self.app.apart(lambda: self.shown(ask, request, refusal(ask, refused)))
        except Exception:
            log.exception("the page that says what went wrong could not be made")
            return Answer(500, UNKNOWN.body(), "application/problem+json")
        return replace(found, headers=(*found.headers, *refused.all_headers()))


def _ahead(ask: Ask, static: Static, *names: str) -> Markup:
    """Links by which a browser fetches scripts and what they import all at once, before the first of them runs."""
    needed = dict.fromkeys(each for name in ("main", *names) for each in static.modules(f"js/{name}.js"))
    link = Markup('<link rel="modulepreload" href="{}">')
    return Markup("\n").join(link.format(ask.rel(static.place(each))) for each in needed)


def _face(ask: Ask, static: Static, *, mono: bool = False) -> Markup:
    """A link by which a browser fetches a face before the styles ask for it."""
    link = Markup('<link rel="preload" as="font" type="font/woff2" crossorigin href="{}">')
    return link.format(ask.rel(static.place(MONO if mono else FACE)))


def _part(ask: Ask, name: str) -> str:
    """The link to a part of this very page, as it was asked for."""
    return ask.rel(ask.path, **{**ask.query, "part": name})


async def _watched(ask: Ask, request: Request, made: Awaitable[Answer]) -> Answer:
    """The answer; the page learns when whoever asked hangs up."""
    gone = asyncio.ensure_future(request.until_gone())
    gone.add_done_callback(lambda done: None if done.cancelled() else ask.left.set())
    try:
        return await made
    finally:
        gone.cancel()


def wants_json(request: Request) -> bool:
    """Does whoever asks want JSON rather than a page?"""
    accept = ",".join(line.decode("latin-1") for line in request.headers.get(b"accept", ())).lower()
    return "application/json" in accept and "text/html" not in accept
