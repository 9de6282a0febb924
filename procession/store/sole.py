"""A right that one connection has to a PostgreSQL database, until it is closed or breaks."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from procession.store.database import Store
from procession.store.dialect import SOLE_POSTGRESQL


class SoleConnection:
    """The right of this name. It falls with its connection, never by time; one thread uses it."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._connection: Connection | None = None

    def take(self) -> bool:
        """Have it, if nobody else does; whoever has it keeps it, unless the connection broke."""
        try:
            if self._connection is not None:
                self._connection.execute(text("SELECT 1"))
                return True
            made = self._store.engine.connect()
            try:
                made = made.execution_options(isolation_level="AUTOCOMMIT")
                if made.exec_driver_sql(SOLE_POSTGRESQL, {"name": self._name}).scalar():
                    self._connection = made
                    return True
            finally:
                if self._connection is None:
                    made.close()
        except DBAPIError:
            self.release()
        return False

    def release(self) -> None:
        """Let go of it: the server does with the connection, so nobody else may get that."""
        if self._connection is not None:
            with suppress(DBAPIError):
                self._connection.invalidate()
                self._connection.close()
            self._connection = None
