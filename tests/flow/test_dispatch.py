"""Dispatch: who is claimed, in which order, within which limits, and that nothing claimed is ever forgotten."""

import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from procession.commands import events, processings, reasons
from procession.commands import steps as accepted
from procession.errors import ExecutorError, Invalid
from procession.executor import Job
from procession.executors.inline import InlineExecutor
from procession.model.event import NewEvent
from tests.flow.driven import HOST, Crash, Driven

Drive = Callable[..., Driven]

ONE = '[tasks.t]\non = "e"\nrun = "./one.sh"\n'
CHAIN = '[tasks.t]\non = "e"\nsteps = ["./one.sh", "./two.sh", "./three.sh"]\n'


@pytest.mark.feature("M5", "M35", "M21")
def test_a_chain_runs_its_scripts_in_order_each_after_the_success_of_the_one_before(drive: Drive) -> None:
    """G7, I5."""
    d = drive(CHAIN)
    pid = d.born()
    assert (d.state(pid), d.states(pid)) == ("waiting", ["pending"] * 3)
    seen = []
    for _ in range(3):
        d.turn()
        seen.append(d.states(pid))
        d.clock.advance(2)
        d.end(pid)
        d.clock.advance(1)
    assert seen == [
        ["running", "pending", "pending"],
        ["succeeded", "running", "pending"],
        ["succeeded", "succeeded", "running"],
    ]
    found = d.get(pid)
    assert found.state == "succeeded"
    assert found.created_at == found.started_at < found.finished_at  # type: ignore[operator]
    assert [s.attempt for s in found.steps] == [1, 1, 1]
    for step in found.steps:
        (attempt,) = step.attempts
        assert attempt.claimed_at <= attempt.started_at <= attempt.finished_at  # type: ignore[operator]
        assert (attempt.exit_code, attempt.host) == (0, HOST)


@pytest.mark.feature("M12")
def test_a_claim_records_who_and_when_before_anything_is_sent(drive: Drive) -> None:
    d = drive(ONE)
    pid = d.born()
    d.clock.advance(5)
    d.turn()
    (row,) = d.rows("SELECT * FROM attempt")
    assert (row.processing_id, row.ordinal, row.number) == (pid, 1, 1)
    assert (row.launcher_id, row.claimed_at, row.started_at, row.outcome) == (
        d.post.launcher_id,
        d.project.now(),
        None,
        None,
    )
    assert d.executor.queue == [d.key(pid)]


def test_no_more_run_than_there_are_cpus(drive: Drive) -> None:
    """G24, I15."""
    d = drive(ONE, cpus=3)
    pids = [d.born() for _ in range(5)]
    d.turn(2)
    assert d.claimed() == pids[:3]
    d.end(pids[1])
    assert d.claimed() == [pids[0], pids[2], pids[3]]
    assert reasons.why(d.project, pids[4]).code == "cpus"


def test_a_step_takes_the_cpus_it_asks_for_and_one_that_does_not_fit_holds_back_no_other(drive: Drive) -> None:
    d = drive(
        '[tasks.big]\non = "b"\nrun = "./one.sh"\ncpus = 3\n[tasks.free]\non = "z"\nrun = "./one.sh"\ncpus = 0\n'
        '[tasks.small]\non = "s"\nrun = "./two.sh"\n',
        cpus=4,
    )
    first, second, small, free = d.born("b"), d.born("b"), d.born("s"), d.born("z")
    d.turn()
    assert sorted(d.claimed()) == sorted([first, small, free])
    d.end(small)
    assert d.state(second) == "waiting"
    d.end(first)
    assert second in d.claimed()


@pytest.mark.feature("M15")
def test_older_goes_first_across_tasks_and_a_retried_one_keeps_its_place(drive: Drive) -> None:
    d = drive(
        '[tasks.a]\non = "a"\nrun = "./one.sh"\n[tasks.b]\non = "b"\nrun = "./two.sh"\n',
        cpus=1,
    )
    order = [d.born(name) for name in "abba"]
    d.turn()
    done = []
    while d.executor.queue:
        (pid,) = d.claimed()
        done.append(pid)
        d.end(pid, 1 if pid == order[0] and len(done) == 1 else 0)
        if done == [order[0]]:
            processings.retry(d.project, order[0])
    # the next one had been claimed in the same turn; then the retried one comes before all that are younger
    assert done == [order[0], order[1], order[0], order[2], order[3]]


def test_larger_priority_goes_first_then_older(drive: Drive) -> None:
    d = drive(ONE, cpus=1)
    low, middle, high, high_too = (d.born(priority=p) for p in (-1, 0, 5, 5))
    done = []
    d.turn()
    while d.executor.queue:
        (pid,) = d.claimed()
        done.append(pid)
        d.end(pid)
    assert done == [high, high_too, middle, low]


def test_what_has_begun_goes_before_what_has_not(drive: Drive) -> None:
    d = drive(CHAIN, cpus=1)
    first, second = d.born(), d.born()
    d.turn()
    for _ in range(3):
        assert d.claimed() == [first]
        d.end(first)
    assert d.claimed() == [second]


def test_at_once_limits_the_running_processings_of_a_task(drive: Drive) -> None:
    """G24, I15."""
    d = drive(CHAIN + "at_once = 2\n", cpus=10)
    pids = [d.born() for _ in range(4)]
    d.turn(2)
    assert d.claimed() == pids[:2]
    assert reasons.why(d.project, pids[2]).code == "at_once"
    d.end(pids[0])  # its next step: it still counts
    assert sorted(d.claimed()) == pids[:2]
    d.end(pids[1], 1)  # failed: its place is free
    assert d.claimed() == [pids[0], pids[2]]


def test_a_processing_that_waits_for_its_retry_keeps_its_place_among_at_once(drive: Drive) -> None:
    d = drive(ONE + "at_once = 1\n")
    first, second = d.born(), d.born()
    d.turn()
    d.end(first, 75, left={"retry_after": "60"})
    assert d.executor.queue == []
    assert d.state(second) == "waiting"
    d.after(60)
    assert d.claimed() == [first]


def test_retrying_a_failed_one_waits_for_its_place_among_at_once(drive: Drive) -> None:
    d = drive(ONE + "at_once = 1\n")
    first, second = d.born(), d.born()
    d.turn()
    d.end(first, 1)
    assert d.claimed() == [second]
    processings.retry(d.project, first)
    d.turn()
    assert d.claimed() == [second]
    assert d.state(first) == "waiting"
    d.end(second)
    assert d.claimed() == [first]


def test_of_a_long_queue_only_what_fits_is_claimed(drive: Drive) -> None:
    d = drive(ONE)
    with d.project.store.begin() as tx:
        events.submit_all(d.project, tx, [NewEvent("e", source="test") for _ in range(2000)])
    d.turn()
    assert d.claimed() == [1, 2, 3, 4]
    assert len(d.rows("SELECT 1 FROM step WHERE state = 'running'")) == 4


# ── what is sent ───────────────────────────────────────────────────────────────────────────────────


def test_jobs_that_find_no_room_are_sent_at_a_later_turn(drive: Drive) -> None:
    d = drive(ONE, cpus=3)
    d.executor.room = 1
    pids = [d.born() for _ in range(3)]
    d.turn()
    assert d.claimed() == pids[:1]
    assert [job.key for job in d.post.unsent] == [d.key(pid) for pid in pids[1:]]
    d.begin()
    d.turn()
    assert d.claimed() == pids[1:2]
    d.begin()
    d.turn()
    d.begin()
    assert d.executor.began == [d.key(pid) for pid in pids]
    assert d.post.unsent == []


def test_jobs_that_found_no_room_are_sent_also_while_short_calls_are_claimed(drive: Drive) -> None:
    d = drive(f'{ONE}[tasks.c]\non = "c"\nfunction = "handlers.work"\n', launcher="workers = 1")
    (d.root / "handlers.py").write_text("def work(): return 1")
    for _ in range(20):
        last = d.born("c")
    d.until("succeeded", processing_id=last)
    assert d.calls.ahead > 0
    d.executor.room = 0
    pid = d.born()
    d.turn()
    assert [job.key for job in d.post.unsent] == [d.key(pid)]
    d.executor.room = 1
    d.clock.advance(1)
    d.turn()
    assert d.claimed() == [pid]


class Stumbling(InlineExecutor):
    """Its next hand-over fails; `how` is what it raises."""

    how: BaseException | None = None

    def submit(self, jobs: Sequence[Job]) -> list[Job]:
        if type(self).how and jobs:
            error, type(self).how = type(self).how, None
            raise error
        return super().submit(jobs)


@pytest.fixture
def stumble(drive: Drive) -> Callable[..., Driven]:
    def make(toml: str, **options: Any) -> Driven:
        d = drive(toml, **options)
        d.executor = Stumbling(d.clock, d.project.installation.incarnation)
        d.launch()
        return d

    return make


def test_a_launcher_that_dies_between_commit_and_sending_costs_no_attempt(stumble: Drive) -> None:
    """G9, F1: what was claimed and never sent is given back, uncounted, and runs once."""
    d = stumble(ONE)
    pid = d.born()
    Stumbling.how = Crash()
    with pytest.raises(Crash):
        d.turn()
    assert d.outcomes(pid) == [None]
    assert d.executor.queue == []
    d.crash()
    d.turn()
    assert d.outcomes(pid) == ["void", None]
    d.end(pid)
    assert d.state(pid) == "succeeded"
    assert d.executor.began == [d.key(pid, 1, 2)]


def test_an_executor_that_refuses_everything_stops_no_turn_and_loses_no_job(stumble: Drive) -> None:
    d = stumble(ONE)
    pid = d.born()
    Stumbling.how = ExecutorError("the forge ends as soon as it is started")
    d.turn()
    assert d.outcomes(pid) == [None]
    for _ in range(8):
        d.after(2)
    d.end(pid)
    assert d.state(pid) == "succeeded"
    assert len(d.executor.began) == 1


def test_what_a_script_is_told(drive: Drive) -> None:
    d = drive(
        '[environment]\nset = { SITE = "north" }\ndrop = ["EDITOR"]\n'
        + CHAIN.replace('"./one.sh"', '["./one.sh", "{x}", "{id}", "{key}"]')
    )
    pid = d.born(key="k", x=1.5, y={"deep": [1]})
    d.turn()
    job = d.executor.job(d.key(pid))
    var = d.project.var
    assert job.argv == [str(d.root / "one.sh"), "1.5", str(pid), "k"]
    assert (job.program, job.cwd, job.label) == (job.argv[0], str(var.files(pid)), f"{pid}/1/1 one")
    assert job.env_drop == ("EDITOR",)
    env = job.env_set
    assert env["SITE"] == "north"
    assert env["PROCESSION_PARAM_X"] == "1.5"
    assert env["PROCESSION_PARAM_Y"] == '{"deep":[1]}'
    assert (env["PROCESSION_ATTEMPT"], env["PROCESSION_KEY"]) == ("1", d.key(pid).rpartition("-")[0])
    assert all(
        env[f"PROCESSION_{name}"].startswith(job.attempt_dir + os.sep) for name in ("OUTPUT", "EVENTS", "PROGRESS")
    )


@pytest.mark.feature("P4")
def test_outputs_flow_to_later_commands(drive: Drive) -> None:
    d = drive(
        '[tasks.t]\non = "e"\nsteps = ["./one.sh", ["./two.sh", "{one.path}"], '
        '["./three.sh", "--n={one.n}", "{two.list}"]]\n'
    )
    pid = d.born()
    d.turn()
    d.end(pid, left={"output": 'path=a b.tif\nn=1\n{"n": 2}\n'})
    assert d.executor.job(d.latest(pid)).argv[1:] == ["a b.tif"]
    d.end(pid, left={"output": '{"list": [1, {"a": null}]}\n'})
    assert d.executor.job(d.latest(pid)).argv[1:] == ["--n=2", '[1,{"a":null}]']
    d.end(pid)
    assert d.get(pid).outputs == {"one": {"path": "a b.tif", "n": 2}, "two": {"list": [1, {"a": None}]}}


def test_a_missing_output_fails_that_processing_alone(drive: Drive) -> None:
    """One bad item never stops a batch."""
    d = drive('[tasks.t]\non = "e"\nsteps = ["./one.sh", ["./two.sh", "{one.path}"]]\n')
    bad, good = d.born(), d.born()
    d.turn()
    d.begin()
    d.executor.end(d.key(bad))
    d.executor.end(d.key(good), left={"output": "path=x\n"})
    d.turn()
    assert (d.state(bad), d.states(bad)) == ("failed", ["succeeded", "failed"])
    assert "{one.path}" in (d.step(bad, 2).reason or "")
    assert d.states(good) == ["succeeded", "running"]
    d.end(good)
    assert d.state(good) == "succeeded"
    assert len(d.executor.began) == 3


def test_a_missing_parameter_refuses_the_event_before_anything_is_written(drive: Drive) -> None:
    """B18, G4."""
    d = drive('[tasks.t]\non = "e"\nrun = ["./one.sh", "{path}"]\n[tasks.u]\non = "e"\nrun = "./two.sh"\n')
    with pytest.raises(Invalid, match="path"):
        d.submit()
    assert d.rows("SELECT 1 FROM event UNION ALL SELECT 1 FROM processing") == []
    assert len(d.submit(path="x").processings) == 2


def test_after_a_step_was_accepted_the_next_one_begins_and_others_are_not_held_up(drive: Drive) -> None:
    d = drive(CHAIN)
    pid, other = d.born(), d.born()
    d.turn()
    d.end(other)
    d.end(pid, 1)
    accepted.accept(d.project, pid, None, "by hand")
    d.turn()
    assert (d.state(pid), d.states(pid)) == ("running", ["succeeded", "running", "pending"])
    for one in (pid, other):
        d.end(one)
        d.end(one)
        assert d.state(one) == "succeeded"
