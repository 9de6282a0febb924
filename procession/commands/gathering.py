"""Gathering: events that come at the same time are stored in one transaction.

*In:* checked events of many threads and requests, each with what stands by (audit, idempotency key). *Out:* to each its
own answer, after the commit of all. *Always:* nobody is answered before their event is stored for good; if they cannot
be stored together, each is stored alone, so one bad event never harms another. A commit costs milliseconds and an event
tenths of one: so the more come, the less each costs, and nobody waits for more than two commits.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from procession.commands import events
from procession.commands.events import Submitted
from procession.errors import Refused, StoreBusy
from procession.flow.budget import refuse_if_full
from procession.model.event import NewEvent
from procession.project import Project
from procession.store import events as stored
from procession.store.database import WITNESS, Witness

log = logging.getLogger("procession")

MOST = 512
"""Events of one transaction."""
CROWD, LATELY = 8, 0.1
"""So many events stored at once within the last so many seconds: more come than are stored one by one."""

Future = asyncio.Future[Submitted]


@dataclass(slots=True, eq=False)
class _Waiting:
    """Somebody who waits for their event to be stored."""

    event: NewEvent
    witness: Witness | None
    free: Callable[[], None] | None = None
    """Lets the thread go on that waits; None where a future is waited for."""
    future: Future | None = None
    answer: Submitted | None = None
    error: BaseException | None = None


class Gathering:
    """The one thread that writes the events of all others."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._queue: deque[_Waiting] = deque()
        self._there = threading.Condition()
        self._leaving = False
        self._crowd_at = float("-inf")
        """When a crowd was stored last, in seconds that no change of the wall clock moves."""
        self._thread = threading.Thread(target=self._run, name="procession-gathering", daemon=True)
        self._thread.start()

    def submit(self, event: NewEvent) -> Submitted:
        """Store a checked event with whatever else comes now; raises what it is refused with."""
        done = threading.Lock()
        done.acquire()
        waiting = _Waiting(event, WITNESS.get(), done.release)
        self._put(waiting)
        done.acquire()
        if waiting.error is not None:
            raise waiting.error
        assert waiting.answer is not None
        return waiting.answer

    async def arrive(self, event: NewEvent, witness: Witness) -> Submitted:
        """The same, for the thread of a loop, which goes on meanwhile. The answer has the event also where it was known
        before, if it is still there."""
        future: Future = asyncio.get_running_loop().create_future()
        self._put(_Waiting(event, witness, future=future))
        return await future

    @property
    def waiting(self) -> int:
        """How many events wait to be stored."""
        return len(self._queue)

    @property
    def crowded(self) -> bool:
        """Do so many events come that whoever else wants to write should let them in first?"""
        return self._project.clock.monotonic() - self._crowd_at < LATELY

    def close(self) -> None:
        """Store what waits, and end."""
        with self._there:
            self._leaving = True
            self._there.notify()
        self._thread.join()

    def _put(self, waiting: _Waiting) -> None:
        with self._there:
            if self._leaving:
                raise Refused("the server is about to stop; send the event again")
            self._queue.append(waiting)
            if len(self._queue) == 1:
                self._there.notify()

    def _run(self) -> None:
        while batch := self._next():
            try:
                self._store(batch)
            except Exception as error:
                if len(batch) > 1 and not isinstance(error, StoreBusy):
                    log.debug("%d events are stored one by one: %s", len(batch), error)
                    self._one_by_one(batch)
                else:
                    for each in batch:
                        each.error = error
            _tell(batch)
            if len(batch) >= CROWD:
                self._crowd_at = self._project.clock.monotonic()

    def _next(self) -> list[_Waiting]:
        """All that wait, as soon as somebody does; none when it is over."""
        with self._there:
            while not self._queue and not self._leaving:
                self._there.wait()
            return [self._queue.popleft() for _ in range(min(MOST, len(self._queue)))]

    def _one_by_one(self, batch: list[_Waiting]) -> None:
        for each in batch:
            try:
                self._store([each])
            except Exception as error:
                each.error = error

    def _store(self, batch: list[_Waiting]) -> None:
        project = self._project
        refuse_if_full(project)
        with project.store.begin() as tx:
            for each in batch:
                if each.witness is not None:
                    each.witness.begun(tx)
            answers = events.submit_all(project, tx, [each.event for each in batch])
            for each in batch:
                if each.witness is not None:
                    each.witness.ending(tx)
            for place, (each, answer) in enumerate(zip(batch, answers, strict=True)):
                if each.future is not None and answer.stored is None:
                    answers[place] = replace(answer, stored=stored.find(tx, answer.event_id))
        for each, answer in zip(batch, answers, strict=True):
            each.answer = answer


def _tell(batch: Iterable[_Waiting]) -> None:
    """Let all go on who waited; a loop is woken once for all of its own."""
    of_loops: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
    for each in batch:
        if each.future is not None:
            of_loops.setdefault(each.future.get_loop(), []).append(each)
        elif each.free is not None:
            each.free()
    for loop, theirs in of_loops.items():
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(_resolve, theirs)


def _resolve(waiting: Iterable[_Waiting]) -> None:
    for each in waiting:
        if each.future is None or each.future.done():
            continue
        if each.answer is not None:
            each.future.set_result(each.answer)
        else:
            each.future.set_exception(each.error or Refused("the event was not stored; send it again"))
