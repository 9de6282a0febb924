"""A processing is cancelled, or takes too long: nothing of it is left, however it resists."""

from pathlib import Path

import pytest

from tests.executors.running import alive, number_in
from tests.stories.site import GATED, PYTHON, Site
from tests.waiting import eventually

STUBBORN = f"""\
#!{PYTHON} -IS
# ignores SIGTERM; leaves a daemon (double fork, own session) that ignores it too
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open("daemon", "w").write(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
open("main", "w").write(str(os.getpid()))
time.sleep(600)
"""


@pytest.mark.feature("P12", "M92")
def test_a_cancelled_tree_is_gone_after_the_grace_and_too_late_is_told(site: Site) -> None:
    """G14, G18, F18, F19, F49, I10."""
    site.write(
        '[tasks.t]\non = "e"\ngrace = "300 ms"\nsteps = ["./stubborn.py", "./gated.sh x"]\n',
        stubborn_py=STUBBORN, gated_sh=GATED,
    )  # fmt: skip
    site.up()
    pid = site.emit("e")
    files = site.project.var.files(pid)
    pids = [number_in(files / name) for name in ("main", "daemon")]
    answer = site.json("cancel", str(pid))
    assert (answer["answer"], answer["state"]) == ("accepted", "running")
    found = site.until(pid, "cancelled", timeout=5)
    assert not any(map(alive, pids))
    assert [str(s.state) for s in found.steps] == ["cancelled", "cancelled"]
    assert (found.steps[0].attempts[0].outcome, found.steps[0].attempts[0].signal) == ("cancelled", 9)
    done = site.run("cancel", str(pid), code=5)
    assert "too late" in done.stdout
    assert "had already been cancelled" in done.stderr
    assert site.json("cancel", str(pid), code=5)["answer"] == "too_late"
    assert site.true_lines() == []


@pytest.mark.feature("M89", "P12")
def test_what_takes_too_long_is_ended_with_its_tree_and_tried_again_within_its_budget(site: Site) -> None:
    """G17, F18."""
    site.write(
        '[tasks.t]\non = "e"\nrun = "./stubborn.py"\ntimeout = "700 ms"\ngrace = "200 ms"\n'
        'retry = { attempts = 2, delay = "0 s" }\n',
        stubborn_py=STUBBORN,
    )  # fmt: skip
    site.up()
    pid = site.emit("e")
    found = site.until(pid, timeout=20)
    assert found.state == "failed"
    assert "2 of 2 tries used" in (found.reason or "")
    for attempt in found.steps[0].attempts:
        assert (attempt.outcome, attempt.signal) == ("timeout", 9)
        assert 0.7 <= (attempt.finished_at - attempt.started_at).total_seconds() < 3  # type: ignore[operator]
    files = site.project.var.files(pid)
    assert not any(alive(int((files / name).read_text())) for name in ("main", "daemon"))
    assert [p for p, title in site.shims().items() if "idle" not in title] == []


@pytest.mark.feature("M92")
def test_waiting_and_retrying_are_cancelled_without_a_launcher(site: Site) -> None:
    """F49."""
    site.write('[tasks.t]\non = "e"\nrun = "./gated.sh x"\n', gated_sh=GATED)
    pid = site.emit("e")
    assert site.json("cancel", str(pid)) == {"id": pid, "answer": "accepted", "state": "cancelled"}
    site.up()
    other = site.emit("e")
    site.began("x")
    site.open("x")
    site.until(other)
    assert site.true_lines() == ["start x", "end x"]
    assert site.get(pid).state == "cancelled"
    eventually(lambda: Path(site.project.var.log).exists())
