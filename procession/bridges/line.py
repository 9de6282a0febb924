"""Line: a connection that is made again and again, by one thread, until somebody says that it is enough.

In: a plan, and what is to be done while there is a connection. Out: it is done. Always: a broker that is away is tried
again, its addresses one after the other, further and further apart, each time a bit differently, so that many do not
come at once; no error ends the thread.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from abc import ABC, abstractmethod

from procession.bridges.connection import Connection, Lost
from procession.bridges.standing import Standing
from procession.errors import ProcessionError
from procession.model.bridge import BridgePlan
from procession.project import Project

log = logging.getLogger("procession")

FIRST, FACTOR, MOST = 0.1, 2.0, 30.0
"""Seconds before the second try, what they are multiplied with, and the most."""
STEADY = 5.0
"""Seconds after which a connection was a good one."""
ANOTHER = 1.0
"""Seconds between two looks whether another process has left."""
FILES_EVERY = 2.0


class Line(ABC):
    """One direction of one bridge. It has a project of its own."""

    way: str

    def __init__(self, project: Project, plan: BridgePlan) -> None:
        self.project = project
        self.plan = plan
        self.standing = Standing(project, plan, self.way)
        self.enough = threading.Event()
        self._looked_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"bridge {plan.name} {self.way}")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Say that it is enough; `join` waits for it."""
        self.enough.set()

    def join(self, until: float) -> None:
        """Wait until it has ended, no longer than to this moment of the clock that does not jump."""
        self._thread.join(max(0.0, until - time.monotonic()))
        self.project.close()

    @abstractmethod
    def serve(self, connection: Connection) -> None:
        """Do what is to be done, until `enough`; Lost when the connection is."""

    def may(self) -> bool:
        """May it connect now?"""
        return True

    @abstractmethod
    def let_go(self) -> None:
        """It is over, and there is no connection any more."""

    def look(self) -> None:
        """Now and then: say that we are there, and take in files that have changed."""
        self.standing.here()
        if time.monotonic() - self._looked_at > FILES_EVERY:
            self._looked_at = time.monotonic()
            try:
                self.project.refresh(lenient=True)
            except ProcessionError as error:
                log.warning("bridge %s: %s", self.plan.name, error)

    def _run(self) -> None:
        tries = 0
        while not self.enough.is_set():
            began = time.monotonic()
            try:
                if not self.may():
                    tries = 0
                    self.standing.rests()
                    self.enough.wait(ANOTHER)
                    continue
                self._connect(tries % len(self.plan.addresses))
            except (Lost, ProcessionError) as error:
                if not self.enough.is_set():
                    self.standing.away(str(error))
            except Exception as error:
                log.exception("bridge %s (%s) is connected again", self.plan.name, self.way)
                self.standing.away(f"{type(error).__name__}: {error}"[:200])
            tries = 1 if time.monotonic() - began > STEADY else tries + 1
            self.enough.wait(_span(tries))
        self.let_go()
        self.standing.leave()

    def _connect(self, number: int) -> None:
        address = self.plan.addresses[number]
        connection = Connection(self.plan, address, self.project.root, self.enough)
        try:
            self.standing.connected(str(address), connection.server)
            self.serve(connection)
        finally:
            connection.close()


def _span(tries: int) -> float:
    """Seconds until the next try, after so many: at random up to a bound that grows."""
    bound = min(MOST, FIRST * FACTOR ** min(tries, 30))
    return bound * (0.5 + 0.5 * random.random())
