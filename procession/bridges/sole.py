"""The right to publish over a bridge, which one process has at a time.

It falls with its owner, never by time: with SQLite it is the lock of a file in ``var/``, with PostgreSQL a lock that
the server keeps for one connection. Two who both believed to have it would publish twice and out of order, so whoever
has it looks whether it still does before each batch.
"""

from __future__ import annotations

import os
from contextlib import suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from procession.project import Project
from procession.store.dialect import SOLE_POSTGRESQL
from procession.workdir import hold


class Sole:
    """The right of one bridge; one thread uses it."""

    def __init__(self, project: Project, name: str) -> None:
        self._project = project
        self._name = name
        self._descriptor: int | None = None
        self._connection: Connection | None = None

    def take(self) -> bool:
        """Have it, if nobody else does; whoever has it keeps it."""
        if not self._project.store.shared:
            if self._descriptor is None:
                self._descriptor = hold(self._project.var.bridge_lock(self._name), str(os.getpid()))
            return self._descriptor is not None
        try:
            if self._connection is not None:
                self._connection.execute(text("SELECT 1"))
                return True
            return self._ask()
        except DBAPIError:
            self.release()
            return False

    def _ask(self) -> bool:
        made = self._project.store.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            if made.exec_driver_sql(SOLE_POSTGRESQL, {"name": f"bridge:{self._name}"}).scalar():
                self._connection, made = made, None  # type: ignore[assignment]
                return True
            return False
        finally:
            if made is not None:
                made.close()

    def release(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self._connection is not None:
            with suppress(DBAPIError):
                self._connection.invalidate()  # the server lets go with the connection, so it is not to be used again
                self._connection.close()
            self._connection = None
