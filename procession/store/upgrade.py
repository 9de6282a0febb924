"""Bring a database to the schema of this version, or refuse it, before anything else touches it.

In: an opened store. Out: a database with exactly the tables of `schema.py`.
Always: a newer schema is refused with one line and nothing is touched; two processes never migrate at once; an SQLite
file is copied before it is migrated. Alembic is imported only where the schema really differs.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect

from procession.errors import SchemaMismatch
from procession.store import schema
from procession.store.database import Store, masked

LOCK = 0x50524F44
"""PostgreSQL advisory lock under which one process makes or migrates the schema."""

KNOWN = ("0001",)
"""All schema versions that this code has ever written, oldest first."""


def prepare(store: Store) -> None:
    """Make or migrate the schema if needed; raise SchemaMismatch if it is newer than this code."""
    found = _version(store)
    if found == schema.VERSION:
        return
    with _alone(store) as connection:
        found = _read(connection)
        if found is None:
            schema.metadata.create_all(connection)
            connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
            connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{schema.VERSION}')")  # noqa: S608
        elif found not in KNOWN:
            raise SchemaMismatch(
                f"the database {masked(store.url)} has schema {found}, "
                f"this version of Procession knows {schema.VERSION}; "
                "nothing was touched: use the version of Procession that wrote it, or a newer one"
            )
        elif found != schema.VERSION:
            _migrate(store, connection, found)


def _version(store: Store) -> str | None:
    with store.engine.connect() as connection:
        return _read(connection)


def _read(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return str(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one())


@contextmanager
def _alone(store: Store) -> Iterator[Connection]:
    """One transaction in which nobody else makes or migrates this schema."""
    if store.engine.dialect.name == "postgresql":
        with store.engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            yield connection
        return
    guard = Path(str(store.engine.url.database) + ".upgrade")
    with guard.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with store.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")
    guard.unlink(missing_ok=True)


def _migrate(store: Store, connection: Connection, found: str) -> None:
    if store.engine.dialect.name == "sqlite":
        backup = f"{store.engine.url.database}.{found}.backup"
        Path(backup).unlink(missing_ok=True)
        with store.engine.connect() as other:
            other.exec_driver_sql(f"VACUUM INTO '{backup}'")
    run_migrations(connection)


def run_migrations(connection: Connection) -> None:
    """Run every migration that this database has not had yet, in the open transaction of this connection."""
    from alembic.migration import MigrationContext  # noqa: PLC0415  only where the schema differs
    from alembic.operations import Operations  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory(str(Path(__file__).parent / "migrations"))

    def upgrade(revision: Any, _context: Any) -> Any:
        return scripts._upgrade_revs(schema.VERSION, revision)

    context = MigrationContext.configure(connection, opts={"fn": upgrade, "transactional_ddl": False})
    with Operations.context(context):
        context.run_migrations()
