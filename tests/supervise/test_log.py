"""A log has every byte that a script wrote, until it is larger than its cap; then head and tail, at their offsets."""

import fcntl
import json
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from procession.cli.tail import follow, tail
from procession.supervise import logs
from procession.supervise.log import HEAD, SLACK, Log
from tests.executors.running import Runner, number_in
from tests.executors.test_local import runner  # noqa: F401  a fixture
from tests.waiting import eventually

MIB = 1 << 20
FLOOD = """
import os, sys
filler = b"x" * (2**20 - 17) + b"\\n"
for number in range(int(sys.argv[1])):
    block = b"%015d\\n" % number + filler
    while block: block = block[os.write(1, block):]
"""


def block(number: int) -> bytes:
    """The MiB that FLOOD writes as its so manieth."""
    return b"%015d\n" % number + b"x" * (MIB - 17) + b"\n"


class Peak(threading.Thread):
    """Watches how much of the disk a file takes at most."""

    def __init__(self, path: str) -> None:
        super().__init__(daemon=True)
        self.path = path
        self.seen: list[int] = []
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.001):
            try:
                self.seen.append(os.stat(self.path).st_blocks * 512)
            except FileNotFoundError:
                continue


@pytest.mark.feature("P18", "P23")
def test_a_gigabyte_at_full_speed_keeps_its_head_and_its_tail_and_little_of_the_disk(
    runner: Runner,  # noqa: F811
) -> None:
    """G29, F41, I18: the script is not blocked, and what is left stands where it was written."""
    cap = 24 * MIB
    for _ in range(3):  # on a busy machine the shim waits for a processor while the script writes gigabytes a second
        job = runner.python(FLOOD, "1024", log_max=cap)
        peak = Peak(job.log)
        peak.start()
        runner.submit(job)
        end = runner.ended(job.key, timeout=120)
        peak.over.set()
        peak.join()
        assert (end.how, end.code, end.reason, end.log_bytes) == ("exited", 0, None, 1024 * MIB)
        peak.seen.sort()
        quarter, half, most = peak.seen[len(peak.seen) // 4], peak.seen[len(peak.seen) // 2], peak.seen[-1]
        if within := (quarter <= cap + SLACK and half <= cap + 2 * SLACK and most <= cap + 16 * SLACK):
            break
    assert within, (quarter, half, most)
    assert os.stat(job.log).st_blocks * 512 <= cap + 2 * 4096
    start, stop = logs.cut_of(job.log) or (0, 0)
    assert (start, stop) == (HEAD, (1024 - 23) * MIB)
    with open(job.log, "rb") as log:
        assert log.read(MIB) == block(0)
        for number in (stop // MIB, 1023):
            log.seek(number * MIB)
            assert log.read(MIB) == block(number)
        before = time.perf_counter()
        found = list(logs.pieces(log.fileno(), job.log, 0))
        assert sum(len(piece.data) for piece in found) == cap
        assert [piece.gone for piece in found if not piece.data] == [stop - start]
        assert time.perf_counter() - before < 30


@pytest.mark.feature("P18")
def test_a_log_over_its_cap_ends_the_tree_where_that_is_wanted(runner: Runner) -> None:  # noqa: F811
    """G29: `log_over`; what a script writes in its grace does not fill the disk either."""
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FLOOD
    job = runner.python(stubborn, "1000000", log_max=8 * MIB, log_over="kill", grace=0.5)
    end = runner.run(job)
    assert (end.how, end.signal) == ("log", 9)
    assert end.reason is not None
    assert end.reason.startswith("log: the script wrote ")
    assert end.reason.endswith("it may write 8.39 MB")
    assert os.stat(job.log).st_blocks * 512 <= 8 * MIB + 2 * 4096


def test_a_log_within_its_cap_has_all_its_bytes_and_nothing_beside_it(runner: Runner) -> None:  # noqa: F811
    """F42: every byte, invalid UTF-8, NULs, floods of carriage returns, colours; none is changed."""
    code = (
        "import os\nos.write(1, bytes(range(256)) * 8)\nos.write(1, bytes(100_000))\nos.write(2, b'\\r' * 70_000)\n"
        "os.write(1, b'\\x1b[31m' * 100_000)\nos.write(2, b'\\xf0\\x9f\\x9a')\nos.write(1, b'\\x80')"
    )
    job = runner.python(code, log_max=MIB)
    assert runner.run(job).code == 0
    wanted = bytes(range(256)) * 8 + bytes(100_000) + b"\r" * 70_000 + b"\x1b[31m" * 100_000 + b"\xf0\x9f\x9a\x80"
    assert Path(job.log).read_bytes() == wanted
    assert sorted(os.listdir(job.attempt_dir)) == ["log", "run.sh"]
    with open(job.log, "rb") as log:
        assert b"".join(piece.data for piece in logs.pieces(log.fileno(), job.log, 0)) == wanted


def test_a_script_may_close_truncate_and_reopen_its_log(runner: Runner) -> None:  # noqa: F811
    """F43, I18: it goes on, and what it writes after is what is shown."""
    code = (
        FLOOD.replace("int(sys.argv[1])", "12")
        + "\nimport time\ntime.sleep(0.5)\nos.ftruncate(1, 0)\nos.write(1, b'anew\\n')\n"
        "time.sleep(0.4)\nwith open('/dev/stdout', 'ab', 0) as out: out.write(b'again\\n')\nos.close(1); os.close(2)\n"
        "sys.exit(6)"
    )
    job = runner.python(code, log_max=4 * MIB)
    assert runner.run(job).code == 6
    assert runner.log(job) == "anew\nagain\n"
    assert logs.cut_of(job.log) is None
    assert tail_of(job.log, 1) == "again\n"


def tail_of(log: str, lines: int | None) -> str:
    """What `procession logs` prints of it."""
    shown: list[bytes] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("procession.cli.tail.write", shown.append)
        tail(Path(log), lines)
    return b"".join(shown).decode("utf-8", "replace")


@pytest.mark.feature("P23")
def test_a_reader_follows_while_the_log_is_cut_and_while_the_script_ends(runner: Runner) -> None:  # noqa: F811
    """F44, I18: it sees the end, no NUL that nobody wrote, and says what it missed."""
    job = runner.python(FLOOD, "200", log_max=4 * MIB)
    runner.submit(job)
    runner.running(job.key)
    shown: list[bytes] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("procession.cli.tail.write", shown.append)
        follow(Path(job.log), 0, lambda: job.key in runner.drain().ended or bool(runner.notices.ended))
    text = b"".join(shown)
    assert text.startswith(block(0))
    assert text.endswith(block(199))
    assert b"\0" not in text
    assert text.count(b" of the log left out ...]\n") >= 1
    assert runner.ended(job.key).log_bytes == 200 * MIB


def test_the_last_lines_of_a_cut_log_are_found_and_the_gap_is_said(runner: Runner) -> None:  # noqa: F811
    job = runner.python(FLOOD, "20", log_max=4 * MIB)
    assert runner.run(job).code == 0
    assert tail_of(job.log, 2) == block(19).decode()
    whole = tail_of(job.log, None)
    assert len(whole) == 4 * MIB + len("\n[... 16.8 MB of the log left out ...]\n")
    assert "\n[... 16.8 MB of the log left out ...]\n" in whole
    assert tail_of(job.log, 1000).startswith("\n[... 16.8 MB")
    (Path(job.attempt_dir) / "log.cut").unlink()
    assert tail_of(job.log, None) == whole, "the hole itself tells as much"
    (Path(job.attempt_dir) / "log.cut").write_text(json.dumps({"from": HEAD, "to": 17 * MIB}))
    Path(job.log).write_bytes(Path(job.log).read_bytes())  # a copy without holes, as some backups make
    assert tail_of(job.log, None) == whole


def test_a_terabyte_of_nothing_is_passed_in_one_step(tmp_path: Path) -> None:
    """F43: a script that makes its log longer without writing."""
    log = tmp_path / "log"
    log.write_bytes(b"begun\n" + bytes(5000) + b"\n")
    with log.open("r+b") as file:
        file.truncate(1 << 40)
        file.seek(1 << 40)
        file.write(b"ended\n")
    shown = tail_of(str(log), None)
    assert shown.startswith("begun\n\0")
    assert "\n[... 1.1 TB of the log left out ...]\n" in shown
    assert len(shown) < 20_000
    assert tail_of(str(log), 1).endswith("ended\n")


@pytest.mark.parametrize(
    "said", [b"", b"{}", b"[1]", b'{"from": 5, "to": 2}', b'{"from": "0", "to": 9}', b'{"from": -1, "to": 9}', b"\xff"]
)
def test_what_no_shim_says_of_a_cut_is_not_believed(tmp_path: Path, said: bytes) -> None:
    (tmp_path / "log").write_bytes(b"all\0there\n")
    (tmp_path / "log.cut").write_bytes(said)
    assert tail_of(str(tmp_path / "log"), None) == "all\0there\n"
    (tmp_path / "log.cut").unlink()
    os.mkfifo(tmp_path / "log.cut")
    assert logs.cut_of(tmp_path / "log") is None


def test_where_no_hole_can_be_made_the_record_says_so_and_nothing_is_lost(tmp_path: Path) -> None:
    """A sealed file takes no hole, as a file system that has none."""
    log = Log(str(tmp_path / "log"))
    os.write(log.descriptor, bytes(5 * MIB))
    log.begin(MIB, "cut", 0.0)
    sealed = os.memfd_create("sealed", os.MFD_ALLOW_SEALING)
    os.write(sealed, b"x" * 5 * MIB)
    fcntl.fcntl(sealed, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    os.close(log.descriptor)
    log.descriptor = sealed
    assert log.look(1.0) is None
    assert log.trouble is not None
    assert "holes cannot be made in it" in log.trouble
    assert logs.cut_of(tmp_path / "log") is None
    assert log.close() == 5 * MIB


def test_a_file_system_without_holes_keeps_the_whole_log_and_the_record_says_so(
    runner: Runner,  # noqa: F811
) -> None:
    """G29: the script ends as it would; a reader finds every byte."""
    place = runner.root / "ramfs"
    place.mkdir()
    if os.geteuid() != 0 or subprocess.call(["mount", "-t", "ramfs", "none", place]):
        pytest.skip("a file system without holes needs the right to mount one")
    try:
        job = runner.python(FLOOD, "40", log_max=4 * MIB, log=f"{place}/log")
        end = runner.run(job)
        assert (end.how, end.code, end.log_bytes) == ("exited", 0, 40 * MIB)
        assert end.reason is not None
        assert "holes cannot be made in it (Operation not supported)" in end.reason
        assert Path(job.log).read_bytes() == b"".join(map(block, range(40)))
        assert os.listdir(place) == ["log"]
    finally:
        eventually(lambda: subprocess.call(["umount", place]) == 0)


@pytest.mark.feature("P23")
def test_marks_say_when_a_byte_was_printed(runner: Runner) -> None:  # noqa: F811
    text = "for n in 1 2 3; do echo line $n; date +%s%N >> stamps; sleep 1.2; done; touch done; exec sleep 1000"
    job = runner.shell(text)
    runner.submit(job)
    eventually((Path(job.cwd) / "done").exists)
    stamps = [int(line) // 1000 for line in (Path(job.cwd) / "stamps").read_text().split()]
    for number, stamp in enumerate(stamps):
        at = eventually(lambda offset=number * 7: logs.printed_at(job.log, offset))
        assert stamp - 20_000 <= at <= stamp + 2_500_000
    assert logs.printed_at(job.log, 21) is None
    runner.executor.cancel(job.key, "a test")
    runner.ended(job.key)
    assert len((Path(job.attempt_dir) / "log.times").read_text().splitlines()) <= 4


def test_a_short_script_leaves_no_marks(runner: Runner) -> None:  # noqa: F811
    job = runner.shell("echo one; echo $$ > pid; sleep 0.2", log_max=MIB)
    assert runner.run(job).code == 0
    assert number_in(f"{job.cwd}/pid")
    assert sorted(os.listdir(job.attempt_dir)) == ["log", "pid", "run.sh"]


def test_marks_begin_anew_with_a_truncated_log(tmp_path: Path) -> None:
    (tmp_path / "log.times").write_text("1000 10\n2000 20\n3000 5\n4000 30\n")
    assert [logs.printed_at(tmp_path / "log", offset) for offset in (0, 4, 5, 29, 30)] == [3000, 3000, 4000, 4000, None]
    for junk in ("", "x\n", "1 2 3\n"):
        (tmp_path / "log.times").write_text(junk)
        assert logs.printed_at(tmp_path / "log", 0) is None
