"""How a bridge stands, as everybody sees it: a row for each process and direction, and a message when it is away."""

from __future__ import annotations

import logging
import os
import socket
import time

from procession.commands.bridges import AWAY_SAID, GONE
from procession.commands.messages import Notice, note
from procession.errors import ProcessionError
from procession.model.bridge import BridgePlan
from procession.project import Project
from procession.store import bridges, messages
from procession.store.bridges import Link
from procession.store.database import Tx

log = logging.getLogger("procession")

EVERY = 15.0
"""Seconds between two signs that a process is there."""
RESTS = "another process publishes"
AWAY = 60.0
"""Seconds for which a broker may be away before people are told."""


class Standing:
    """Of one direction of one bridge in this process; one thread uses it."""

    def __init__(self, project: Project, plan: BridgePlan, way: str) -> None:
        self._project = project
        self._plan = plan
        self._way = way
        self._tells = way == ("in" if plan.subscribe else "out")
        """One of the two directions is enough to tell people."""
        now = project.now()
        self._link = Link(plan.name, f"{socket.gethostname()}:{os.getpid()}", way, None, now, 0, None, now)
        self._said_at = 0.0
        self._away_since = time.monotonic()
        self._told = False

    def connected(self, url: str, server: str) -> None:
        """There is a connection."""
        log.info(
            "bridge %s (%s) is connected to %s%s", self._plan.name, self._way, url, f", {server}" if server else ""
        )
        self._link = self._link._replace(url=url, connected=1, problem=None, since=self._project.now())
        self._say(back=True)

    def away(self, problem: str) -> None:
        """There is none, or no longer."""
        if self._link.connected or self._link.problem != problem:
            log.warning("bridge %s (%s): %s", self._plan.name, self._way, problem)
        if self._link.connected:
            self._away_since = time.monotonic()
            self._link = self._link._replace(since=self._project.now())
        changed = self._link.connected or self._link.problem != problem
        self._link = self._link._replace(connected=0, problem=problem)
        if changed or self._is_long():
            self._say()

    def rests(self) -> None:
        """Another process does it."""
        self._away_since = time.monotonic()
        if self._link.connected or self._link.problem != RESTS:
            self._link = self._link._replace(connected=0, url=None, problem=RESTS, since=self._project.now())
            self._say()
        self.here()

    def here(self) -> None:
        """The process is there, whatever else."""
        if time.monotonic() - self._said_at > EVERY:
            self._say()

    def leave(self) -> None:
        """It serves this bridge no more."""
        try:
            with self._project.store.begin() as tx:
                bridges.leave(tx, self._link.owner, self._plan.name)
        except ProcessionError as error:
            log.warning("bridge %s: it cannot be said that it has left: %s", self._plan.name, error)

    def _is_long(self) -> bool:
        return not self._link.connected and not self._told and time.monotonic() - self._away_since > AWAY

    def _say(self, *, back: bool = False) -> None:
        now = self._project.now()
        self._said_at = time.monotonic()
        self._link = self._link._replace(seen_at=now)
        tell = self._tells and self._is_long()
        try:
            with self._project.store.begin() as tx:
                bridges.say(tx, self._link)
                bridges.forget_links(tx, now - GONE)
                if tell:
                    said = f"its broker has been away for more than {AWAY:g} s: {self._link.problem}"
                    note(self._project, tx, [Notice("bridge", self._plan.name, said, signature=AWAY_SAID)])
                if back and self._tells:
                    self._end_away(tx, now)
        except ProcessionError as error:
            log.warning("bridge %s: how it stands cannot be said: %s", self._plan.name, error)
            return
        self._told = (self._told or tell) and not back

    def _end_away(self, tx: Tx, now: int) -> None:
        told = (m for m in messages.of_kind(tx, "bridge") if (m.task, m.signature) == (self._plan.name, AWAY_SAID))
        messages.end(tx, [message.id for message in told], now)
