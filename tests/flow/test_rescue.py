"""Rescue: every live attempt is adopted, settled, given back or lost, whoever started it; nothing else is touched."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from procession.commands import events, processings
from procession.executor import QUEUE_LIFE, Gone, Running, Void
from procession.executors.inline import InlineExecutor
from procession.flow.rescue import FOREIGN, PATIENCE, TRACES_AGAIN, TRACES_EVERY
from procession.model.event import NewEvent
from procession.store import launchers
from tests.flow import driven
from tests.flow.driven import HOST, Crash, Driven

Drive = Callable[..., Driven]

ONE = '[tasks.t]\non = "e"\nrun = "./one.sh"\nretry = { attempts = 9, delay = "1 s" }\n'


@pytest.mark.feature("M29")
def test_a_new_launcher_adopts_what_runs_and_uses_no_attempt(drive: Drive) -> None:
    """G13, F9."""
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.begin()
    d.crash()
    d.turn()
    assert d.outcomes(pid) == [None]
    assert d.rows("SELECT launcher_id FROM attempt")[0].launcher_id == d.post.launcher_id
    d.end(pid, 5)
    assert (d.outcomes(pid), d.step(pid).attempts[0].exit_code) == (["failed"], 5)
    assert d.executor.began == [d.key(pid)]


@pytest.mark.feature("M29")
def test_what_ended_while_nobody_was_there_is_settled_with_its_code_and_time(drive: Drive) -> None:
    """G11, F10."""
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.begin()
    d.leave()
    d.clock.advance(10)
    d.executor.end(d.key(pid), 0)
    d.clock.advance(500)
    d.crash()
    d.turn(2)
    (attempt,) = d.step(pid).attempts
    assert (d.state(pid), attempt.exit_code) == ("succeeded", 0)
    assert (attempt.finished_at - attempt.started_at).total_seconds() == 10  # type: ignore[operator]


def test_an_end_that_nobody_was_told_of_is_found(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.begin()
    d.executor.end(d.key(pid), tell=False)
    d.turn(2)
    assert d.state(pid) == "succeeded"


def test_the_start_of_a_running_attempt_is_confirmed(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.clock.advance(3)
    d.begin()
    started = d.clock.now()
    d.after(5)
    assert d.step(pid).attempts[0].started_at == started


# ── given back ─────────────────────────────────────────────────────────────────────────────────────


def test_what_was_queued_at_a_dead_launcher_is_given_back_uncounted_and_its_number_never_used_again(
    drive: Drive,
) -> None:
    """G9, G10: the old job, taken late by a shim of before, finds its record void and does not run."""
    d = drive(ONE)
    pid = d.born()
    d.turn()
    old = d.key(pid)
    d.crash()
    d.turn(2)
    assert d.outcomes(pid) == ["void", None]
    assert d.executor.begin(old) is False
    d.end(pid)
    assert (d.state(pid), d.outcomes(pid)) == ("succeeded", ["void", "succeeded"])
    assert d.executor.began == [d.key(pid, 1, 2)]


def test_giving_back_counts_against_no_budget(drive: Drive) -> None:
    """I11."""
    d = drive('[tasks.t]\non = "e"\nrun = "./one.sh"\nretry = { attempts = 1, soft_attempts = 1 }\n')
    pid = d.born()
    for number in range(1, 6):
        d.turn(2)
        assert d.outcomes(pid) == ["void"] * (number - 1) + [None]
        d.crash()
    d.turn(2)
    d.end(pid)
    assert d.state(pid) == "succeeded"


def test_a_voided_job_of_before_never_runs_however_long_it_waits_in_an_old_queue(drive: Drive) -> None:
    """G8, G9: a shim of a dead launcher works for an hour, then takes the next job of its queue."""
    d = drive(ONE, cpus=2)
    long, pid = d.born(), d.born()
    d.turn()
    d.executor.begin(d.key(long))
    old = d.key(pid)
    d.crash()
    for _ in range(10):
        d.after(TRACES_EVERY + 1)
    assert d.outcomes(pid)[0] == "void"
    d.crash()  # and another launcher looks at the traces
    for _ in range(3):
        d.after(TRACES_EVERY + 1)
    assert d.executor.begin(old) is False
    d.executor.end(d.key(long))
    d.turn()
    while d.state(pid) != "succeeded":
        d.end(pid)
    assert d.executor.began.count(old) == 0


def test_a_cancelled_job_never_runs_however_long_it_waits_in_the_own_queue(drive: Drive) -> None:
    """G18."""
    d = drive(ONE, cpus=2)
    long, pid = d.born(), d.born()
    d.turn()
    d.executor.begin(d.key(long))
    processings.cancel(d.project, pid)
    for _ in range(5):
        d.after(TRACES_EVERY + 1)
    assert d.state(pid) == "cancelled"
    assert d.executor.begin(d.key(pid)) is False


def test_void_records_are_put_away_when_no_shim_of_before_is_left(drive: Drive) -> None:
    """G35."""
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.executor.lose_queue()
    d.crash()
    d.turn(2)
    assert isinstance(d.executor.look(d.key(pid)), Void)
    d.end(pid)
    d.after(TRACES_EVERY + 1)
    assert d.executor.keys() == [d.key(pid)]
    for _ in range(4):
        d.after(TRACES_EVERY + 1)
    assert d.executor.keys() == []


def test_a_lost_queue_is_given_back_in_a_moment(drive: Drive) -> None:
    """F13: forge and shims were killed; what had not begun will never begin by itself."""
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.executor.lose_queue()
    d.turn()
    assert d.outcomes(pid) == [None]  # it was sent this very moment
    d.after(0.5)
    d.after(0.7)
    assert d.outcomes(pid) == ["void", None]
    d.end(pid)
    assert d.state(pid) == "succeeded"


def test_what_does_not_start_for_a_while_is_taken_back(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.after(PATIENCE.total_seconds() - 1)
    assert d.outcomes(pid) == [None]
    d.after(2)
    assert d.outcomes(pid) == ["void", None]


def test_a_clock_that_is_set_back_keeps_nothing_waiting(drive: Drive) -> None:
    """G26."""
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.executor.lose_queue()
    d.executor.drain()
    d.clock.jump(-3600)
    d.turn()
    assert d.outcomes(pid) == ["void", None]


def test_what_the_shims_refuse_is_taken_back_with_their_reason(drive: Drive) -> None:
    """G28: no record could be made, so it did not run."""
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.executor.drain()
    d.post.refused[d.key(pid)] = "No space left on device"
    d.turn()
    assert d.outcomes(pid)[0] == "void"
    assert d.step(pid).attempts[0].reason == "No space left on device"


def test_jobs_that_wait_for_room_are_not_taken_back(drive: Drive) -> None:
    d = drive(ONE)
    d.executor.room = 0
    pid = d.born()
    d.turn()
    d.after(QUEUE_LIFE - 1)
    assert d.outcomes(pid) == [None]
    d.executor.room = None
    d.turn()
    d.end(pid)
    assert d.outcomes(pid) == ["succeeded"]


# ── lost ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M88", "M86")
def test_a_lost_attempt_is_tried_again_and_after_three_in_a_row_quarantined(drive: Drive) -> None:
    """G12, G15, F15, F23, I11: whatever attempts remain."""
    d = drive(ONE)
    pid = d.born()
    for number in (1, 2, 3):
        d.after(100)
        assert d.begin() == [d.key(pid, 1, number)]
        d.executor.vanish(d.key(pid, 1, number))
        d.turn()
    assert (d.state(pid), d.outcomes(pid)) == ("failed", ["lost"] * 3)
    assert "quarantined after 3 attempts" in (d.get(pid).reason or "")
    assert all(a.exit_code is None and (a.reason or "").startswith("shim_died") for a in d.step(pid).attempts)
    d.after(86_400)
    assert d.executor.queue == []


def test_losses_that_are_not_in_a_row_do_not_quarantine(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    for number in range(1, 6):
        d.begin()
        if number == 3:
            d.executor.end(d.latest(pid), 75)
        else:
            d.executor.vanish(d.latest(pid))
        d.turn()
        assert d.state(pid) == "running", d.outcomes(pid)
        d.after(3600)
    assert d.outcomes(pid) == ["lost", "lost", "retry", "lost", "lost", None]


def test_losses_have_a_budget_as_well(drive: Drive) -> None:
    d = drive(ONE.replace("attempts = 9", "attempts = 2"))
    pid = d.born()
    for _ in range(2):
        d.after(100)
        d.begin()
        d.executor.vanish(d.latest(pid))
        d.turn()
    assert d.state(pid) == "failed"
    assert "2 of 2 tries used" in (d.get(pid).reason or "")


def test_what_ran_when_the_machine_was_restarted_is_lost_and_what_was_only_claimed_as_well(drive: Drive) -> None:
    d = drive(ONE)
    ran, claimed = d.born(), d.born()
    d.turn()
    d.executor.begin(d.key(ran))
    d.executor.vanish(d.key(ran), "rebooted")
    d.executor.lose_queue()
    d.boot = "next-boot"
    d.crash()
    d.turn()
    for pid in (ran, claimed):
        assert d.outcomes(pid)[0] == "lost"
        assert (d.step(pid).attempts[0].reason or "").startswith("rebooted")


def test_a_started_attempt_whose_record_has_disappeared_is_lost(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.begin()
    d.after(3)  # confirmed
    d.executor.archive(d.key(pid), d.root)
    d.after(PATIENCE.total_seconds())
    assert d.outcomes(pid)[0] == "lost"
    assert (d.step(pid).attempts[0].reason or "").startswith("spool_missing")


@pytest.mark.feature("M88")
def test_a_damaged_record_is_put_aside_and_the_attempt_is_lost(drive: Drive) -> None:
    """F30, I9."""
    d = drive(ONE)
    bad, good = d.born(), d.born()
    d.turn()
    d.begin()
    d.executor.spoil(d.key(bad))
    d.executor.end(d.key(good))
    d.turn(2)
    assert d.executor.quarantined == [d.key(bad)]
    assert (d.outcomes(bad)[0], d.state(good)) == ("lost", "succeeded")
    assert "spool_corrupt" in (d.step(bad).attempts[0].reason or "")


# ── traces ─────────────────────────────────────────────────────────────────────────────────────────


def test_traces_of_settled_attempts_are_put_away_and_what_runs_unwanted_is_ended(drive: Drive) -> None:
    """The rows of the adoption table for attempts that have ended: cancel it; archive it."""
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.begin()
    key = d.key(pid)
    running = d.executor.look(key)
    assert isinstance(running, Running)
    d.executor.vanish(key)
    d.turn()
    assert d.outcomes(pid) == ["lost"]
    d.executor.put(key, running)  # it runs after all, and is not wanted
    d.crash()
    d.turn()
    assert d.executor.asked == []  # at the first look it may be of somebody who has just claimed it
    d.after(TRACES_AGAIN + 1)
    assert d.executor.asked == [key]
    d.executor.put(key, Gone("shim_died", running.record))
    d.after(TRACES_EVERY + 1)
    assert d.executor.archived[key] == d.project.var.attempt(pid, 1, "one", 1)


def test_traces_of_others_and_of_another_incarnation_are_left_alone(drive: Drive) -> None:
    """G34, F57: shown, never touched."""
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.begin()
    other = InlineExecutor(d.clock, "before-the-restore")
    other.submit([d.executor.job(d.key(pid))])
    other.begin(d.key(pid))
    foreign = other.look(d.key(pid))
    d.executor.put(d.key(99), foreign)
    d.executor.put("somebody-1", Void("x", 1))
    d.crash()
    for _ in range(3):
        d.after(TRACES_EVERY + 1)
    assert d.executor.look(d.key(99)) == foreign
    assert d.executor.look("somebody-1") == Void("x", 1)
    assert d.executor.asked == []


def test_one_trace_that_cannot_be_put_away_never_stops_the_others(drive: Drive) -> None:
    d = drive(ONE)
    bad, good = d.born(), d.born()
    d.turn()
    d.begin()
    for pid in (bad, good):
        d.executor.vanish(d.key(pid))
    d.turn()
    archive = d.executor.archive

    def archive_or_not(key: str, to: Path) -> None:
        if key == d.key(bad):
            raise PermissionError(13, "Permission denied")
        archive(key, to)

    d.executor.archive = archive_or_not  # type: ignore[method-assign]
    for _ in range(3):
        d.after(TRACES_EVERY + 1)
    assert d.key(good) in d.executor.archived
    assert isinstance(d.executor.look(d.key(bad)), Gone)


def test_an_ended_record_that_cannot_be_put_away_keeps_nothing_from_being_sent(drive: Drive) -> None:
    d = drive(ONE, cpus=1)
    first = d.born()
    d.turn()
    d.begin()
    then = d.born()

    def no_archive(key: str, to: Path) -> None:
        raise PermissionError(13, "Permission denied")

    d.executor.archive = no_archive  # type: ignore[method-assign]
    d.executor.end(d.key(first), 0)
    d.turn()
    assert d.state(first) == "succeeded"
    assert d.executor.queue == [d.key(then)]


def test_a_damaged_record_is_put_aside_only_when_its_loss_is_stored(drive: Drive) -> None:
    """A launcher that is killed in between finds it again: what had begun is never given back as if it had not."""
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.begin()
    d.executor.spoil(d.key(pid))

    def killed(key: str) -> None:
        raise Crash

    d.executor.quarantine = killed  # type: ignore[method-assign]
    with pytest.raises(Crash):
        d.after(5)
    d.crash()
    d.turn(2)
    assert d.outcomes(pid)[0] == "lost"
    for _ in range(2):
        d.after(TRACES_EVERY + 1)
    assert d.executor.quarantined == [d.key(pid)]


def test_a_started_attempt_is_lost_even_where_a_void_record_stands_in_place_of_its_own(drive: Drive) -> None:
    """The launcher that had put it there was killed before it could store the loss."""
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.begin()
    d.after(3)
    assert d.step(pid).attempts[0].started_at
    d.executor.put(d.key(pid), Void("rescue", 1))
    d.crash()
    d.turn(2)
    assert d.outcomes(pid)[0] == "lost"
    assert (d.step(pid).attempts[0].reason or "").startswith("spool_missing")


def test_an_attempt_whose_log_is_there_has_begun_though_nobody_had_seen_it(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.begin()
    (d.project.var.attempt(pid, 1, "one", 1) / "log").touch()
    d.executor.discard(d.key(pid))
    d.crash()
    d.turn(2)
    assert d.outcomes(pid)[0] == "lost"


def test_a_live_attempt_with_a_record_of_another_incarnation_is_left_alone_and_that_is_told_once(
    drive: Drive,
) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.begin()
    other = InlineExecutor(d.clock, "before-the-restore")
    other.submit([d.executor.job(d.key(pid))])
    other.begin(d.key(pid))
    running = other.look(d.key(pid))
    assert isinstance(running, Running)
    other.end(d.key(pid), 0)
    for foreign in (running, Gone("shim_died", running.record), other.look(d.key(pid))):
        d.executor.put(d.key(pid), foreign)
        d.crash()
        for _ in range(3):
            d.after(TRACES_EVERY + 1)
        assert d.outcomes(pid) == [None]
        assert d.executor.look(d.key(pid)) == foreign
    assert d.verbs(pid).count(f"attempt {FOREIGN}") == 1


# ── several launchers, one place ───────────────────────────────────────────────────────────────────


def test_a_processing_of_a_foreground_launcher_that_is_gone_is_taken_over(drive: Drive) -> None:
    d = drive(ONE)
    with d.project.store.begin() as tx:
        gone = launchers.add(
            tx, name="run", kind="run", host=HOST, place=d.project.var.place_id(), pid=1, boot=d.boot, cpus=1,
            at=d.project.now(),
        )  # fmt: skip
    (pid,) = events.submit_for_task(d.project, "t", NewEvent("t", source="test"), gone).processings
    d.turn(2)
    d.end(pid)
    assert d.state(pid) == "succeeded"


def test_a_host_that_is_called_something_else_by_now_is_the_same_place(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    d = drive(ONE)
    pid = d.born()
    d.turn()
    d.begin()
    d.leave()
    d.executor.end(d.key(pid), 0)
    monkeypatch.setattr(driven, "HOST", "another-name")
    d.crash()
    d.turn(3)
    assert d.state(pid) == "succeeded"


def test_a_place_keeps_its_id(drive: Drive) -> None:
    d = drive(ONE)
    name = d.project.var.place_id()
    d.crash()
    assert d.project.var.place_id() == name
    assert (d.project.var.root / "place-id").stat().st_mode & 0o777 == 0o600


def test_the_launchers_before_are_written_down_as_stopped(drive: Drive) -> None:
    d = drive(ONE)
    for _ in range(3):
        d.crash()
        d.turn()
    assert len(d.rows("SELECT 1 FROM launcher WHERE stopped_at IS NULL")) == 1


# ── the tick ───────────────────────────────────────────────────────────────────────────────────────


class Blind(InlineExecutor):
    """An executor that cannot look at a certain attempt: its disk gives an error."""

    key = ""

    def look(self, key: str):  # type: ignore[no-untyped-def]
        if key == type(self).key:
            raise OSError(5, "Input/output error", key)
        return super().look(key)


def test_one_bad_chapter_never_stops_the_tick(drive: Drive, caplog: pytest.LogCaptureFixture) -> None:
    """Rescue fails on one record at every turn; everything else goes on, and it is told."""
    d = drive(ONE)
    d.executor = Blind(d.clock, d.project.installation.incarnation)
    d.launch()
    bad, good = d.born(), d.born()
    d.turn()
    d.begin()
    Blind.key = d.key(bad)
    d.executor.end(d.key(bad), 0)
    d.executor.end(d.key(good), 0)
    with caplog.at_level(logging.WARNING, "procession"):
        d.turn(2)
    assert (d.state(bad), d.state(good)) == ("running", "succeeded")
    assert any("failed" in record.getMessage() for record in caplog.records)
    later = d.born()
    d.turn()
    d.end(later)
    assert d.state(later) == "succeeded"
    Blind.key = ""
    d.turn(2)
    assert d.state(bad) == "succeeded"
