"""Bring a database to the schema of this version, or refuse it, before anything else touches it.

In: an opened store. Out: a database with exactly the tables of `schema.py`.
Always: a newer or foreign schema is refused with one line and nothing is touched; two processes never make or migrate
a schema at once, and a killed one leaves the old schema or the new one; an SQLite file is copied before it is migrated.
Alembic is imported only where the schema really differs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect

from procession.errors import HostError, SchemaMismatch
from procession.store import schema
from procession.store.database import Store
from procession.store.engines import masked

LOCK = 0x50524F44
"""PostgreSQL advisory lock under which one process makes or migrates the schema."""

SCRIPTS = Path(__file__).parent / "migrations"
"""``versions/<version>_<word>.py``, one for each schema that Procession has ever written."""

_VERSION_TABLE = """CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)"""
"""As Alembic itself makes it."""


def prepare(store: Store, scripts: Path = SCRIPTS, version: str = schema.VERSION) -> None:
    """Make or migrate the schema if needed; raise SchemaMismatch if it is newer than this code, or not ours."""
    with store.read() as tx:
        if _version(tx.connection) == version:
            return
    with _alone(store) as connection:
        found = _version(connection)
        if found is None:
            _make(store, connection)
        elif found not in _known(scripts):
            raise SchemaMismatch(
                f"the database {masked(store.url)} has schema {found}, this version of Procession knows {version}; "
                "nothing was touched: use the version of Procession that wrote it, or a newer one"
            )
        elif found != version:
            if store.engine.dialect.name == "sqlite":
                _copy(store, Path(f"{store.engine.url.database}.{found}.backup"))
            run_migrations(connection, scripts, version)


def run_migrations(connection: Connection, scripts: Path = SCRIPTS, version: str = schema.VERSION) -> None:
    """Run every migration that this database has not had yet, in the open transaction of this connection."""
    from alembic.migration import MigrationContext  # noqa: PLC0415  only where the schema differs
    from alembic.operations import Operations  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    directory = ScriptDirectory(str(scripts))

    def upgrade(revision: Any, _context: Any) -> Any:
        return directory._upgrade_revs(version, revision)

    context = MigrationContext.configure(connection, opts={"fn": upgrade, "transactional_ddl": False})
    with Operations.context(context):
        context.run_migrations()


def _version(connection: Connection) -> str | None:
    """The schema version that this database says it has; None if it says nothing."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    rows = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all()
    return str(rows[0]) if len(rows) == 1 else f"{' and '.join(sorted(map(str, rows))) or 'without a version'}"


def _known(scripts: Path) -> set[str]:
    """All schema versions that there is a way from."""
    return {path.name.partition("_")[0] for path in (scripts / "versions").glob("*_*.py")}


def _make(store: Store, connection: Connection) -> None:
    """Make the newest schema at once; refuse a database in which others live."""
    if taken := sorted(set(inspect(connection).get_table_names()) & set(schema.metadata.tables)):
        raise SchemaMismatch(
            f"the database {masked(store.url)} has a table {taken[0]} that Procession did not make; "
            "nothing was touched: give Procession a database of its own"
        )
    schema.metadata.create_all(connection, checkfirst=False)
    connection.exec_driver_sql(_VERSION_TABLE)
    connection.exec_driver_sql(f"INSERT INTO alembic_version VALUES ('{schema.VERSION}')")  # noqa: S608


@contextmanager
def _alone(store: Store) -> Iterator[Connection]:
    """One writing transaction in which nobody else makes or migrates this schema, however long it takes."""
    with store.begin() as tx:
        if tx.dialect == "postgresql":
            for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
                tx.connection.exec_driver_sql(f"SET LOCAL {limit} = 0")
            tx.connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        yield tx.connection


def _copy(store: Store, to: Path) -> None:
    """Copy the database as it is; called while our own transaction keeps everybody else from writing.

    The copy has its name only when it is complete and on disk, and is as private as the original.
    """
    part = to.with_name(to.name + ".part")
    try:
        part.unlink(missing_ok=True)
        mode = Path(str(store.engine.url.database)).stat().st_mode & 0o777
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))  # empty: SQLite may fill it
        with store.engine.connect() as other:  # a reader: it sees what was committed last
            other.exec_driver_sql("VACUUM INTO :part", {"part": str(part)})
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(to)
    except OSError as error:
        raise HostError(
            f"the database could not be copied to {to} before it is migrated ({error.strerror}); "
            "nothing was changed: make room there, then start again"
        ) from error
