"""Since when something waits: since it came, or since a person or the clock let it go on; on both databases."""

# ruff: noqa: F811  the fixture of both databases

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from procession.clock import iso, micros
from procession.commands import events, holds, processings, resources, restarts, steps
from procession.model.event import NewEvent
from procession.store import upgrade, wishes
from tests.commands.asking import ask
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven
from tests.verbs import calling

Drive = Callable[..., Driven]

TOML = '[tasks.t]\non = "e"\nat_once = 1\nsteps = ["./one.sh", "./two.sh"]\nretry = { attempts = 1 }\n'


def since(d: Driven, which: int) -> datetime | None:
    return d.get(which).waiting_at


def failed(d: Driven) -> int:
    which = d.born()
    d.turn()
    d.end(which, 1)
    return which


@pytest.mark.feature("M107", "P15")
def test_it_waits_since_it_came_or_was_let_go_on_and_not_while_it_runs_or_has_ended(drive: Drive) -> None:
    d = drive(TOML)
    which = d.born()
    assert since(d, which) == d.get(which).created_at == d.clock.now()
    d.after(5)
    assert (d.state(which), since(d, which)) == ("running", None)
    d.end(which, 1)
    assert (d.state(which), since(d, which)) == ("failed", None)
    blocking = d.born()
    d.turn()
    for again in (
        lambda: processings.retry(d.project, which),
        lambda: ask(d, restarts.restart_from, which, "one"),
        lambda: steps.accept(d.project, which, None, "by hand"),
    ):
        d.clock.advance(3600)
        again()
        assert (d.state(which), since(d, which)) == ("waiting", d.clock.now()), again
        d.turn()
        processings.cancel(d.project, which)
        assert (d.state(which), since(d, which)) == ("cancelled", None)
    assert d.state(blocking) == "running"


@pytest.mark.feature("M107", "P15")
def test_what_was_held_or_had_a_moment_waits_for_its_turn_since_that_was_over(drive: Drive) -> None:
    d = drive(TOML)
    d.born()
    d.turn()
    held = d.born()
    came = d.clock.now()
    at = came + timedelta(hours=2)
    due, hurried = (
        events.submit(d.project, NewEvent("e", source="test", not_before=at)).processings[0] for _ in range(2)
    )
    d.clock.advance(60)
    ask(d, holds.hold_one, held)
    assert since(d, held) == came, "it waits all the while; since when it is held is told beside"
    d.after(3600)
    released = d.clock.now()
    ask(d, holds.release_one, held)
    d.clock.advance(1)
    ask(d, holds.run_one_now, hurried)
    assert (since(d, held), since(d, hurried)) == (released, d.clock.now())
    assert since(d, due) == came
    d.after(4000)
    assert (since(d, due), d.get(due).due_at) == (at, None)
    assert calling.ask(d, "overview")["oldest_waiting"] == {"id": held, "since": iso(released)}
    assert calling.ask(d, "status")["oldest_waiting"] == {"t": {"id": held, "since": iso(released)}}
    assert calling.ask(d, "why", id=due)["waiting_at"] == iso(at)
    ask(d, holds.hold_one, held, step_name="one")
    assert calling.ask(d, "overview")["oldest_waiting"]["id"] == hurried
    d.clock.advance(60)
    ask(d, holds.release_one, held, step_name="one")
    assert since(d, held) == d.clock.now()


@pytest.mark.feature("M107", "P15")
def test_the_release_of_a_later_step_and_the_end_of_no_moment_leave_since_when_it_waits(drive: Drive) -> None:
    d = drive(TOML)
    d.born()
    d.turn()
    which, came = d.born(), d.clock.now()
    ask(d, holds.hold_one, which, step_name="two")
    d.clock.advance(60)
    ask(d, holds.release_one, which)
    assert (d.get(which).steps[1].held_at, since(d, which)) == (None, came)
    with d.project.store.begin() as tx:  # it had no moment of its own
        wishes.forget_due(tx, which, micros(d.clock.now()))
    assert since(d, which) == came


@pytest.mark.feature("M107", "M99")
def test_the_oldest_that_waits_is_the_one_that_has_waited_longest_not_the_first_that_came(drive: Drive) -> None:
    d = drive(TOML)
    first, second = failed(d), failed(d)
    d.born()
    d.turn()
    d.clock.advance(3600)
    waits = d.born()
    came = d.clock.now()
    d.clock.advance(7200)
    processings.retry(d.project, first)
    processings.retry(d.project, second)
    d.clock.advance(60)
    later = d.submit(priority=50).processings[0]

    def oldest() -> tuple[int, datetime]:
        ((task),) = calling.ask(d, "overview")["tasks"]
        (queue,) = resources.queues(d.project)
        found = task["oldest_waiting"]
        assert queue.oldest == datetime.fromisoformat(found["since"])
        return found["id"], queue.oldest

    assert oldest() == (waits, came)
    processings.cancel(d.project, waits)
    assert oldest() == (first, came + timedelta(hours=2))
    processings.cancel(d.project, first)
    processings.cancel(d.project, second)
    assert oldest() == (later, d.clock.now())


@pytest.mark.feature("P34")
def test_an_older_database_learns_since_when_from_its_journal(drive: Drive) -> None:
    d = drive(TOML)
    retried, back = failed(d), failed(d)
    d.born()
    d.turn()
    plain, held = d.born(), d.born()
    d.clock.advance(100)
    ask(d, holds.hold_one, held)
    processings.retry(d.project, retried)
    d.clock.advance(100)
    ask(d, holds.release_one, held)
    processings.retry(d.project, back)
    for step in ("two", None):  # neither was held itself
        ask(d, holds.hold_one, plain, step_name="two")
        d.clock.advance(1)
        ask(d, holds.release_one, plain, step_name=step)
    known = "SELECT id, waiting_at FROM processing ORDER BY id"
    before = {row.id: row.waiting_at for row in d.rows(known)}
    assert len({before[retried], before[plain], before[held]}) == 3 and before[back] == before[held]
    with d.project.store.begin() as tx:  # as the version before had it
        tx.connection.exec_driver_sql("DROP INDEX ix_processing_anew")
        tx.connection.exec_driver_sql("ALTER TABLE processing DROP COLUMN waiting_at")
        # a clock that was set back between the birth of one and its retry
        tx.connection.exec_driver_sql(f"UPDATE journal SET at = 1 WHERE processing_id = {back} AND verb = 'retry'")
        tx.connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0009'")
        upgrade.run_migrations(tx.connection)
    created = d.rows(f"SELECT created_at FROM processing WHERE id = {back}")[0].created_at
    assert {row.id: row.waiting_at for row in d.rows(known)} == {**before, back: created}
