"""Records that scripts and bad disks make: none is believed, none stops anybody, none is deleted."""

import json
import os
import signal
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from procession.executor import Ended, Gone, Job, Unreadable
from procession.supervise import record
from tests.executors.running import Runner, alive
from tests.executors.test_local import runner  # noqa: F401  a fixture
from tests.waiting import eventually


def spooled(runner: Runner, job: Job) -> Path:  # noqa: F811
    return runner.root / "var/spool" / job.key


def forged(job: Job, **changes: object) -> bytes:
    """A record that says the attempt has succeeded, as a shim would write it but for these changes."""
    spec = {"kind": "spec", "v": 1, "shim": 1, "key": job.key, "incarnation": "here"}
    exit_: dict[str, object] = {
        "kind": "exit", "v": 1, "key": job.key, "incarnation": "here", "how": "exited", "code": 0, "signal": None,
        "errno": None, "reason": None, "started_at": 1, "finished_at": 2, "seconds": 0.1, "max_rss": 1, "cpu": 0.0,
        "log_bytes": 0, "left": [],
    }  # fmt: skip
    lines = (spec, {"kind": "started", "at": 1}, exit_ | changes)
    return b"".join(record.line(json.dumps(line, separators=(",", ":")).encode()) for line in lines)


def test_a_record_in_the_working_or_the_attempts_directory_is_no_record(runner: Runner) -> None:  # noqa: F811
    """B23: whatever a script writes where it runs, its end is what its shim saw."""
    job = runner.shell(
        'cp ../forged record; mkdir spool; cp ../forged "spool/$PROCESSION_KEY-$PROCESSION_ATTEMPT"; exit 9'
    )
    (runner.root / "work").mkdir()
    (runner.root / "work/forged").write_bytes(forged(job))
    assert runner.run(job).code == 9
    runner.executor.archive(job.key, Path(job.attempt_dir))
    assert b'"code":9' in (Path(job.attempt_dir) / "record").read_bytes()


OTHERS: dict[str, dict[str, object]] = {
    "the key of another attempt": {"key": "other-1-1"},
    "a newer version": {"v": 2},
    "an exit without a code": {"code": None},
}


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS)
def test_a_record_that_a_script_writes_into_the_spool_is_noticed(
    runner: Runner,  # noqa: F811
    changes: dict[str, object],
) -> None:
    """B23: put in the place of its own, it is seen to be none; the script is not believed to have succeeded."""
    text = "mv ../forged ../../var/spool/forging-1; until [ -e go ]; do sleep 0.02; done; touch gone; exit 9"
    job = runner.shell(text, key="forging-1")
    (runner.root / "work").mkdir()
    (runner.root / "work/forged").write_bytes(forged(job, **changes))
    runner.submit(job)
    sighting = runner.until(job.key, Unreadable)
    assert not runner.executor.void(job.key, "a test")
    assert sighting.why
    (Path(job.cwd) / "go").touch()
    eventually((Path(job.cwd) / "gone").exists, what="it ends before its directory goes, or it would wait for ever")
    runner.executor.quarantine(job.key)
    (aside,) = (runner.root / "var/spool.quarantine").iterdir()
    assert aside.read_bytes() == forged(job, **changes)


def test_a_wrong_checksum_written_over_a_running_record_is_outlived_by_the_true_end(
    runner: Runner,  # noqa: F811
) -> None:
    """B23: what holds the lock tells the end after it."""
    text = "cat ../forged > ../../var/spool/forging-1; until [ -e go ]; do sleep 0.02; done; exit 9"
    job = runner.shell(text, key="forging-1")
    wrong = forged(job)[:-3] + b"x}\n"
    (runner.root / "work").mkdir()
    (runner.root / "work/forged").write_bytes(wrong)
    runner.submit(job)
    assert runner.until(job.key, Unreadable).held
    (Path(job.cwd) / "go").touch()
    assert runner.ended(job.key).code == 9


def flipped(data: bytes) -> bytes:
    return data[:40] + bytes([data[40] ^ 4]) + data[41:]


def of_a_newer_version(data: bytes) -> bytes:
    text = data.split(b"\n")[0][9:].replace(b'"v":1', b'"v":99', 1)
    return b"%08x %b\n" % (zlib.crc32(text), text)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "a flipped bit": flipped,
    "zeros": lambda data: bytes(len(data)),
    "zeros at the end": lambda data: data[: len(data) // 2] + bytes(len(data) // 2) + b"\n",
    "a MB of junk": lambda _: os.urandom(1 << 20) + b"\n",
    "a newer version": of_a_newer_version,
    "the front cut off": lambda data: data[100:],
}


@pytest.mark.feature("M88")
@pytest.mark.parametrize("damage", [*DAMAGE.values(), None], ids=[*DAMAGE, "another owner"])
def test_a_damaged_record_of_a_killed_shim_is_put_aside_and_what_ran_is_ended(
    runner: Runner,  # noqa: F811
    damage: Callable[[bytes], bytes] | None,
) -> None:
    """F30, I9: nobody crashes, nothing is believed or deleted, and no process stays."""
    if damage is None and os.geteuid() != 0:
        pytest.skip("only root can give files away")
    job = runner.shell("echo $$ > pid; exec sleep 1000")
    runner.submit(job)
    running = runner.running(job.key).record
    script = running.find("spawned")["pid"]
    os.kill(running.shim, signal.SIGKILL)
    runner.until(job.key, Gone)
    path = spooled(runner, job)
    written = damage(path.read_bytes()) if damage else path.read_bytes()
    path.write_bytes(written)
    if damage is None:
        os.chown(path, 12345, -1)
    sighting = runner.look(job.key)
    assert isinstance(sighting, Unreadable)
    assert not sighting.held
    assert not runner.executor.void(job.key, "a test")
    eventually(lambda: runner.executor.end_survivors(job.key))
    assert not alive(script)
    runner.executor.quarantine(job.key)
    assert runner.executor.keys() == []
    (aside,) = (runner.root / "var/spool.quarantine").iterdir()
    assert aside.read_bytes() == written


@pytest.mark.parametrize("share", [0.05, 0.5, 0.97])
def test_a_record_that_was_cut_off_never_ends_well(runner: Runner, share: float) -> None:  # noqa: F811
    """F30: truncated anywhere, it is less than an end."""
    job = runner.shell("exit 0")
    runner.run(job)
    path = spooled(runner, job)
    os.truncate(path, int(path.stat().st_size * share))
    assert not isinstance(runner.look(job.key), Ended)
    eventually(lambda: runner.executor.end_survivors(job.key))
