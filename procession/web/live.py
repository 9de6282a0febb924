"""The live stream of a page: what has changed is named, counters are told, logs come as they are written.

*In:* ``GET live?topics=nav,task:scene,proc:12,log:12/one/1``, and ``after`` or ``Last-Event-ID`` of the last message
that came. *Out:* server-sent events ``inv``, ``cnt``, ``log``, ``end``, ``reload``, each with the id to go on from.
*Always:* nothing is read for pages that nobody looks at; what one may not see is not named; who reads too slowly, or
may not look any more, is hung up on, and whoever comes back misses nothing and hears nothing twice.

Topics: ``nav`` (counters and banners), ``all`` (any processing), ``task:NAME``, ``proc:ID``, ``log:ID/STEP/ATTEMPT``,
and the nouns of the journal that are no processing: ``setting``, ``launcher``, ``cause``, ``batch``, ``lock``.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from procession.api.login import only
from procession.api.problems import Problem
from procession.api.request import Answer, Request
from procession.api.stream import HEARTBEAT, QUEUE, Hub, Told, theirs
from procession.project import Project
from procession.verbs import Caller
from procession.web.anonymous import is_anonymous
from procession.web.page import NOBODY, Ask
from procession.web.paths import Place
from procession.web.site import Site
from procession.web.standing import Standing
from procession.web.tail import Tail

MOST_TOPICS = 200
MOST_LOGS = 8
"""Logs that one stream follows."""
LOOK, READ = 2.0, 0.2
"""Seconds between two looks at how all stands, and at logs that are followed."""
MOST_OPEN, MOST_OF_ADDRESS = 20, 4
"""Streams at the same time of all who have not logged in, and of one address of theirs: the others are left to those
who have."""
CALM = 1.0
"""Seconds between two words about what concerns many processings."""
FAR = 5_000
"""Entries; whoever was away for more is told that all may have changed."""
HEADERS = ((b"connection", b"close"), (b"x-accel-buffering", b"no"), (b"cache-control", b"no-store"))
_DIGITS = 19


class Live:
    """``GET live``."""

    def __init__(self, site: Site) -> None:
        self._site = site
        site.specials["live"] = self.answer

    async def answer(self, ask: Ask, request: Request, place: Place) -> Answer:
        """A stream, as long as somebody listens."""
        only(request, "GET")
        if ask.caller is NOBODY:
            raise Problem(401, "Denied", "the live stream is for whoever has logged in")
        ask.need("read")
        app, caller = self._site.app, ask.caller
        topics = frozenset(filter(None, ask.query.get("topics", "").split(",")))
        if not topics or len(topics) > MOST_TOPICS:
            raise Problem(400, "Invalid", f"a live stream has 1 to {MOST_TOPICS} topics, with commas between them")
        logs = [each for each in sorted(topics) if each.startswith("log:")]
        if len(logs) > MOST_LOGS:
            raise Problem(400, "Invalid", f"a live stream follows at most {MOST_LOGS} logs; open another one")
        tails = [Tail(app.project, caller, each) for each in logs]
        if request.method == "HEAD":  # nobody would read the stream, nor end it
            return Answer(200, mime="text/event-stream", headers=HEADERS)
        after, offsets = _cursor(request.header(b"last-event-id") or ask.query.get("after", ""), len(tails))
        seen = await app.apart(lambda: _begun(app.project, caller, tails, offsets))
        feed = Feed(
            app.hub, topics, seen, tails, after, self._holds(caller, request),
            lambda: self._site.looks.look(caller.groups), self._site.static.version, app.hub.cursor,
            (caller.origin or "") if is_anonymous(caller) else None, ask.query.get("seen", ""),
        )  # fmt: skip
        _let_in(feed, MOST_OPEN if app.names.behind_proxy else MOST_OF_ADDRESS)
        app.hub.join(feed)
        return Answer(200, mime="text/event-stream", headers=HEADERS, stream=feed)

    def _holds(self, caller: Caller, request: Request) -> Callable[[], bool]:
        """Is whoever began to listen still let in?"""
        if is_anonymous(caller):
            return lambda: self._site.anonymous.allowed
        secret = self._site.app.callers.secret(request)
        return lambda: self._site.app.callers.holds(secret, request)


def _let_in(feed: Feed, of_address: int) -> None:
    """Problem 429 where those who have not logged in have their share; in the thread of the loop, counted from those
    who listen, so that whoever leaves makes room. Behind a proxy all of them have its address."""
    if feed.address is None:
        return
    open_now = [each.address for each in feed.hub.feeds if isinstance(each, Feed) and each.address is not None]
    if len(open_now) >= MOST_OPEN or open_now.count(feed.address) >= of_address:
        text = f"{of_address} streams of one address or {MOST_OPEN} of all are open for who has not logged in; log in"
        raise Problem(429, "TooMany", text, ((b"retry-after", b"30"),))


def _begun(project: Project, caller: Caller, tails: list[Tail], offsets: list[int | None]) -> frozenset[str] | None:
    """Begin to follow these logs; which tasks may the caller see?"""
    for tail, offset in zip(tails, offsets, strict=True):
        tail.begin(offset)
    return theirs(project, caller)


def _cursor(text: str, tails: int) -> tuple[int | None, list[int | None]]:
    """Where a page goes on: an entry of the journal, and how far it has read each log. Nonsense is no cursor."""
    first, *rest = text.split(".")
    if not _is_number(first) or not all(map(_is_number, rest)) or len(rest) != tails:
        return (int(first) if _is_number(first) else None), [None] * tails
    return int(first), [int(each) for each in rest]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < _DIGITS


@dataclass(slots=True)
class Feed:
    """One page that listens; `put` and `end` are called in the thread of the loop."""

    hub: Hub
    topics: frozenset[str]
    tasks: frozenset[str] | None
    """Those that they may see; None: all."""
    tails: list[Tail]
    after: int | None
    holds: Callable[[], bool]
    look: Callable[[], Standing]
    version: str
    begun: int
    """What the hub had told when this one joined."""
    address: str | None = None
    """Of whoever has not logged in."""
    seen: str = ""
    """The digest of the banners that the page shows; empty where it has not said."""
    queue: asyncio.Queue[list[Told] | None] = field(default_factory=asyncio.Queue)
    size: int = 0
    heard: float = 0.0
    looked: float = 0.0
    stood: Standing | None = None
    pending: set[str] = field(default_factory=set)
    """Topics that have changed, and were not named yet."""
    told: float = 0.0

    def __hash__(self) -> int:
        return id(self)

    def put(self, found: list[Told]) -> None:
        """Entries that are new."""
        self.size += len(found)
        if self.size > QUEUE:
            self.end()
        else:
            self.queue.put_nowait(found)

    def end(self) -> None:
        """Hang up."""
        self.hub.feeds.discard(self)
        self.queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The messages: what was missed, then what comes."""
        after = self.after = self.begun if self.after is None else min(self.after, self.begun)
        self.heard = time.monotonic()
        try:
            yield b"retry: 1000\n\n" + self._message("reload", {"version": self.version})
            if self.begun - after > FAR:
                after = self.after = self.begun
                self.pending |= self.topics
            while after < self.begun and (found := await _apart(self.hub.read, after, self.begun)):
                after = self.after = found[-1][0].id
                self._named(found)
            while (came := await self._next()) is not None:
                self._named(came)
                text = self._invalid() + await self._followed() + await self._standing()
                if text:
                    yield text
                if time.monotonic() - self.heard >= HEARTBEAT:
                    self.heard = time.monotonic()
                    if not await _apart(self.holds):
                        return
                    yield b": still here\n\n"
        finally:
            self.hub.feeds.discard(self)

    async def _next(self) -> list[Told] | None:
        """What is new; nothing where it is time to look for oneself; None where it is over."""
        wait = READ if any(not tail.ended for tail in self.tails) else LOOK
        if self.pending:
            wait = min(wait, max(0.0, self.told + CALM - time.monotonic()))
        try:
            came = await asyncio.wait_for(self.queue.get(), wait)
        except TimeoutError:
            return []
        if came is None:
            return None
        self.size -= len(came)
        return [told for told in came if told[0].id > (self.after or 0)]

    def _named(self, found: list[Told]) -> None:
        """Note the topics that these entries concern, of those that the page has."""
        for entry, task in found:
            self.after = max(self.after or 0, entry.id)
            if self.tasks is not None and task is not None and task not in self.tasks:
                continue
            self.pending |= self.topics & {entry.noun, "all", f"task:{task}", f"proc:{entry.processing_id}"}
            for tail in self.tails:
                tail.stirred = tail.stirred or tail.processing == entry.processing_id

    def _invalid(self) -> bytes:
        """What has changed: of one processing at once, of many together once a second, for that costs more to show."""
        now = time.monotonic()
        if now - self.told >= CALM:
            self.told = now if self.pending else self.told
            named = self.pending
        else:
            named = {topic for topic in self.pending if topic.startswith("proc:")}
        self.pending = self.pending - named
        return self._message("inv", {"topics": sorted(named)}) if named else b""

    async def _followed(self) -> bytes:
        """What was written to the logs."""
        text = b""
        if all(tail.ended for tail in self.tails):
            return text
        for tail, found in await _apart(lambda: [(each, each.more()) for each in self.tails]):
            for kind, data in found:
                tail.told = data.get("end", tail.told)
                text += self._message(kind, data)
        return text

    async def _standing(self) -> bytes:
        """Counters, where one has changed; the frame, where a banner has."""
        now = time.monotonic()
        if "nav" not in self.topics or now - self.looked < LOOK:
            return b""
        self.looked, before = now, self.stood
        self.stood = found = await _apart(self.look)
        seen = (self.seen or found.digest) if before is None else before.digest
        text = b""
        if before is None or before.counters != found.counters:
            text += self._message("cnt", found.counters)
        if seen != found.digest:
            text += self._message("inv", {"topics": ["nav"]})
        return text

    def _message(self, kind: str, data: Any) -> bytes:
        at = ".".join(str(each) for each in (self.after or 0, *(tail.told for tail in self.tails)))
        told = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
        return f"id: {at}\nevent: {kind}\ndata: {told}\n\n".encode("utf-8", "backslashreplace")


async def _apart(act: Callable[..., Any], *given: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, act, *given)
