"""The right to publish over a bridge, which one process has at a time.

It falls with its owner, never by time: with SQLite it is the lock of a file in ``var/``, with PostgreSQL a lock that
the server keeps for one connection. Two who both believed to have it would publish twice and out of order, so whoever
has it looks whether it still does before each batch.
"""

from __future__ import annotations

import os

from procession.project import Project
from procession.store.sole import SoleConnection
from procession.workdir import hold


class Sole:
    """The right of one bridge; one thread uses it."""

    def __init__(self, project: Project, name: str) -> None:
        self._shared = SoleConnection(project.store, f"bridge:{name}") if project.store.shared else None
        self._file = project.var.bridge_lock(name)
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Have it, if nobody else does; whoever has it keeps it."""
        if self._shared is not None:
            return self._shared.take()
        if self._descriptor is None:
            self._descriptor = hold(self._file, str(os.getpid()))
        return self._descriptor is not None

    def release(self) -> None:
        """Let go of it."""
        if self._shared is not None:
            self._shared.release()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
