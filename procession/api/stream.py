"""The live stream: the journal as server-sent events, from any entry on (``GET /api/v1/stream``).

*In:* ``after=ID`` or ``Last-Event-ID``; ``processing``, ``task``, ``noun`` narrow it. *Out:* one event for each entry,
its id the cursor to go on from; a comment every 15 s. *Always:* one thread reads the journal for all; nothing is left
out: on PostgreSQL ids are given out before they are committed, so at a gap the stream waits up to `GAP_SECONDS` for
whoever has not committed yet. Who reads too slowly is hung up on, and goes on from where they were.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from procession import present
from procession.api.problems import Problem
from procession.api.request import Request
from procession.errors import ProcessionError
from procession.model.journal import Entry
from procession.project import Project
from procession.store import journal, processings, tasks
from procession.verbs import Caller

log = logging.getLogger("procession")

MOST = 100
"""Streams at the same time."""
HEARTBEAT = 15.0
"""Seconds between two comments, so that everybody in between knows that it lives; then the token is looked at again,
however much there is to tell."""
LIVELY, QUIET = 0.25, 1.0
"""Seconds between two looks at the journal: while somebody listens, and while nobody does."""
GAP_SECONDS = 2.0
PAGE = 1_000
QUEUE = 10_000
"""Entries that wait for somebody who reads slowly."""
REFRESH = 2.0
"""Seconds between two looks at the definition files and at what else keeps the server in order."""

Told = tuple[Entry, str | None]
"""An entry, and the task of its processing."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries somebody wants, and may see."""

    processing: int | None = None
    task: str | None = None
    noun: str | None = None
    tasks: frozenset[str] | None = None
    """Those that they may see; None: all."""

    def takes(self, told: Told) -> bool:
        """Is it one of them?"""
        entry, task = told
        return (
            (self.processing is None or entry.processing_id == self.processing)
            and (self.task is None or task == self.task)
            and (self.noun is None or entry.noun == self.noun)
            and (self.tasks is None or task in self.tasks)
        )


class Listener(Protocol):
    """Somebody who is told what is new, in the thread of the loop."""

    def put(self, found: list[Told]) -> None:
        """Entries that are new."""

    def end(self) -> None:
        """Nothing more comes."""


class Hub:
    """The one reader of the journal, and everybody who listens."""

    def __init__(self, project: Project, upkeep: Callable[[], None]) -> None:
        self._project = project
        self._upkeep = upkeep
        self.cursor = 0
        """Everything up to this entry has been told; of the thread of the loop."""
        self._read_to = 0
        """Everything up to this entry has been read; of the reading thread."""
        self.feeds: set[Listener] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leaving = threading.Event()
        self._joining = threading.Lock()
        """Held while somebody begins to listen, and while all is passed over because nobody does."""
        self._gap: tuple[int, float] | None = None
        self._thread = threading.Thread(target=self._run, name="procession-stream", daemon=True)

    def start(self) -> None:
        """Read from now on."""
        with self._project.store.read() as tx:
            self._read_to = max(0, journal.end(tx) - PAGE)
        self._read()
        self.cursor = self._read_to
        self._thread.start()

    def open(self, wanted: Wanted, after: int | None, holds: Callable[[], bool]) -> Feed:
        """Listen; in the thread of the loop. Problem 429 where too many do."""
        feed = Feed(self, wanted, after, holds)
        self.join(feed)
        return feed

    def join(self, feed: Listener) -> None:
        """Tell this one what is new from now on; in the thread of the loop. Problem 429 where too many listen."""
        if len(self.feeds) >= MOST:
            raise Problem(429, "TooMany", f"{MOST} streams are open; close one", ((b"retry-after", b"30"),))
        self._loop = asyncio.get_running_loop()
        with self._joining:
            self.feeds.add(feed)

    def end(self) -> None:
        """Hang up on everybody; from any thread."""
        self._leaving.set()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hang_up)

    def _hang_up(self) -> None:
        for feed in list(self.feeds):
            feed.end()

    def read(self, after: int, until: int) -> list[Told]:
        """Entries from the one after this to that one, at most a page."""
        with self._project.store.read() as tx:
            found = [entry for entry in journal.since(tx, after, PAGE) if entry.id <= until]
            of = processings.tasks_of(tx, {e.processing_id for e in found if e.processing_id is not None})
        return [(entry, None if entry.processing_id is None else of.get(entry.processing_id)) for entry in found]

    def _run(self) -> None:
        kept_at = 0.0
        while not self._leaving.wait(LIVELY if self.feeds else QUIET):
            try:
                self._read()
                if time.monotonic() - kept_at > REFRESH:
                    kept_at = time.monotonic()
                    self._upkeep()
            except ProcessionError as error:
                log.warning("the live stream waits: %s", error)
            except Exception:
                log.exception("the live stream could not be read; it is tried again")

    def _read(self) -> None:
        """Tell what is new to all who listen."""
        if self._passed_over():
            return
        while found := self._settled(self.read(self._read_to, (1 << 63) - 1)):
            self._read_to = found[-1][0].id
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._tell, found)
            else:  # nobody has ever listened
                self.cursor = self._read_to

    def _passed_over(self) -> bool:
        """Nobody listens, so all is passed over up to now; where an entry with a smaller id may come, all is read."""
        if self.feeds or self._project.store.engine.dialect.name != "sqlite":
            return False
        with self._project.store.read() as tx:
            end = journal.end(tx)
        with self._joining:
            if not self.feeds:
                self._read_to = self.cursor = end
        return True

    def _tell(self, found: list[Told]) -> None:
        self.cursor = max(self.cursor, found[-1][0].id)
        for feed in list(self.feeds):
            feed.put(found)

    def _settled(self, found: list[Told]) -> list[Told]:
        """Those behind which nobody can come any more."""
        if self._project.store.engine.dialect.name == "sqlite":
            return found
        expected = self._read_to + 1
        for at, (entry, _) in enumerate(found):
            if entry.id != expected and not self._is_old(expected):
                return found[:at]
            expected = entry.id + 1
        return found

    def _is_old(self, missing: int) -> bool:
        """Is this entry missing for so long that it never comes?"""
        now = time.monotonic()
        if self._gap is None or self._gap[0] != missing:
            self._gap = (missing, now)
        return now - self._gap[1] > GAP_SECONDS


class Feed:
    """One who listens."""

    def __init__(self, hub: Hub, wanted: Wanted, after: int | None, holds: Callable[[], bool]) -> None:
        self._hub = hub
        self._wanted = wanted
        self._after = hub.cursor if after is None else after
        self._from = hub.cursor
        self._holds = holds
        self._queue: asyncio.Queue[list[Told] | None] = asyncio.Queue()
        self._size = 0
        self._due = time.monotonic() + HEARTBEAT

    def put(self, found: list[Told]) -> None:
        """Entries that are new."""
        self._size += len(found)
        if self._size > QUEUE:
            self.end()
        else:
            self._queue.put_nowait(found)

    def end(self) -> None:
        """Hang up."""
        self._hub.feeds.discard(self)
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The stream: what was, then what comes."""
        loop = asyncio.get_running_loop()
        try:
            yield b"retry: 1000\n\n"
            while self._after < self._from:
                found = await loop.run_in_executor(None, self._hub.read, self._after, self._from)
                if not found:
                    break
                self._after = found[-1][0].id
                if not await self._still_holds():
                    return
                if text := self._text(found):
                    yield text
            while (came := await self._next()) is not None:
                if time.monotonic() >= self._due:
                    if not await self._still_holds():
                        return
                    yield b": still here\n\n"
                self._size -= len(came)
                came = [told for told in came if told[0].id > self._after]
                if text := self._text(came):
                    yield text
                self._after = max(self._after, came[-1][0].id if came else 0)
        finally:
            self._hub.feeds.discard(self)

    async def _next(self) -> list[Told] | None:
        """What is new; nothing where it is time for a comment; None where it is over."""
        try:
            return await asyncio.wait_for(self._queue.get(), max(0.0, self._due - time.monotonic()))
        except TimeoutError:
            return []

    async def _still_holds(self) -> bool:
        """Does the token let in whoever listens? Looked at when it is time."""
        if time.monotonic() < self._due:
            return True
        self._due = time.monotonic() + HEARTBEAT
        return await asyncio.get_running_loop().run_in_executor(None, self._holds)

    def _text(self, found: list[Told]) -> bytes:
        return b"".join(_event(told) for told in found if self._wanted.takes(told))


def _event(told: Told) -> bytes:
    entry, task = told
    data = json.dumps({**present.entry(entry), "task": task}, ensure_ascii=False, separators=(",", ":"))
    return f"id: {entry.id}\nevent: journal\ndata: {data}\n\n".encode()


def wanted_by(project: Project, request: Request, caller: Caller) -> tuple[Wanted, int | None]:
    """What a request asks for, and from where on; Problem 400 for what it cannot ask."""
    given = request.parameters()
    after = given.pop("after", None) or request.header(b"last-event-id")
    which = given.pop("processing", None)
    wanted = Wanted(
        None if which is None else _number("processing", which), given.pop("task", None), given.pop("noun", None),
        theirs(project, caller),
    )  # fmt: skip
    if given:
        raise Problem(400, "Invalid", f"a stream has no {min(given)[:60]!r}; it has: after, processing, task, noun")
    return wanted, None if after is None else _number("after", after)


def theirs(project: Project, caller: Caller) -> frozenset[str] | None:
    """The tasks that a caller may see; None: all."""
    if caller.groups is None:
        return None
    with project.store.read() as tx:
        return frozenset(task.name for task in tasks.current(tx).values() if task.group in caller.groups)


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 1 << 63):
        raise Problem(400, "Invalid", f"{name} is the id of an entry or a processing, not {text[:40]!r}")
    return int(text)
