"""Engines: how each kind of database is opened, and what its connections are told first."""

from __future__ import annotations

import importlib
import os
import sqlite3
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.pool import QueuePool

from procession.errors import StoreError
from procession.store import dialect, schema

SAFE_SQLITE = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""First releases, one in each line, without the rare WAL corruption race between a checkpoint and a writer."""


def sqlite_url(path: Path) -> str:
    """The URL of an SQLite file."""
    return f"sqlite:///{path}"


def sqlite_module() -> ModuleType:
    """The SQLite to use: the bundled one where it is installed, else Python's own."""
    try:
        return importlib.import_module("pysqlite3.dbapi2")
    except ImportError:
        return sqlite3


def sqlite_is_safe(version: tuple[int, ...]) -> bool:
    """Is this SQLite free of the WAL race with several checkpointing connections?"""
    return version >= SAFE_SQLITE[0] or any(version >= fixed and version[:2] == fixed[:2] for fixed in SAFE_SQLITE[1:])


def open_sqlite(url: str) -> Engine:
    """The engine of an SQLite file; it is made if it is not there."""
    module = sqlite_module()
    _make_private(make_url(url).database)
    engine = create_engine(
        url, module=module, paramstyle="named", isolation_level="AUTOCOMMIT", poolclass=QueuePool, pool_size=5
    )
    safe = sqlite_is_safe(module.sqlite_version_info)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in dialect.SQLITE_PRAGMAS:  # the first to come makes it a WAL database, without waiting for others
            dialect.patiently(partial(cursor.execute, pragma))
        # the launcher carries the log over (`checkpoint`); an SQLite that is not safe must never do so from two sides
        cursor.execute(f"PRAGMA wal_autocheckpoint = {dialect.LONG_LOG if safe else 0}")
        cursor.close()

    return engine


def _make_private(path: str | None) -> None:
    """Make a new database file for us alone; what SQLite puts beside it gets the same mode.

    One that is there is never opened but by SQLite: whoever closes any descriptor of a file drops all locks that this
    process has on it (POSIX), and others would then clear away the log under our hands.
    """
    if path and path != ":memory:":
        with suppress(OSError):  # it is there; or SQLite says what is wrong
            os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))


def open_postgresql(url: str) -> Engine:
    """The engine of a PostgreSQL database. StoreError without the driver."""
    schema.for_postgresql()
    parsed = make_url(url)
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    try:
        return create_engine(
            parsed,
            pool_size=5,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": 5,
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "tcp_user_timeout": 30_000,
                "options": "-c statement_timeout=60000 -c lock_timeout=30000"
                " -c idle_in_transaction_session_timeout=15000",
            },
        )
    except ModuleNotFoundError:
        raise StoreError(
            "PostgreSQL needs the driver psycopg; install it: pip install 'procession[postgres]'"
        ) from None


def masked(url: str) -> str:
    """A database URL that may be shown: without its password."""
    return make_url(url).render_as_string(hide_password=True)
