"""Whole trees end: whatever a script does to escape, nothing of it is left when its end is on record."""

import os
from pathlib import Path

import pytest

from procession.supervise import process
from tests.executors.running import PYTHON, Runner, alive, number_in
from tests.executors.test_local import runner  # noqa: F401  a fixture
from tests.waiting import eventually

pytestmark = pytest.mark.feature("P12")

DAEMON = """
import os, signal, sys, time
def daemon():
    if os.fork(): os._exit(0)
    os.setsid()
    if os.fork(): os._exit(0)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open("daemon.new", "w") as out: out.write(str(os.getpid()))
    os.rename("daemon.new", "daemon")
    time.sleep(1000)
if not os.fork(): daemon()
while not os.path.exists("daemon"): time.sleep(0.01)
"""

WAIT_THEN_LEAVE = """
import os, time
if os.fork():
    while not os.path.exists("begun"): time.sleep(0.01)
    os._exit(0)
"""

REFORKER = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.setsid()
with open("begun", "w") as out: out.write("1")
while True:
    time.sleep(0.001)
    if os.fork(): os._exit(0)
"""


def marks(runner: Runner, key: str) -> list[int]:  # noqa: F811
    return process.marked({"PROCESSION_KEY": key, "PROCESSION_ATTEMPT": "1"})


def test_an_ignored_sigterm_ends_with_the_grace(runner: Runner) -> None:  # noqa: F811
    """G17, F18."""
    job = runner.shell("trap '' TERM; while :; do sleep 1; done", timeout=0.3, grace=0.4)
    end = runner.run(job)
    assert (end.how, end.signal, end.code) == ("timeout", 9, None)
    assert 0.7 <= end.seconds < 2.7
    assert marks(runner, job.key) == []


def test_a_script_may_clean_up_within_the_grace(runner: Runner) -> None:  # noqa: F811
    """The true code is kept, and what the clean-up starts is not asked to end again."""
    job = runner.shell("trap 'sleep 0.2; echo clean; exit 5' TERM; while :; do sleep 0.05; done", timeout=0.3, grace=9)
    end = runner.run(job)
    assert (end.how, end.code, end.signal) == ("timeout", 5, None)
    assert "clean\n" in runner.log(job)
    assert end.seconds < 5


def test_a_daemon_is_ended_with_the_script_that_left_it(runner: Runner) -> None:  # noqa: F811
    """G14, F19: double fork, own session, SIGTERM ignored; the script's own end is what counts."""
    job = runner.python(DAEMON + "sys.exit(3)")
    end = runner.run(job)
    assert (end.how, end.code) == ("exited", 3)
    assert not alive(number_in(f"{job.cwd}/daemon"))


def test_a_daemon_is_ended_by_a_timeout(runner: Runner) -> None:  # noqa: F811
    """G14, F19."""
    job = runner.python(DAEMON + "time.sleep(1000)", timeout=1.0)
    end = runner.run(job)
    assert end.how == "timeout"
    assert not alive(number_in(f"{job.cwd}/daemon"))


def test_a_chain_that_forks_again_and_again_is_ended(runner: Runner) -> None:  # noqa: F811
    """G14, F20: a new process each millisecond, SIGTERM ignored."""
    job = runner.python(WAIT_THEN_LEAVE + REFORKER, grace=0.2)
    end = runner.run(job)
    assert (end.how, end.code) == ("exited", 0)
    assert (Path(job.cwd) / "begun").exists()
    assert marks(runner, job.key) == []


def test_a_wide_bomb_is_ended(runner: Runner) -> None:  # noqa: F811
    """G14, F21, bounded."""
    code = (
        "import os, signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "for _ in range(7): os.fork()\ntime.sleep(1000)"
    )
    job = runner.python(code, timeout=0.5, grace=0.2)
    assert runner.run(job).how == "timeout"
    assert marks(runner, job.key) == []


def test_a_grandchild_that_keeps_the_log_open_does_not_hold_the_attempt(runner: Runner) -> None:  # noqa: F811
    """F22: ends at the end of the script plus the grace."""
    job = runner.shell("(trap '' TERM; sleep 1000; sleep 1000) & echo $! > child; exit 0", grace=0.3)
    end = runner.run(job)
    assert (end.how, end.code) == ("exited", 0)
    assert not alive(number_in(f"{job.cwd}/child"))


def test_orphans_that_end_while_the_script_runs_are_reaped(runner: Runner) -> None:  # noqa: F811
    """No zombies gather under a long script."""
    job = runner.shell("n=0; while [ $n -lt 30 ]; do (sleep 0 &); n=$((n+1)); done; touch done; exec sleep 1000")
    runner.submit(job)
    shim = runner.running(job.key).record.shim
    eventually((Path(job.cwd) / "done").exists)
    eventually(lambda: len(process.children(shim)) == 1)
    runner.executor.cancel(job.key, "a test")
    runner.ended(job.key)


def test_a_stopped_script_is_ended(runner: Runner) -> None:  # noqa: F811
    job = runner.shell("kill -STOP $$; exit 0", timeout=0.3, grace=5)
    end = runner.run(job)
    assert end.how == "timeout"
    assert end.seconds < 4


def test_usage_is_that_of_the_whole_tree(runner: Runner) -> None:  # noqa: F811
    """P22: memory of the largest process, processor time of all, the disowned included."""
    work = "x = bytearray(60_000_000)\nimport time\nwhile time.process_time() < 0.3: pass"
    job = runner.shell('("$0" -I -S -c "$1" &); exec sleep 1.5', PYTHON, work)
    job = runner.job("/bin/sh", "-c", '("$1" -I -S -c "$2"; touch done) & while [ ! -e done ]; do sleep 0.02; done',
                     "sh", PYTHON, work, key=job.key)  # fmt: skip
    end = runner.run(job)
    assert end.max_rss > 60_000_000
    assert 0.3 <= end.cpu < 3


def test_a_stranger_with_our_number_is_left_alone() -> None:
    """F62: identity is asked while a pidfd holds it."""
    me = os.getpid()
    began = process.start_time(me)
    assert process.send(me, (0,), lambda pid: process.start_time(pid) == began)
    assert not process.send(me, (9,), lambda pid: process.start_time(pid) == (began or 0) + 1)


def test_without_a_mark_nobody_is_meant() -> None:
    with pytest.raises(ValueError, match="every process"):
        process.end_marked({}, kill=True)
