"""What must not stop the flow: clocks that jump, definitions that cannot be read, databases and people that come
in between."""

import os
from collections.abc import Callable

import pytest

from procession.commands import events, processings, reasons
from procession.errors import Invalid
from procession.launcher.journal_log import JournalLog
from procession.launcher.loop import NET, Loop
from procession.model.event import NewEvent
from procession.store import moves
from procession.store import tasks as stored
from procession.store.moves import Moving
from tests.flow.both import drive as drive_both  # noqa: F401
from tests.flow.driven import Driven

Drive = Callable[..., Driven]

ONE = '[tasks.t]\non = "e"\nrun = "./one.sh"\n'


@pytest.mark.feature("M34")
def test_a_clock_that_is_set_back_an_hour_delays_no_chapter_longer_than_the_net(drive: Drive) -> None:
    """G26, F37: one loop over the jump."""
    d = drive('[tasks.p]\nevery = "10 s"\nrun = "./one.sh"\n')
    loop = Loop(d.project)
    loop._turn()
    d.clock.jump(-3600)
    seconds = d.project.clock.monotonic()
    assert max(loop._due.values()) - seconds <= NET["sqlite"]
    due = dict(loop._due)
    d.clock.advance(NET["sqlite"] + 1)
    loop._turn()
    assert loop._due != due


def test_a_definition_that_cannot_be_read_holds_up_only_its_own(drive: Drive) -> None:
    d = drive(ONE + '[tasks.u]\non = "f"\nrun = "./two.sh"\n')
    bad, good = d.born(), d.born("f")
    with d.project.store.begin() as tx:
        body = tx.connection.exec_driver_sql("SELECT body FROM definition WHERE task = 't'").scalar_one()
        tx.connection.exec_driver_sql("UPDATE definition SET body = '{' WHERE task = 't'")
    stored._parsed.cache_clear()
    d.turn(2)
    assert (d.state(bad), d.state(good)) == ("waiting", "running")
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql("UPDATE definition SET body = :body WHERE task = 't'", {"body": body})
    d.turn(2)
    assert d.state(bad) == "running", "mended, it goes on"


@pytest.mark.feature("M34")
def test_nobody_but_the_timetable_emits_its_events(drive: Drive) -> None:
    d = drive('[tasks.p]\nevery = "10 s"\nrun = "./one.sh"\n')
    d.turn()
    with pytest.raises(Invalid, match="own timetable"):
        events.submit(d.project, NewEvent("timetable:p", source="test"))


@pytest.mark.feature("M15", "M36")
def test_an_event_that_came_before_its_task_is_taken_when_it_comes_again(drive: Drive) -> None:
    d = drive(ONE)
    early = d.submit("later", "K")
    assert early.processings == ()
    d.write(ONE + '[tasks.late]\non = "later"\nrun = "./one.sh"\n')
    os.utime(d.root / "procession.toml")
    d.project.refresh()
    again = d.submit("later", "K")
    assert (again.event_id, again.duplicate, len(again.processings)) == (early.event_id, True, 1)
    third = d.submit("later", "K")
    assert third.processings == again.processings, "and only once"


@pytest.mark.feature("M90")
def test_a_job_that_was_cancelled_before_it_was_sent_is_never_sent(drive: Drive) -> None:
    """G18: however long there was no room for it."""
    d = drive(ONE)
    d.executor.room = 0
    pid = d.born()
    d.turn()
    assert processings.cancel(d.project, pid).accepted
    d.turn()
    assert d.state(pid) == "cancelled"
    for _ in range(6):
        d.after(61)
    d.executor.room = None
    d.turn()
    assert d.begin() == []


def test_cpus_of_a_changed_file_are_in_force(drive: Drive) -> None:
    d = drive(ONE, cpus=1)
    loop = Loop(d.project)
    loop._turn()
    d.cpus = 4
    d.write(ONE)
    os.utime(d.root / "procession.toml")
    d.clock.advance(10)
    loop._turn()
    assert d.post.capacity.cpus == 4


@pytest.mark.feature("N5")
def test_asking_why_locks_nothing(drive_both: Drive) -> None:  # noqa: F811
    d = drive_both(ONE)
    pid = d.born()
    if d.project.store.engine.dialect.name == "sqlite":
        return  # a reading transaction of SQLite never locks
    with d.project.store.read() as tx:
        reasons.explain(d.project, tx, processings.look(tx, pid))
        with d.project.store.engine.connect() as other:
            other.exec_driver_sql("SELECT id FROM processing WHERE id = %(i)s FOR UPDATE NOWAIT", {"i": pid})


@pytest.mark.feature("M77", "M78")
def test_the_log_tells_lines_that_are_committed_out_of_order(drive_both: Drive) -> None:  # noqa: F811
    d = drive_both(ONE)
    store = d.project.store
    if store.engine.dialect.name == "sqlite":
        return  # nobody else writes meanwhile
    told: list[str | None] = []
    log = JournalLog(store, lambda entries: told.extend(entry.reason for entry in entries))
    with store.begin() as slow:
        moves.note(slow, "x", "y", [Moving(1, 1, reason="slow")], "t")
        with store.begin() as fast:
            moves.note(fast, "x", "y", [Moving(1, 1, reason="fast")], "t")
        log.expect()
        log.write()
    log.expect()
    log.write()
    assert sorted(str(reason) for reason in told) == ["fast", "slow"]
