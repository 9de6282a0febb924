"""Fixtures for all tests, and the plugin that records which features they prove."""

import os
from collections.abc import Iterator

import pytest

from procession.store import upgrade
from procession.store.database import Store
from tests import features, memory, order
from tests.brokers import ActiveMQ, Broker, RabbitMQ
from tests.features import (  # noqa: F401  pytest finds hooks by their names
    pytest_runtest_logreport,
    pytest_runtest_setup,
    pytest_sessionfinish,
)
from tests.postgres import Missing, Postgres

REQUIRED = frozenset(os.environ.get("PROCESSION_REQUIRE", "").replace(",", " ").split())
"""Services that must be there: without one of these, tests fail where they would be skipped."""

# What a person's shell, or a Procession that runs these tests, has set must not change what is tested.
for name in [name for name in os.environ if name.startswith("PROCESSION_") and name != "PROCESSION_REQUIRE"]:
    del os.environ[name]
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # makes every start of Python many times slower
memory.use()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Write the features onto the tests, and order them."""
    features.mark(items)
    order.put_in_order(config, items)


def pytest_xdist_auto_num_workers() -> int:
    """Two for each processor: much of the time a test waits, for a script, a browser, a moment."""
    return 2 * len(os.sched_getaffinity(0))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """One PostgreSQL for each test process. A test that kills it must start it again."""
    try:
        server = Postgres()
    except Missing as missing:
        if "postgres" in REQUIRED:
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))
    with server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> Iterator[str]:
    """The SQLAlchemy URL of a fresh, empty database."""
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture(scope="session")
def prepared(postgres_server: Postgres) -> str:
    """The name of a PostgreSQL database with all tables, to be copied."""
    name = postgres_server.create()
    store = Store(postgres_server.url(name))
    upgrade.prepare(store)
    store.close()
    return name


@pytest.fixture
def tables_url(postgres_server: Postgres, prepared: str) -> Iterator[str]:
    """The SQLAlchemy URL of a PostgreSQL database with all tables and no rows."""
    name = postgres_server.create(prepared)
    yield postgres_server.url(name)
    postgres_server.drop(name)


def _broker(name: str, kind: type[Broker]) -> Iterator[Broker]:
    try:
        broker = kind()
    except Missing as missing:
        if name in REQUIRED:
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))
    with broker:
        yield broker


@pytest.fixture(scope="session")
def activemq() -> Iterator[Broker]:
    """One ActiveMQ for each test process. A test that ends it must start it again."""
    yield from _broker("activemq", ActiveMQ)


@pytest.fixture(scope="session")
def rabbitmq() -> Iterator[Broker]:
    """One RabbitMQ for each test process. A test that ends it must start it again."""
    yield from _broker("rabbitmq", RabbitMQ)
