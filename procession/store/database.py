"""Store: open, begin, read, close. The one way to the database.

In: a database URL. Out: transactions (`Tx`) that run statements written once for both databases.
Always: a writing transaction takes the write lock at its begin (SQLite), so it never fails half-way for a lock; nothing
is acknowledged before its commit; what must happen after the commit (`Tx.after`) happens only then.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.engine import CursorResult, Row
from sqlalchemy.exc import DBAPIError

from procession.errors import StaleState, StoreBusy, StoreError
from procession.store import dialect as _dialect
from procession.store.engines import masked, open_postgresql, open_sqlite, sqlite_is_safe
from procession.store.statement import Statement
from procession.store.turnstile import turnstile

TRIES = 5
"""How often a change is tried anew before its failure is told."""

Answer = TypeVar("Answer")

log = logging.getLogger("procession")

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Tx:
    """One open transaction."""

    __slots__ = ("_after", "_engine", "_gathered", "connection", "wrote")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._engine = connection.engine
        self._after: list[Callable[[], object]] = []
        self._gathered: dict[Callable[[Tx, list[Any]], object], list[Any]] = {}
        self.wrote = False
        """Has it written a set of rows, and with it perhaps a line of the journal?"""

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    def run(self, what: Statement, **parameters: Any) -> CursorResult[Any]:
        """Run a statement with its parameters by name."""
        sql, own = what.compiled(self._engine)
        return self.connection.exec_driver_sql(sql, {**own, **parameters} if own else parameters)

    def rows(self, what: Statement, **parameters: Any) -> Sequence[Row[Any]]:
        """Run a statement and return all its rows."""
        return self.run(what, **parameters).fetchall()

    def tuples(self, what: Statement, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows as plain tuples: the hot path makes of them what it needs."""
        sql, own = what.compiled(self._engine)
        cursor = self.connection.connection.cursor()
        try:
            cursor.execute(sql, {**own, **parameters} if own else parameters)
            return list(cursor.fetchall()) if cursor.description else []
        finally:
            cursor.close()

    def row(self, what: Statement, **parameters: Any) -> Row[Any] | None:
        """Run a statement and return its first row, if there is one."""
        return self.run(what, **parameters).first()

    def each(self, what: Statement, rows: Iterable[Mapping[str, Any]], **parameters: Any) -> CursorResult[Any]:
        """Read with a set of given rows (`dialect.given_rows`), at once."""
        return self.run(what, rows=_encode(list(rows)), **parameters)

    def each_tuple(self, what: Statement, rows: Iterable[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        """Read with a set of given rows, as plain tuples."""
        return self.tuples(what, rows=_encode(list(rows)))

    def write(self, what: Statement, rows: Sequence[Mapping[str, Any]]) -> int:
        """Write with a set of given rows (`dialect.Given`); return how many rows of the table it touched."""
        if not rows:
            return 0
        self.wrote = True
        if self.dialect != "sqlite":
            sql, own = what.compiled(self._engine)
            return self.connection.exec_driver_sql(sql, {**own, "rows": _encode(list(rows))}).rowcount
        cursor = self.connection.connection.cursor()
        try:
            return what.by_place(self._engine).write(cursor, rows)
        finally:
            cursor.close()

    def reserve_ids(self, table: str, n: int) -> range | list[int]:
        """Ids for `n` new rows of a table; never given twice, not even after rows were deleted."""
        if n == 0:
            return []
        if self.dialect == "sqlite":
            cursor = self.connection.connection.cursor()
            row = cursor.execute(_dialect.RESERVE_SQLITE, {"table": table, "n": n}).fetchone()
            if row is None:  # the first row of this table
                cursor.execute(_dialect.PREPARE_SQLITE, {"table": table})
                row = cursor.execute(_dialect.RESERVE_SQLITE, {"table": table, "n": n}).fetchone()
            cursor.close()
            return range(row[0] - n + 1, row[0] + 1)
        return list(self.connection.exec_driver_sql(_dialect.RESERVE_POSTGRESQL, {"table": table, "n": n}).scalars())

    def claim_alone(self) -> None:
        """From here to the end of this transaction nobody else claims. SQLite's write lock says so already."""
        if self.dialect == "postgresql":
            self.connection.exec_driver_sql(_dialect.CLAIM_POSTGRESQL)

    def unwitnessed(self) -> None:
        """What this transaction does is nobody's deed, such as asking again: the audit has no line of it."""
        witness = WITNESS.get()
        if witness is not None:
            witness.silent = True

    def submit_alone(self, names: Iterable[str]) -> None:
        """From here to the end of this transaction nobody else submits to what has one of these names, if they say so
        too: what may wait is counted exactly."""
        if self.dialect == "postgresql":
            for name in sorted(set(names)):  # sorted: nobody waits in a circle
                self.connection.exec_driver_sql(_dialect.SUBMIT_POSTGRESQL, {"name": name})

    def steady(self) -> None:
        """Read one picture from here on, in however many statements. SQLite does so anyway; say it first."""
        if self.dialect == "postgresql":
            self.connection.exec_driver_sql(_dialect.STEADY_POSTGRESQL)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """What this block does is undone if it raises; the transaction goes on."""
        asked = len(self._after)
        gathered = {write: len(what) for write, what in self._gathered.items()}
        try:
            with self.connection.begin_nested():
                yield
        except BaseException:
            del self._after[asked:]
            for write, what in self._gathered.items():
                del what[gathered.get(write, 0) :]
            raise

    def gather(self, write: Callable[[Tx, list[Any]], object], what: Iterable[Any]) -> None:
        """Have this written as the last thing of the transaction, all that is gathered for one `write` at once: rows
        that everybody writes are then held for a moment only, and by everybody in the same order."""
        self._gathered.setdefault(write, []).extend(what)

    def finish(self) -> None:
        """Write what was gathered."""
        while self._gathered:
            write, what = self._gathered.popitem()
            write(self, what)

    def after(self, act: Callable[[], object]) -> None:
        """Do this when the transaction has been committed; never if it is rolled back."""
        self._after.append(act)

    def committed(self) -> None:
        """Run what was asked for by `after`, all of it: what is committed stays, whatever fails afterwards."""
        for act in self._after:
            try:
                act()
            except Exception as error:
                log.error("after a commit: %s: %s", type(error).__name__, error)


class Witness(Protocol):
    """What stands by while somebody changes something: the audit, and answers that are given once."""

    silent: bool
    """There is nothing to tell of the present transaction."""

    def begun(self, tx: Tx) -> None:
        """A writing transaction has begun, and nothing is changed yet."""

    def ending(self, tx: Tx) -> None:
        """It is about to be committed; what is written now is part of it, and an error undoes it all."""


WITNESS: ContextVar[Witness | None] = ContextVar("witness", default=None)
"""Of the writing transactions that this thread begins."""


class Store:
    """One database, opened. Safe to use from several threads; every transaction takes its own connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = open_sqlite(url) if url.startswith("sqlite") else open_postgresql(url)
        self.shared = self.engine.dialect.name == "postgresql"
        """May launchers of several places serve it? A file of SQLite has the only place that there is."""
        self._turnstile = None if self.shared or ":memory:" in url else turnstile(url)

    @contextmanager
    def begin(self, *, witnessed: bool = True) -> Iterator[Tx]:
        """A writing transaction; committed at the end of the block, rolled back by an exception. What is not
        `witnessed` is no part of what somebody asked for."""
        witness = WITNESS.get() if witnessed else None
        with self._transaction(writing=True) as tx:
            if witness is not None:
                witness.begun(tx)
            yield tx
            if witness is not None:
                witness.ending(tx)
            tx.finish()
        tx.committed()

    def change(self, act: Callable[[Tx], Answer]) -> Answer:
        """Do this in a writing transaction; if somebody else moved what it is about in between, look and do it anew.

        Only PostgreSQL comes here: with SQLite nobody else writes meanwhile.
        """
        for _ in range(TRIES):
            try:
                with self.begin() as tx:
                    return act(tx)
            except StaleState:
                continue
        with self.begin() as tx:
            return act(tx)

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """A reading transaction: one consistent picture; it never waits for writers."""
        with self._transaction(writing=False) as tx:
            yield tx

    @contextmanager
    def _transaction(self, *, writing: bool) -> Iterator[Tx]:
        try:
            with self._turn(writing), self.engine.connect() as connection, connection.begin():
                if self.engine.dialect.name == "sqlite":
                    _dialect.begin_sqlite(connection.connection.dbapi_connection, writing=writing)
                yield Tx(connection)
        except DBAPIError as error:
            raise self._error(error.orig) from error
        except self.engine.dialect.loaded_dbapi.Error as error:  # from what was run past SQLAlchemy
            raise self._error(error) from error

    @contextmanager
    def _turn(self, writing: bool) -> Iterator[None]:
        """Stand in line with the other threads that write."""
        line = self._turnstile if writing else None
        if line is not None and not line.enter(_dialect.BUSY_SECONDS):
            raise StoreBusy("the database is held by another thread of this process; nothing was changed, try again")
        try:
            yield
        finally:
            if line is not None:
                line.leave()

    def _error(self, error: BaseException | None) -> StoreError:
        """What the driver said, as one line that a person can use."""
        text = (str(error).strip() or type(error).__name__).splitlines()[0]
        if not isinstance(error, self.engine.dialect.loaded_dbapi.OperationalError):
            return StoreError(f"the database refused a statement: {text}")
        if "locked" in text or "busy" in text or "lock timeout" in text:
            return StoreBusy(
                f"the database {masked(self.url)} is held by another process ({text}); nothing was changed, try again"
            )
        return StoreError(f"the database {masked(self.url)} cannot be used: {text}")

    def checkpoint(self) -> int:
        """Carry the log of an SQLite file over, as far as nobody stands in the way; return its length in pages. With an
        SQLite that is not safe nobody writes meanwhile."""
        safe = sqlite_is_safe(self.engine.dialect.loaded_dbapi.sqlite_version_info)
        try:
            with nullcontext() if safe else self._transaction(writing=True), self.engine.connect() as connection:
                row = connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").one()
        except DBAPIError as error:
            raise self._error(error.orig) from error
        return max(0, int(row[1]))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
