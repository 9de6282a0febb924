"""Intake: timetables become events, once for each nominal time, never on top of each other."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from procession.launcher.loop import Loop
from tests.flow.driven import BEGINNING, Driven

Drive = Callable[..., Driven]

EVERY = """
[tasks.poll]
every = "10 min"
run = "./one.sh"
"""


def runs(driven: Driven) -> list[tuple[str, bool]]:
    """Nominal time and lateness of every event of the timetable, oldest first."""
    rows = driven.rows("SELECT params FROM event WHERE name = 'timetable:poll' ORDER BY id")
    return [(p["nominal_at"][11:16], p["late"]) for p in (json.loads(row.params) for row in rows)]


@pytest.mark.feature("M34")
def test_a_periodic_task_runs_at_once_and_then_at_its_nominal_times(drive: Drive) -> None:
    d = drive(EVERY)
    d.turn()
    d.end(1)
    d.after(599)
    assert runs(d) == [("12:00", False)]
    d.after(1)
    assert runs(d) == [("12:00", False), ("12:10", False)]
    d.end(2)
    d.after(603)  # a turn that comes late does not move the timetable
    d.end(3)
    d.after(597)
    assert runs(d) == [("12:00", False), ("12:10", False), ("12:20", False), ("12:30", False)]
    assert [d.state(i) for i in (1, 2, 3)] == ["succeeded"] * 3


@pytest.mark.feature("M34")
def test_a_run_never_overlaps_the_one_before_and_what_was_missed_is_one_late_run(drive: Drive) -> None:
    """G25: coalesced."""
    d = drive(EVERY)
    d.turn()
    for _ in range(5):
        d.after(600)
    assert runs(d) == [("12:00", False)]
    assert d.states(1) == ["running"]
    d.clock.advance(-300)  # between two nominal times
    d.end(1)
    d.turn()
    assert runs(d) == [("12:00", False), ("12:40", True)]
    d.end(2)
    d.after(300)
    assert runs(d)[2:] == [("12:50", False)]


def test_a_run_that_waits_for_its_retry_keeps_the_next_from_starting(drive: Drive) -> None:
    d = drive(EVERY)
    d.turn()
    d.end(1, 75, left={"retry_after": "3000"})
    d.after(600)
    assert len(runs(d)) == 1
    d.after(2400)
    assert d.begin() == [d.key(1, 1, 2)]


@pytest.mark.feature("M34")
def test_after_downtime_there_is_one_late_run(drive: Drive) -> None:
    d = drive(EVERY)
    d.turn()
    d.end(1)
    d.crash()
    d.clock.advance(86_400 + 30)
    d.turn(3)
    assert runs(d) == [("12:00", False), ("12:00", True)]
    assert d.rows("SELECT created_at FROM event ORDER BY id DESC LIMIT 1")[0].created_at == int(
        (BEGINNING + timedelta(seconds=86_430)).timestamp() * 1e6
    )


def test_a_clock_that_jumps_causes_at_most_one_more_run_and_silences_none(drive: Drive) -> None:
    """G26, F37, I16: an hour and ten years, both ways."""
    d = drive(EVERY)
    d.turn()
    d.end(1)
    for jump in (3600, -3600, 10 * 365 * 86_400, -10 * 365 * 86_400):
        before = len(runs(d))
        d.clock.jump(jump)
        d.turn(3)
        assert len(runs(d)) <= before + 1
        while d.executor.queue:
            d.executor.end(d.begin()[0])
            d.turn()
        for _ in range(2):
            d.after(600)
        assert len(runs(d)) > before
        while d.executor.queue:
            d.executor.end(d.begin()[0])
            d.turn()


@pytest.mark.feature("M34")
def test_every_occurrence_is_kept_with_its_nominal_time_as_key(drive: Drive) -> None:
    d = drive(EVERY)
    for number in (1, 2, 3):
        d.turn()
        d.end(number)
        d.clock.advance(600)
    found = [d.get(i) for i in (1, 2, 3)]
    assert [p.key for p in found] == [
        "2026-03-01T12:00:00.000Z",
        "2026-03-01T12:10:00.000Z",
        "2026-03-01T12:20:00.000Z",
    ]
    assert all(p.params["nominal_at"] == p.key for p in found)


def test_two_launchers_never_make_two_events_of_one_nominal_time(drive: Drive) -> None:
    """G25: the key is unique, whoever submits."""
    d = drive(EVERY)
    d.turn()
    d.end(1)
    with d.project.store.begin() as tx:  # as if the other had not yet seen that it was started
        tx.connection.exec_driver_sql("UPDATE task SET nominal_at = NULL")
    d.turn()
    assert len(runs(d)) == 1


# ── definition files ───────────────────────────────────────────────────────────────────────────────

ONE = '[tasks.t]\non = "e"\nrun = "./one.sh"\n'
TWO = '[tasks.t]\non = "e"\nsteps = ["./one.sh", "./two.sh"]\n'


def let_the_loop_look_at_the_files(d: Driven) -> None:
    """One run of the loop in which so much time passes that it looks at the files."""
    loop = Loop(d.project)
    turns = []

    def finished() -> bool:
        turns.append(1)
        d.clock.advance(3)
        return len(turns) == 3

    loop.finished = finished
    loop.run()


def test_a_changed_file_is_in_force_and_what_was_born_keeps_its_definition(drive: Drive) -> None:
    """B40."""
    d = drive(ONE)
    before = d.born()
    d.write(TWO)
    let_the_loop_look_at_the_files(d)
    after = d.born()
    assert (len(d.get(before).steps), len(d.get(after).steps)) == (1, 2)
    assert d.get(before).definition != d.get(after).definition
    d.turn()
    d.end(before)
    d.end(after)
    d.end(after)
    assert (d.state(before), d.state(after)) == ("succeeded", "succeeded")


def test_a_wrong_file_keeps_the_old_one_in_force_and_says_so(drive: Drive) -> None:
    d = drive(ONE)
    (d.root / "procession.toml").write_text("[tasks.t]\non = 'e'\nrnu = './one.sh'\n")
    let_the_loop_look_at_the_files(d)
    assert "rnu" in (d.project.file_problem or "")
    processing = d.born()
    d.turn()
    d.end(processing)
    assert d.state(processing) == "succeeded"
    d.write(TWO)
    let_the_loop_look_at_the_files(d)
    assert d.project.file_problem is None
    assert len(d.get(d.born()).steps) == 2


def test_a_file_that_is_gone_keeps_the_tasks_in_force(drive: Drive) -> None:
    d = drive(ONE)
    (d.root / "procession.toml").unlink()
    let_the_loop_look_at_the_files(d)
    assert d.project.file_problem
    processing = d.born()
    d.turn()
    d.end(processing)
    assert d.state(processing) == "succeeded"


def test_a_removed_task_takes_no_events_and_finishes_what_it_began(drive: Drive) -> None:
    d = drive(TWO)
    processing = d.born()
    d.turn()
    d.write('[tasks.other]\non = "f"\nrun = "./one.sh"\n')
    d.project.refresh()
    assert d.submit().processings == ()
    d.end(processing)
    d.end(processing)
    assert d.state(processing) == "succeeded"


def test_a_script_that_is_gone_fails_its_step_not_the_launcher(drive: Drive, tmp_path: Path) -> None:
    d = drive(ONE)
    processing = d.born()
    (d.root / "one.sh").unlink()
    d.turn()
    d.end(processing, None, how="not_started", errno=2, reason="the program does not exist")
    assert d.state(processing) == "failed"
    assert d.outcomes(processing) == ["not_started"]
