"""Every test that asks for a store runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from procession.store import upgrade
from procession.store.database import Store, sqlite_url
from tests.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database in which nothing is yet."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "procession.db")
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(scope="session")
def prepared(postgres_server: Postgres) -> str:
    """The name of a PostgreSQL database with all tables, to be copied."""
    name = postgres_server.create()
    store = Store(postgres_server.url(name))
    upgrade.prepare(store)
    store.close()
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with all tables and no rows."""
    if request.param == "sqlite":
        url = sqlite_url(tmp_path / "procession.db")
        store = Store(url)
        upgrade.prepare(store)
        store.close()
        yield url
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    name = server.create(request.getfixturevalue("prepared"))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An opened store with all tables and no rows."""
    opened = Store(database_url)
    yield opened
    opened.close()
