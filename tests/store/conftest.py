"""Every test that asks for a store runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from procession.store.database import Store
from procession.store.engines import sqlite_url
from tests.prepared import copy_to


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database in which nothing is yet."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "procession.db")
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with all tables and no rows."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("tables_url"))
    copy_to(tmp_path / "procession.db")
    return sqlite_url(tmp_path / "procession.db")


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An opened store with all tables and no rows."""
    opened = Store(database_url)
    yield opened
    opened.close()
