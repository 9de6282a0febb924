"""The application: from a request to an answer, in one place.

*In:* an opened project, and what the server is called. *Out:* an ASGI application. *Always:* the guard comes before
everything, who asks before what is asked, and what is asked is done in a thread of the pool, so that the loop never
waits; every answer has the headers of the guard, and every refusal is a problem.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from procession import verbs
from procession.api import guard, once, openapi
from procession.api.callers import Callers
from procession.api.guard import Names
from procession.api.limits import Bucket, Buckets
from procession.api.problems import UNKNOWN, Problem, problem
from procession.api.request import Answer, Receive, Request, Send, as_json
from procession.api.routes import PREFIX, Routes, arguments
from procession.api.stream import Hub, wanted_by
from procession.api.waiting import Waiting
from procession.commands.gathering import Gathering
from procession.commands.tokens import FORGOTTEN_AFTER
from procession.errors import Invalid, ProcessionError
from procession.model.body import check_mime
from procession.project import Project
from procession.store import audit, tokens
from procession.verbs import Caller, Raw, Verb
from procession.verbs.arriving import ARRIVALS, arrive
from procession.verbs.shape import model_of

log = logging.getLogger("procession")
access = logging.getLogger("procession.access")

OPENAPI = f"{PREFIX}/openapi.json"
STREAM = f"{PREFIX}/stream"
THREADS = 6
"""As many connections as the store has, and one."""
TOLD = frozenset({401, 403, 421})
WAITING = 64
"""Threads that may wait for events that go the long way; they come when they are needed."""
SMALL = 16 << 10
"""Bytes of an event that the loop itself reads and checks: some 0.2 ms."""
PLAIN = "text/plain; charset=utf-8"
INLINE = frozenset({PLAIN, "application/json", "image/png", "image/jpeg"})
"""Types of results that a browser may show: nothing in them is ever run. All else it only stores."""
SANDBOX = ((b"content-security-policy", b"sandbox; default-src 'none'"),)
"""On all that is served as it was given, in place of what the guard says of our own pages."""
Value = TypeVar("Value")


class App:
    """One server's application."""

    def __init__(self, project: Project, names: Names) -> None:
        self.project = project
        self.names = names
        self.callers = Callers(project, names.cookie)
        self.verbs = verbs.load()
        self.routes = Routes(self.verbs)
        self.intake = ThreadPoolExecutor(WAITING, thread_name_prefix="procession-intake")
        project.gathering = Gathering(project)
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="procession-api")
        self.hub = Hub(project, self.upkeep)
        self._read: set[str] = set()
        """Verbs whose arguments the loop reads itself."""
        self._asked = False
        """Whether anybody has asked for anything yet; a server that nobody asks stays small."""
        self.waiting = Waiting()
        self.throttled = 0
        """Tries to log in that were too many."""
        self._swept_at = 0
        self._told = Bucket(20, 0.2)
        self.by_address = Buckets(20_000, 4_000.0)
        self.pages: dict[str, Callable[[Request], Awaitable[Answer]]] = {}
        """Path → what answers it, beside the verbs."""
        self.beyond: Callable[[Request], Awaitable[Answer]] = nothing_there
        """What answers at every other path: the pages for people."""

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """ASGI: one request."""
        assert scope["type"] == "http"
        request = Request(scope, receive)
        try:
            answer = await self.answer(request)
        except Problem as refused:
            answer = _refused(refused)
        except ProcessionError as error:
            answer = _refused(problem(error))
        except Exception:
            log.exception("the HTTP API failed at %s %s", request.method, request.path)
            answer = _refused(UNKNOWN)
        self._tell(request, answer.status)
        head = request.method == "HEAD"
        usual = answer.stream is None and not answer.headers and answer.mime == "application/json" and not head
        if not (usual and request.short and request.short.answer(answer.status, answer.body)):
            await _send(send, receive, answer, head=head)

    def _tell(self, request: Request, status: int) -> None:
        """What is refused for who asks stands in the log, without its query string, and not without end."""
        level = logging.INFO if status in TOLD and self._told.take() else logging.DEBUG
        if access.isEnabledFor(level):
            access.log(level, "HTTP %s %s %s: %d", request.client, request.method, ascii(request.path[:200]), status)

    async def answer(self, request: Request) -> Answer:
        """The answer to a request; raises what it is refused with."""
        refused = guard.refusal(request, self.names)
        if refused is not None:
            raise refused
        if not self.by_address[request.client].take():
            raise Problem(429, "TooMany", "too many requests from this address; ask more slowly")
        self._asked = True
        return await self.route(request)

    async def route(self, request: Request) -> Answer:
        """The answer to a request that the guard has let in."""
        page = self.pages.get(request.path)
        if page is not None:
            return await page(request)
        if request.path == STREAM:
            return await self._stream(request)
        if not request.path.startswith(f"{PREFIX}/"):
            return await self.beyond(request)
        caller = await self.caller(request)
        if request.path == OPENAPI and request.method in ("GET", "HEAD"):
            return as_json(await self.apart(lambda: openapi.document(self.verbs)))
        verb, path = self.routes.find(request.method, request.scope["raw_path"])
        return await self.act(request, caller, verb, path)

    async def caller(self, request: Request) -> Caller:
        """Who asks; Problem 401 if nobody does."""
        secret = self.callers.secret(request)
        known = self.callers.known(secret, request)
        return await self.apart(lambda: self.callers.look_up(secret, request)) if known is None else known

    async def act(self, request: Request, caller: Caller, verb: Verb, path: Mapping[str, str]) -> Answer:
        """Do what is asked, in a thread."""
        body = await request.json()
        if body is not None and not verb.changes:
            raise Problem(400, "Invalid", "a GET has no body; put the arguments into the query string")
        query = request.parameters()
        key = once.key_of(request) if verb.changes else None
        if verb.name == "hook":
            body = once.of_hook(request, body, key)
        pool = self.intake if verb.name in ARRIVALS else self.pool
        if verb.name in ARRIVALS and key is None and request.length <= SMALL:
            answer = await self._arrive(caller, verb, path, query, body)
            if answer is not None:
                return answer
        if verb.name == "wait":
            return await self._wait(caller, verb, arguments(verb, path, query, body))
        return await self.apart(lambda: self._call(caller, verb, arguments(verb, path, query, body), key), pool)

    async def _wait(self, caller: Caller, verb: Verb, given: dict[str, Any]) -> Answer:
        async def look(now: dict[str, Any]) -> Any:
            return await self.apart(lambda: verbs.call(self.project, caller, verb.name, now))

        return as_json(await self.waiting.until_ended(given, look), verb.status)

    async def _arrive(
        self, caller: Caller, verb: Verb, path: Mapping[str, str], query: Mapping[str, str], body: Any
    ) -> Answer | None:
        """An event is handed to the one thread that writes them; None where it must go the long way."""
        if verb.name not in self._read:
            await self.apart(lambda: model_of(verb))  # the first time all of pydantic is loaded for it
            self._read.add(verb.name)
        value = await arrive(self.project, caller, verb.name, arguments(verb, path, query, body))
        return None if value is None else answered(value, verb.status)

    def _call(self, caller: Caller, verb: Verb, given: dict[str, Any], key: str | None) -> Answer:
        if key is None:
            return answered(verbs.call(self.project, caller, verb.name, given), verb.status)
        with once.asked_once(self.project, caller, verb, given, key) as asked:
            if asked.before is None:
                value = verbs.call(self.project, caller, verb.name, given, once=asked.once)
                asked.answer(answered(value, verb.status))
        return asked.given

    async def apart(self, act: Callable[[], Value], pool: ThreadPoolExecutor | None = None) -> Value:
        """Do this in a thread of the pool."""
        return await asyncio.get_running_loop().run_in_executor(pool or self.pool, act)

    async def _stream(self, request: Request) -> Answer:
        """The journal, as long as somebody reads it."""
        if request.method != "GET":
            raise Problem(405, "MethodNotAllowed", "this path knows GET", ((b"allow", b"GET"),))
        caller = await self.caller(request)
        if "read" not in caller.scopes:
            raise Problem(403, "Denied", f"the stream needs the scope read, and {caller.by} has not")
        secret = self.callers.secret(request)
        wanted, after = await self.apart(lambda: wanted_by(self.project, request, caller))
        feed = self.hub.open(wanted, after, lambda: self.callers.holds(secret, request))
        return Answer(200, mime="text/event-stream", headers=((b"connection", b"close"),), stream=feed)

    def upkeep(self) -> None:
        """Every few seconds, beside the requests: files that changed, tokens that were used, answers that are old."""
        if self._asked:  # so that the first of many events does not wait for it
            for name in ARRIVALS.keys() - self._read:
                model_of(self.verbs[name])
                self._read.add(name)
        self.project.refresh(lenient=True)
        self.project.__dict__.pop("settings", None)  # a launcher may have taken in what changed
        self.callers.note()
        now = self.project.now()
        if now - self._swept_at > 60_000_000:
            self._swept_at = now
            with self.project.store.begin() as tx:
                audit.remove_answers(tx, now - once.KEPT)
                tokens.remove_expired(tx, now - FORGOTTEN_AFTER)

    def leaving(self) -> None:
        """The server is about to stop: what would not end by itself ends."""
        self.hub.end()

    def close(self) -> None:
        """End the threads."""
        for pool in (self.intake, self.pool):
            pool.shutdown(wait=True, cancel_futures=True)
        if self.project.gathering is not None:
            self.project.gathering.close()
            self.project.gathering = None


async def nothing_there(request: Request) -> Answer:
    """Where there are no pages."""
    raise Problem(404, "NotFound", f"there is nothing at this path; the API is at {PREFIX}")


def answered(value: Any, status: int) -> Answer:
    """The answer of a verb."""
    if not isinstance(value, Raw):
        return as_json(value, status)
    mime = _header(value.mime)
    extra = () if mime in INLINE else ((b"content-disposition", b"attachment"),)
    return Answer(status, value.body, mime, (*SANDBOX, *extra))


def _header(mime: str) -> str:
    """A MIME type that is fit for a header; what is none, as an older version let it in, is plain bytes (B43)."""
    try:
        found = check_mime(mime)
    except Invalid:
        return "application/octet-stream"
    plain = found.lower().replace(" ", "")
    return PLAIN if plain in ("text/plain", "text/plain;charset=utf-8") else found


def _refused(refused: Problem) -> Answer:
    return Answer(refused.status, refused.body(), "application/problem+json", refused.all_headers())


async def _send(send: Send, receive: Receive, answer: Answer, *, head: bool) -> None:
    own = {name for name, _ in answer.headers}
    usual = (each for each in guard.HEADERS if each[0] not in own)
    headers = [*usual, *answer.headers, (b"content-type", answer.mime.encode("latin-1"))]
    if answer.stream is None:
        headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.stream is None or head:
        await send({"type": "http.response.body", "body": b"" if head else answer.body})
        return
    gone = asyncio.ensure_future(_until_gone(receive))
    gone.add_done_callback(lambda _, stream=answer.stream: stream.end())  # type: ignore[misc]
    try:
        async for piece in answer.stream:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
