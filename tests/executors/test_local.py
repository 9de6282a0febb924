"""The executor of this machine: the contract, and what only it can go through."""

import errno
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from procession.errors import ExecutorError, HostError
from procession.executor import Ended, Gone, Job, Running, Unreadable, Unstarted
from procession.executors.local import LocalExecutor
from procession.supervise import spool
from tests.executors.contract import ExecutorContract
from tests.executors.running import Runner, alive, local, number_in
from tests.waiting import eventually


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    with local(tmp_path) as one:
        yield one


class TestLocalExecutor(ExecutorContract):
    """It keeps the contract."""


def forge_of(runner: Runner) -> int:
    executor = runner.executor
    assert isinstance(executor, LocalExecutor)
    assert executor._pool.forge is not None
    return executor._pool.forge.pid


LAUNCHER = """
import sys, os
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.executors.running import local
root = Path(sys.argv[2])
with local(root, slots=2) as runner:
    jobs = [runner.shell("echo $$ > pid; until [ -e ../go ]; do sleep 0.02; done; exit %d" % n, key=f"k-{n}")
            for n in range(1, 7)]
    runner.submit(*jobs)
    runner.running("k-1"), runner.running("k-2")
    (root / "forge").write_text(str(runner.executor._pool.forge.pid))
    os.kill(os.getpid(), 9)
"""


@pytest.mark.feature("N2", "M29")
def test_a_killed_launcher_loses_neither_what_runs_nor_what_is_queued(tmp_path: Path) -> None:
    """G11, G13, F9, F10: six jobs on two shims, the launcher is killed; a new one hears of the ends."""
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", LAUNCHER, root, str(tmp_path)], check=False, cwd=root)
    assert done.returncode == -signal.SIGKILL
    forge = int((tmp_path / "forge").read_text())
    eventually(lambda: not alive(forge))
    with local(tmp_path) as runner:
        assert sorted(runner.executor.keys()) == ["k-1", "k-2"]
        for key in ("k-1", "k-2"):
            assert isinstance(runner.executor.adopt(key), Running)
        assert isinstance(runner.executor.look("k-3"), Unstarted)
        assert runner.executor.void("k-6", "the new launcher")
        (tmp_path / "work/go").touch()
        assert [runner.ended(f"k-{n}").code for n in range(1, 6)] == [1, 2, 3, 4, 5]
        eventually(lambda: runner.drain() and set(runner.notices.ended) == {f"k-{n}" for n in range(1, 6)})
        eventually(lambda: runner.drain() and runner.notices.skipped == ["k-6"])
        assert not (tmp_path / "work/k-6").exists()
        assert runner.executor.keys() == [f"k-{n}" for n in range(1, 6)]
        eventually(lambda: runner.drain() and runner.notices.gone)  # the old shims have left


def test_hanging_up_ends_no_script(tmp_path: Path) -> None:
    """G32: stop leaves scripts running."""
    with local(tmp_path) as runner:
        job = runner.shell("until [ -e go ]; do sleep 0.02; done; exit 9")
        runner.submit(job)
        shim = runner.running(job.key).record.shim
        runner.executor.close()
        assert isinstance(runner.executor.look(job.key), Running)
        (Path(job.cwd) / "go").touch()
        eventually(lambda: isinstance(runner.executor.look(job.key), Ended))
        assert runner.executor.look(job.key).exit.code == 9  # type: ignore[union-attr]
        eventually(lambda: not alive(shim))


@pytest.mark.feature("N2")
def test_a_killed_forge_is_replaced_and_nothing_running_is_touched(runner: Runner) -> None:
    """G13."""
    job = runner.shell("until [ -e go ]; do sleep 0.02; done; exit 4")
    runner.submit(job)
    runner.running(job.key)
    forge = forge_of(runner)
    os.kill(forge, signal.SIGKILL)
    eventually(lambda: runner.drain().gone)
    assert runner.run(runner.shell("exit 5")).code == 5
    assert forge_of(runner) != forge
    (Path(job.cwd) / "go").touch()
    assert runner.ended(job.key).code == 4


@pytest.mark.feature("M88")
def test_a_killed_shim_is_gone_and_its_survivors_are_ended(runner: Runner) -> None:
    """G14, F15: lost with a reason, never a code."""
    job = runner.shell("(setsid sleep 1000 & echo $! > child); echo $$ > pid; trap '' TERM; while :; do sleep 1; done")
    other = runner.shell("exec sleep 1000")
    runner.submit(job, other)
    record = runner.running(job.key).record
    script, child = number_in(f"{job.cwd}/pid"), number_in(f"{job.cwd}/child")
    stranger = runner.running(other.key).record.find("spawned")["pid"]
    os.kill(record.shim, signal.SIGKILL)
    gone = runner.until(job.key, Gone)
    assert gone.reason == "shim_died"
    assert eventually(lambda: runner.drain() and runner.notices.gone)
    assert alive(script)
    assert not runner.executor.end_survivors(job.key, grace=0.2)
    eventually(lambda: runner.executor.end_survivors(job.key, grace=0.2))
    assert not alive(script)
    assert not alive(child)
    assert alive(stranger)
    assert runner.executor.end_survivors(job.key)
    assert runner.executor.cancel(job.key, "a test") == "gone"


def test_queued_jobs_find_new_shims_when_the_pool_dies(runner: Runner) -> None:
    jobs = [runner.shell("until [ -e ../go ]; do sleep 0.02; done; exit 6") for _ in range(4)]
    runner.submit(*jobs)
    for job in jobs[:2]:
        os.kill(runner.running(job.key).record.shim, signal.SIGKILL)
    (runner.root / "work/go").touch()
    assert [runner.ended(job.key).code for job in jobs[2:]] == [6, 6]
    for job in jobs[:2]:
        eventually(lambda key=job.key: runner.executor.end_survivors(key))


def test_a_cancel_is_seen_by_its_file_alone(runner: Runner) -> None:
    """F49: the launcher may die between the file and the signal."""
    job = runner.shell("exec sleep 1000")
    runner.submit(job)
    runner.running(job.key)
    spool.ask_to_cancel(runner.root / "var/spool", job.key, "a test")
    assert runner.ended(job.key).how == "cancelled"


def test_a_cancel_by_signal_does_not_wait_for_the_next_look(runner: Runner) -> None:
    job = runner.shell("exec sleep 1000")
    runner.submit(job)
    runner.running(job.key)
    assert runner.executor.cancel(job.key, "a test") == "asked"
    end = runner.ended(job.key)
    assert end.how == "cancelled"
    assert end.seconds < 0.9


def test_a_long_specification_travels_by_file(runner: Runner) -> None:
    text = "é" * 300_000
    job = runner.job("/bin/cat", "event.json")
    job = runner.job("/bin/cat", "event.json", files={f"{runner.root}/work/{job.key}/event.json": text}, key=job.key)
    assert runner.run(job).code == 0
    assert runner.log(job) == text
    assert list((runner.root / "var/spool/.spec").iterdir()) == []


def test_what_finds_no_room_comes_back(tmp_path: Path) -> None:
    with local(tmp_path, slots=1) as runner:
        jobs: list[Job] = [runner.shell(f"exit {n % 5}", "x" * 20_000) for n in range(200)]
        back = runner.executor.submit(jobs)
        assert 0 < len(back) < 200
        assert back == jobs[-len(back) :]
        while back:
            runner.drain()
            back = runner.executor.submit(back)
        assert [runner.ended(job.key).code for job in jobs] == [n % 5 for n in range(200)]


def test_the_pool_is_made_on_demand(tmp_path: Path) -> None:
    """Two jobs under way, one after the other or not, never make a third shim."""
    with local(tmp_path, slots=3) as runner:
        executor = runner.executor
        assert isinstance(executor, LocalExecutor)
        for _ in range(3):
            assert runner.run(runner.shell("exit 0")).code == 0
            runner.drain()
        assert len(executor._pool.members) == 1
        runner.submit(*[runner.shell("exit 0") for _ in range(9)])
        eventually(lambda: runner.drain() and len(executor._pool.members) == 3)


def test_the_descriptors_to_watch_wake_for_an_end(runner: Runner) -> None:
    job = runner.shell("exit 0")
    runner.submit(job)
    while job.key not in runner.notices.ended:
        assert select.select(runner.executor.filenos(), [], [], 20)[0]
        runner.drain()


def test_an_end_is_recorded_with_nobody_listening(tmp_path: Path) -> None:
    """F10: no launcher, no pipe; the record is enough."""
    with local(tmp_path) as runner:
        job = runner.shell("until [ -e go ]; do sleep 0.02; done")
        runner.submit(job)
        runner.running(job.key)
        runner.executor.close()
        (tmp_path / "var/wake").unlink()
        (Path(job.cwd) / "go").touch()
        eventually(lambda: isinstance(runner.executor.look(job.key), Ended))


def test_a_pipe_that_is_no_pipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "wake").write_text("")
    with pytest.raises(HostError):
        LocalExecutor(tmp_path / "spool", tmp_path / "wake", 1, "x").start()


class Clogged:
    """A socket on which one send fails."""

    def __init__(self, real: socket.socket, fails_at: int) -> None:
        self._real = real
        self._left = fails_at

    def send(self, message: bytes) -> int:
        self._left -= 1
        if self._left == 0:
            raise OSError(errno.ENOBUFS, "No buffer space available")
        return self._real.send(message)

    def close(self) -> None:
        self._real.close()


def test_a_send_that_fails_in_the_middle_gives_back_the_rest_and_nothing_runs_twice(runner: Runner) -> None:
    executor = runner.executor
    assert isinstance(executor, LocalExecutor)
    assert executor._pool.tasks is not None
    executor._pool.tasks = Clogged(executor._pool.tasks, 2)  # type: ignore[assignment]
    jobs = [runner.shell("echo x >> count") for _ in range(3)]
    assert executor.submit(jobs) == jobs[1:]
    assert runner.ended(jobs[0].key).code == 0
    executor.archive(jobs[0].key, Path(jobs[0].attempt_dir))
    assert executor.submit(jobs) == []
    for job in jobs[1:]:
        assert runner.ended(job.key).code == 0
    assert all((Path(job.cwd) / "count").read_text() == "x\n" for job in jobs)


def test_what_runs_is_ended_by_its_key_alone_when_its_record_has_disappeared(runner: Runner) -> None:
    job = runner.shell("(setsid sleep 1000 & echo $! > child); echo $$ > pid; trap '' TERM; while :; do sleep 1; done")
    runner.submit(job)
    runner.running(job.key)
    script, child = number_in(f"{job.cwd}/pid"), number_in(f"{job.cwd}/child")
    (runner.root / "var/spool" / job.key).unlink()
    assert not runner.executor.end_survivors(job.key, grace=0.2)
    eventually(lambda: runner.executor.end_survivors(job.key, grace=0.2))
    assert not alive(script)
    assert not alive(child)


def test_an_attempt_whose_record_is_damaged_while_it_runs_is_left_to_its_shim(runner: Runner) -> None:
    """What holds the lock tells the end; or it is asked to."""
    done, asked = (runner.shell("until [ -e go ]; do sleep 0.02; done; exit 3") for _ in range(2))
    runner.submit(done, asked)
    for job in (done, asked):
        runner.running(job.key)
        with (runner.root / "var/spool" / job.key).open("r+b") as record:
            record.seek(3)
            record.write(b"zz")
        sighting = runner.executor.look(job.key)
        assert isinstance(sighting, Unreadable)
        assert sighting.held
        assert not runner.executor.end_survivors(job.key)
    (Path(done.cwd) / "go").touch()
    assert runner.ended(done.key).code == 3
    assert runner.executor.cancel(asked.key, "a test") == "asked"
    assert runner.ended(asked.key).how == "cancelled"


def test_words_for_a_launcher_of_before_are_not_heard(tmp_path: Path) -> None:
    with local(tmp_path):
        keeps_it_open = os.open(tmp_path / "var/wake", os.O_RDWR | os.O_NONBLOCK)
    os.write(keeps_it_open, b"stop\nhalf a w")
    with local(tmp_path) as runner:
        os.write(keeps_it_open, b"wake\n")
        os.close(keeps_it_open)
        eventually(lambda: runner.drain() and runner.notices.words == ["wake"])


def test_a_forge_that_cannot_be_started_is_told_by_submit_and_never_by_drain(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_process(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    running = runner.shell("until [ -e go ]; do sleep 0.02; done")
    runner.submit(running)
    runner.running(running.key)
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", no_process)
        os.kill(forge_of(runner), signal.SIGKILL)
        eventually(lambda: runner.drain().gone)
        job = runner.shell("exit 5")
        with pytest.raises(ExecutorError, match="Resource temporarily unavailable"):
            runner.submit(job)
    (Path(running.cwd) / "go").touch()
    assert runner.ended(running.key).code == 0
    assert runner.run(job).code == 5
