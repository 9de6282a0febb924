"""What a processing took: one number wherever it is said, without the time for which it lay failed."""

# ruff: noqa: F811  the fixture of both databases

from __future__ import annotations

from collections.abc import Callable

import pytest

from procession.commands import processings, steps
from procession.store import upgrade
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven
from tests.verbs.calling import ask

Drive = Callable[..., Driven]

TOML = '[tasks.t]\non = "e"\nsteps = ["./one.sh", "./two.sh"]\nretry = { attempts = 1 }\n'
DAY = 86_400


def lived(d: Driven) -> tuple[int, int, int]:
    """One that took 60 s; one that failed after 20 s, was retried a day later and went on for 10 s; one that failed
    after 5 s, whose step was accepted an hour later."""
    whole, retried, accepted = d.born(), d.born(), d.born()
    d.turn()
    d.begin()
    d.clock.advance(5)
    d.end(accepted, 1)
    d.clock.advance(15)
    d.end(retried, 1)
    d.clock.advance(30)
    d.end(whole)
    d.turn()
    d.begin()
    d.clock.advance(10)
    d.end(whole)
    d.clock.advance(3600)
    steps.accept(d.project, accepted, None, "by hand")
    d.turn()
    d.begin()
    d.clock.advance(2)
    d.end(accepted)
    d.clock.advance(DAY)
    processings.retry(d.project, retried)
    d.turn()
    d.begin()
    d.clock.advance(10)
    d.end(retried)
    d.turn()
    d.begin()
    d.end(retried)
    return whole, retried, accepted


def set_back(d: Driven) -> int:
    """One that failed after 100 s and was retried when the clock had been set back by 50; then it was set back so far
    that it ended before it began."""
    which = d.born()
    d.turn()
    d.begin()
    d.clock.advance(100)
    d.end(which, 1)
    d.clock.advance(-50)
    processings.retry(d.project, which)
    d.turn()
    d.begin()
    d.end(which)
    d.turn()
    d.begin()
    d.clock.advance(-5000)
    d.end(which)
    d.clock.advance(10_000)
    return which


@pytest.mark.feature("M44", "M105", "P14")
def test_nothing_took_less_than_nothing_though_a_clock_was_set_back(drive: Drive) -> None:
    d = drive(TOML)
    which = set_back(d)
    assert [(each["id"], each["seconds"], each["idle"]) for each in ask(d, "list", why=False)["items"]] == [
        (which, 0.0, 0.0)
    ]
    assert [each["id"] for each in ask(d, "list", query="after:-7d", sort="duration", why=False)["items"]] == [which]
    (stats,) = ask(d, "stats", task="t", days=7)["items"]
    assert stats["durations"]["longest"] == 0
    assert [row.seconds for row in d.rows("SELECT seconds FROM tally WHERE what = 'succeeded'")] == [0, 0]
    (column,) = ask(d, "grid", name="t")["columns"]
    assert column["seconds"] == 0


@pytest.mark.feature("M44", "M105", "P14")
def test_what_lay_failed_until_somebody_went_on_is_not_what_it_took(drive: Drive) -> None:
    d = drive(TOML)
    whole, retried, accepted = lived(d)
    took = {whole: 60, retried: 30, accepted: 7}
    found = {each["id"]: each for each in ask(d, "list", why=False)["items"]}
    assert {pid: round(each["seconds"]) for pid, each in found.items()} == took
    assert round(found[whole]["idle"]) == 0
    assert DAY < found[retried]["idle"] < DAY + 4000 and 3600 <= found[accepted]["idle"] < 3700
    pages: list[int] = []
    cursor: dict[str, object] = {}
    while True:
        page = ask(d, "list", query="after:-7d", sort="duration", limit=1, why=False, **cursor)
        pages += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert pages == [whole, retried, accepted]
    grid = ask(d, "grid", name="t", colour="duration")
    assert [round(column["seconds"]) for column in grid["columns"]] == [60, 30, 7]
    assert [round(value or 0) for value in grid["colour"]["values"][::2]] == [50, 30, 5], "its attempts, all together"
    (stats,) = ask(d, "stats", task="t", days=7)["items"]
    assert (round(stats["durations"]["longest"]), round(stats["durations"]["mean"] * 3)) == (60, 97)
    counted = d.rows("SELECT SUM(n) AS n, SUM(seconds) AS s FROM tally WHERE what = 'succeeded' AND hour >= 0")[0]
    assert (counted.n, round(counted.s)) == (3, 97)


@pytest.mark.feature("P34")
def test_an_older_database_learns_it_from_its_journal(drive: Drive) -> None:
    d = drive(TOML)
    lived(d)
    set_back(d)
    idle = "SELECT id, idle FROM processing ORDER BY id"
    tally = "SELECT hour, what, n, seconds FROM tally WHERE noun = 'task' ORDER BY hour, what"
    known = [tuple(row) for row in d.rows(idle)]
    counted = [(row.hour, row.what, row.n, round(row.seconds)) for row in d.rows(tally)]
    with d.project.store.begin() as tx:  # as the version before had it
        tx.connection.exec_driver_sql(
            "UPDATE tally SET seconds = seconds + (SELECT SUM(idle) / 1e6 FROM processing p WHERE tally.hour IN"
            " (-1, p.finished_at / 3600000000 * 3600000000))"
            " WHERE noun = 'task' AND what = 'succeeded'"
        )
        tx.connection.exec_driver_sql("ALTER TABLE processing DROP COLUMN idle")
        tx.connection.exec_driver_sql("DROP TABLE batch_done")  # this and the next came after it
        tx.connection.exec_driver_sql("DROP INDEX ix_processing_anew")
        tx.connection.exec_driver_sql("ALTER TABLE processing DROP COLUMN waiting_at")
        tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0007'")
        upgrade.run_migrations(tx.connection)
    assert [tuple(row) for row in d.rows(idle)] == known
    assert [(row.hour, row.what, row.n, round(row.seconds)) for row in d.rows(tally)] == counted
