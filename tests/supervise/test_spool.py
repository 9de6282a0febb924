"""The spool: what is certain about an attempt, from a record that may say anything."""

import fcntl
import json
import os
import shutil
import zlib
from pathlib import Path
from typing import Any

import pytest

from procession.supervise import record, spool
from procession.supervise.process import boot_id
from procession.supervise.sighting import Ended, Exit, Gone, Running, Unreadable, Unstarted, Void
from tests.executors.running import Runner, local

KEY = "inst-1-2-3"

SPEC: dict[str, Any] = {"kind": "spec", "v": 1, "boot": boot_id(), "shim": 1, "key": KEY, "incarnation": "i"}
STARTED = {"kind": "started", "at": 1, "boottime": 2}
EXIT: dict[str, Any] = {
    "kind": "exit", "v": 1, "key": KEY, "incarnation": "i", "how": "exited", "code": 0, "signal": None,
    "errno": None, "reason": None, "started_at": 1, "finished_at": 2, "seconds": 0.1, "max_rss": 1, "cpu": 0.0,
    "log_bytes": 0, "left": ["output"],
}  # fmt: skip


def text(*lines: dict[str, Any]) -> bytes:
    return b"".join(record.line(json.dumps(line, separators=(",", ":")).encode()) for line in lines)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


def write(root: Path, data: bytes) -> None:
    (root / KEY).write_bytes(data)


def test_nothing_is_unstarted(root: Path) -> None:
    assert spool.look(root, KEY) == Unstarted()
    write(root, b"")
    assert spool.look(root, KEY) == Unstarted()


def test_an_exit_line_is_the_end_whatever_the_lock(root: Path) -> None:
    write(root, text(SPEC, STARTED, EXIT))
    with open(root / KEY) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        sighting = spool.look(root, KEY)
    assert isinstance(sighting, Ended)
    assert sighting.exit.code == 0
    assert sighting.exit.left == ("output",)
    assert sighting.record.spec == SPEC
    assert sighting.record.started_at == 1


def test_a_held_lock_is_running_and_a_free_one_gone(root: Path) -> None:
    write(root, text(SPEC, STARTED))
    with open(root / KEY) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert isinstance(spool.look(root, KEY), Running)
    gone = spool.look(root, KEY)
    assert isinstance(gone, Gone)
    assert gone.reason == "shim_died"


def test_an_empty_record_that_is_held_is_about_to_run(root: Path) -> None:
    write(root, b"")
    with open(root / KEY) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert isinstance(spool.look(root, KEY), Running)
        assert not spool.void(root, KEY, "a test")


def test_another_boot_is_rebooted(root: Path) -> None:
    write(root, text({**SPEC, "boot": "of last week"}, STARTED))
    gone = spool.look(root, KEY)
    assert isinstance(gone, Gone)
    assert gone.reason == "rebooted"


def test_a_torn_last_line_counts_as_absent(root: Path) -> None:
    """F3: killed, or out of disk, in the middle of the exit line."""
    whole = text(SPEC, STARTED, EXIT)
    for cut in range(1, len(text(EXIT)) + 1):
        write(root, whole[:-cut])
        sighting = spool.look(root, KEY)
        assert isinstance(sighting, Gone), sighting
        assert sighting.record.spec == SPEC


def test_a_torn_first_write_never_ran(root: Path) -> None:
    """G9: without `started` the script was not executed; and nobody takes a record that has content."""
    whole = text(SPEC)
    for size in range(1, len(whole) + 1):
        write(root, whole[:size])
        assert isinstance(spool.look(root, KEY), Void), whole[:size]
        assert spool.void(root, KEY, "a test")


def test_every_flipped_bit_is_noticed(root: Path) -> None:
    """F30: a record with one wrong bit is unreadable or shorter, never another end."""
    whole = text(SPEC, STARTED, EXIT)
    for place in range(0, len(whole) * 8, 5):
        wrong = bytearray(whole)
        wrong[place // 8] ^= 1 << place % 8
        write(root, bytes(wrong))
        sighting = spool.look(root, KEY)
        if isinstance(sighting, Ended):
            assert sighting.exit == Exit.parse(EXIT)
        else:
            assert isinstance(sighting, Unreadable | Gone), (place, sighting)


def test_junk_is_unreadable(root: Path) -> None:
    """F30."""
    whole = text(SPEC, STARTED, EXIT)
    old = text({**SPEC, "v": 0}, STARTED)
    for data in (
        bytes(len(whole)),
        bytes(2),
        os.urandom(1 << 20) + b"\n",
        b"x" * 500,
        b"\n",
        old,
        record.line(b"[]"),
        record.line(b'{"kind":"exit"}'),
        record.line(b'{"kind":"exit","v":1'),
        record.line(b'{"kind":"\xff"}'),
    ):
        write(root, data)
        assert isinstance(spool.look(root, KEY), Unreadable), data[:50]
        assert not spool.void(root, KEY, "a test")


def test_an_exit_that_no_shim_writes_is_unreadable(root: Path) -> None:
    """G12: unknown is never success."""
    for change in (
        {"code": None}, {"code": "0"}, {"code": False}, {"how": "fine"}, {"seconds": None}, {"left": 3},
        {"started_at": "now"}, {"key": "inst-1-2-4"}, {"v": 2}, {"v": None}, {"max_rss": 1.5},
    ):  # fmt: skip
        write(root, text(SPEC, STARTED, {**EXIT, **change}))
        assert isinstance(spool.look(root, KEY), Unreadable), change
    without = {name: value for name, value in EXIT.items() if name != "code"}
    write(root, text(SPEC, STARTED, without))
    assert isinstance(spool.look(root, KEY), Unreadable)


def test_a_newer_version_and_another_attempts_record_are_unreadable(root: Path) -> None:
    """G33, F50."""
    write(root, text({**SPEC, "v": 2}, STARTED))
    newer = spool.look(root, KEY)
    assert isinstance(newer, Unreadable)
    assert "newer" in newer.why
    write(root, text({**SPEC, "key": "inst-1-2-2"}, STARTED))
    copied = spool.look(root, KEY)
    assert isinstance(copied, Unreadable)
    assert "inst-1-2-2" in copied.why


def test_fields_and_lines_that_are_new_are_passed_over(root: Path) -> None:
    write(root, text({**SPEC, "new": 1}, STARTED, {"kind": "weather"}, {**EXIT, "new": 1}))
    assert isinstance(spool.look(root, KEY), Ended)


def test_what_is_no_file_is_unreadable_and_blocks_nobody(root: Path) -> None:
    """B20, B23."""
    (root / KEY).mkdir()
    assert isinstance(spool.look(root, KEY), Unreadable)
    (root / KEY).rmdir()
    os.mkfifo(root / KEY)
    assert isinstance(spool.look(root, KEY), Unreadable)
    (root / KEY).unlink()
    (root / "true").write_bytes(text(SPEC, STARTED, EXIT))
    (root / KEY).symlink_to(root / "true")
    assert isinstance(spool.look(root, KEY), Unreadable)
    assert not spool.void(root, KEY, "a test")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_record_of_another_user_is_unreadable(root: Path) -> None:
    write(root, text(SPEC, STARTED, EXIT))
    os.chown(root / KEY, 12345, -1)
    sighting = spool.look(root, KEY)
    assert isinstance(sighting, Unreadable)
    assert "12345" in sighting.why


def test_a_huge_file_is_not_read(root: Path) -> None:
    write(root, b"")
    os.truncate(root / KEY, 1 << 40)
    assert isinstance(spool.look(root, KEY), Unreadable)


def test_quarantine_keeps_what_it_puts_aside(root: Path) -> None:
    write(root, b"junk\n")
    aside = spool.quarantine(root, KEY)
    assert aside is not None
    assert aside.read_bytes() == b"junk\n"
    assert spool.keys(root) == []
    assert spool.quarantine(root, KEY) is None


def test_archive_copies_across_file_systems(root: Path) -> None:
    other = Path("/dev/shm") / f"procession-test-{os.getpid()}"
    if not Path("/dev/shm").is_dir() or os.stat("/dev/shm").st_dev == os.stat(root).st_dev:
        pytest.skip("no second file system here")
    other.mkdir()
    try:
        whole = text(SPEC, STARTED, EXIT)
        write(root, whole)
        spool.archive(root, KEY, other)
        assert (other / "record").read_bytes() == whole
        assert spool.keys(root) == []
        assert [path.name for path in other.iterdir()] == ["record"]
    finally:
        shutil.rmtree(other)


def test_archive_of_what_is_not_there_or_has_no_place_to_go(root: Path) -> None:
    spool.archive(root, KEY, root / "nowhere")
    write(root, text(SPEC, STARTED, EXIT))
    spool.archive(root, KEY, root / "nowhere")
    assert spool.look(root, KEY) == Unstarted()


def test_a_checksum_is_that_of_the_text() -> None:
    assert record.line(b"{}") == b"%08x {}\n" % zlib.crc32(b"{}")


def test_a_runner_is_not_needed_to_look(tmp_path: Path) -> None:
    with local(tmp_path) as runner:
        assert isinstance(runner, Runner)
        job = runner.shell("exit 1")
        runner.run(job)
        assert isinstance(spool.look(tmp_path / "var/spool", job.key), Ended)


@pytest.mark.parametrize("spoiled", ["a file", "a link", "closed", "taken"])
def test_a_record_that_finds_no_place_in_the_attempts_directory_is_put_aside(root: Path, spoiled: str) -> None:
    to = root.parent / "attempt"
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    if spoiled == "a file":
        to.touch()
    elif spoiled == "a link":
        to.symlink_to(elsewhere)
    elif spoiled == "closed":
        to.mkdir(mode=0o500)
    else:
        (to / "record").mkdir(parents=True)
    (root / KEY).write_bytes(b"what it says")
    for _ in range(2):
        spool.archive(root, KEY, to)
    if spoiled == "closed" and (to / "record").exists():
        pytest.skip("nothing is closed to root")
    assert spool.keys(root) == []
    assert list(elsewhere.iterdir()) == []
    (aside,) = root.with_name(f"{root.name}.quarantine").iterdir()
    assert aside.read_bytes() == b"what it says"
