"""Errands: commands beside the loop, with a text, a time limit, and one line about what went wrong."""

import os
from pathlib import Path

import psutil
import pytest

from procession.supervise.errand import Errands, run_errand
from tests.waiting import eventually

pytestmark = pytest.mark.feature("M94")


def run(root: Path, script: str, text: str = "", seconds: float = 20) -> str | None:
    return run_errand(["/bin/sh", "-c", script], str(root), dict(os.environ), text, seconds)[0]


def test_it_gets_its_text_whatever_its_length_and_need_not_read_it(tmp_path: Path) -> None:
    assert run(tmp_path, "cat > got", "x" * 1_000_000) is None
    assert (tmp_path / "got").stat().st_size == 1_000_000
    assert run(tmp_path, "exit 0", "x" * 1_000_000) is None


def test_what_went_wrong_is_one_line(tmp_path: Path) -> None:
    assert run(tmp_path, "seq 100000; echo no route to host >&2; exit 3") == "exit code 3: no route to host"
    assert run(tmp_path, "exit 1") == "exit code 1: it printed nothing"
    assert run(tmp_path, "kill -9 $$") == "signal 9: it printed nothing"
    assert (run_errand(["/no/such"], str(tmp_path), {}, "", 1)[0] or "").startswith("it could not be started")


def test_what_takes_too_long_is_ended_with_all_that_it_has_started(tmp_path: Path) -> None:
    assert "longer than 0.5 s" in (run(tmp_path, "sleep 600 & echo $! > pid; wait", seconds=0.5) or "")
    pid = int((tmp_path / "pid").read_text())
    eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def test_nobody_waits_for_it_and_its_end_is_told_once(tmp_path: Path) -> None:
    errands, poked = Errands(), []
    os.mkfifo(tmp_path / "gate")
    errands.begin(
        "1",
        ["/bin/sh", "-c", "read x < gate; exit 2"],
        str(tmp_path),
        dict(os.environ),
        "",
        20,
        lambda: poked.append(1),
    )
    assert errands.under_way == {"1"}
    assert not errands.ended
    (tmp_path / "gate").write_text("go\n")
    eventually(lambda: poked, what="it has ended")
    assert [(done.key, done.problem) for done in errands.take()] == [("1", "exit code 2: it printed nothing")]
    assert errands.under_way == set()
    assert errands.take() == []
