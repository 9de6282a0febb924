"""The throw-away PostgreSQL that other tests use is what it says."""

import psycopg
import sqlalchemy

from tests.postgres import Postgres


def test_each_test_gets_a_fresh_database(postgres_url: str) -> None:
    engine = sqlalchemy.create_engine(postgres_url)
    with engine.begin() as connection:
        tables = connection.execute(
            sqlalchemy.text("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'")
        ).scalar_one()
        assert tables == 0
        connection.execute(sqlalchemy.text("CREATE TABLE mine (n int)"))
    engine.dispose()


def test_each_test_gets_a_fresh_database_again(postgres_url: str) -> None:
    test_each_test_gets_a_fresh_database(postgres_url)


def test_a_crash_loses_nothing_that_was_committed(postgres_server: Postgres) -> None:
    name = postgres_server.create()
    with psycopg.connect(postgres_server.dsn(name), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        for n in range(50):
            connection.execute("INSERT INTO kept VALUES (%s)", (n,))
        postgres_server.kill()
    postgres_server.start()
    with psycopg.connect(postgres_server.dsn(name), autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (50,)
    postgres_server.drop(name)
