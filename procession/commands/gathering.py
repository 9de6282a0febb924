"""Gathering: events that come at the same time are stored in one transaction.

*In:* checked events of many threads, each with what stands by (audit, idempotency key). *Out:* to each thread its own
answer, after the commit of all. *Always:* nobody is answered before their event is stored for good; if they cannot be
stored together, each is stored alone, so one bad event never harms another. A commit costs milliseconds and an event
tenths of one: so the more come, the less each costs, and nobody waits for more than two commits.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass, field

from procession.commands import events
from procession.commands.events import Submitted
from procession.errors import Refused
from procession.model.event import NewEvent
from procession.project import Project
from procession.store.database import WITNESS, Witness

log = logging.getLogger("procession")

MOST = 1_000
"""Events of one transaction."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """A thread that waits for its event to be stored."""

    event: NewEvent
    witness: Witness | None
    answer: Submitted | None = None
    error: BaseException | None = None
    done: threading.Lock = field(default_factory=threading.Lock)
    """Held until there is an answer."""

    def __post_init__(self) -> None:
        self.done.acquire()


class Gathering:
    """The one thread that writes the events of all others."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._queue: deque[_Waiting] = deque()
        self._there = threading.Condition()
        self._leaving = False
        self._thread = threading.Thread(target=self._run, name="procession-gathering", daemon=True)
        self._thread.start()

    def submit(self, event: NewEvent) -> Submitted:
        """Store a checked event with whatever else comes now; raises what it is refused with."""
        waiting = _Waiting(event, WITNESS.get())
        with self._there:
            if self._leaving:
                raise Refused("the server is about to stop; send the event again")
            self._queue.append(waiting)
            self._there.notify()
        waiting.done.acquire()
        if waiting.error is not None:
            raise waiting.error
        assert waiting.answer is not None
        return waiting.answer

    def close(self) -> None:
        """Store what waits, and end."""
        with self._there:
            self._leaving = True
            self._there.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next():
            try:
                self._store(batch)
            except Exception as error:
                if len(batch) > 1:
                    log.debug("%d events are stored one by one: %s", len(batch), error)
                    self._one_by_one(batch)
                else:
                    batch[0].error = error
            for each in batch:
                each.done.release()

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
        with project.store.begin() as tx:
            for each in batch:
                if each.witness is not None:
                    each.witness.begun(tx)
            answers = events.submit_all(project, tx, [each.event for each in batch])
            for each in batch:
                if each.witness is not None:
                    each.witness.ending(tx)
        for each, answer in zip(batch, answers, strict=True):
            each.answer = answer
