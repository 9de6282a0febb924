"""A shim killed at each of its system calls leaves a record from which the truth can be told."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from procession.executor import Ended, Gone, Running, Sighting, Unstarted
from tests.executors.running import Runner, alive, local
from tests.waiting import eventually

POINTS = [
    (calls, number)
    for calls, most in (
        ("write", 5), ("openat", 4), ("fcntl,flock", 1), ("close", 6), ("clone3,clone,vfork", 1), ("wait4", 2),
        ("poll", 1), ("chdir", 2), ("mkdir", 1), ("pidfd_open", 1),
    )
    for number in range(1, most + 1)
]  # fmt: skip

LIMITED = [(calls, number) for calls in ("pipe2", "clone3,clone,fork,vfork", "read", "wait4") for number in (1, 2)]
CASES = [(*point, {}) for point in POINTS] + [(*point, {"open_files": 40}) for point in LIMITED]


@pytest.mark.feature("M88")
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is needed to kill at a system call")
@pytest.mark.parametrize(("calls", "number", "limits"), CASES)
def test_the_record_tells_the_truth_wherever_the_shim_is_killed(
    tmp_path: Path, calls: str, number: int, limits: dict[str, int]
) -> None:
    """F2, F3, G9, G11, G12: the right end, or gone, or never executed; nothing else."""
    with local(tmp_path, slots=1) as runner:
        first = runner.shell("exit 0")
        runner.submit(first)
        shim = runner.until(first.key, Ended).record.shim
        tracer = trace(shim, f"inject={calls}:signal=KILL:when={number}")
        try:
            job = runner.shell("echo x >> ran; exit 7", **limits)
            runner.submit(job)
            sighting = eventually(lambda: settled(runner, job.key, shim))
            ran = Path(job.cwd) / "ran"
            if isinstance(sighting, Ended):
                assert sighting.exit.code == 7
            elif isinstance(sighting, Gone):
                assert sighting.reason == "shim_died"
                eventually(lambda: runner.executor.end_survivors(job.key))
            else:
                assert runner.executor.void(job.key, "a test")
                assert not ran.exists()
            assert not ran.exists() or ran.read_text() == "x\n"
        finally:
            if tracer.poll() is None:
                tracer.send_signal(signal.SIGTERM)
            tracer.communicate()


def trace(pid: int, inject: str) -> "subprocess.Popen[str]":
    """strace on this process, attached."""
    tracer = subprocess.Popen(
        ["strace", "-o", os.devnull, "-e", inject, "-p", str(pid)], stderr=subprocess.PIPE, text=True
    )
    assert tracer.stderr is not None
    if "attached" not in tracer.stderr.readline():
        tracer.communicate()
        pytest.skip("strace may not attach here")
    return tracer


def settled(runner: Runner, key: str, shim: int) -> Sighting | None:
    """What is certain when the shim is either dead or done with this attempt."""
    sighting = runner.look(key)
    if isinstance(sighting, Running) or (isinstance(sighting, Unstarted) and alive(shim)):
        return None
    return sighting
