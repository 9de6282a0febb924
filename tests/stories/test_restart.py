"""The launcher is stopped and comes back; scripts run on, and what ended meanwhile is taken up."""

import signal

import psutil
import pytest

from tests.executors.running import alive
from tests.stories.site import GATED, Site, signal_if_there
from tests.waiting import eventually

CHAIN = """
[tasks.chain]
on = "go"
steps = [
  { name = "one", run = "./gated.sh {id}.1" },
  { name = "two", run = "./gated.sh {id}.2" },
]
"""


@pytest.mark.feature("M29", "M5", "P1")
@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "stop"])
def test_a_stopped_launcher_leaves_scripts_running_and_the_next_one_takes_them_up(site: Site, how: str) -> None:
    """G13, G32, F51: no attempt is used; what had ended is settled, the chain goes on."""
    site.write(CHAIN, gated_sh=GATED)
    launcher = site.up()
    ends, runs = site.emit("go", id="ends"), site.emit("go", id="runs")
    site.began("ends.1")
    site.began("runs.1")
    if how == "stop":
        told = site.run("stop").stdout
        assert str(launcher.pid) in told
    else:
        launcher.send_signal(getattr(signal, how))
    assert launcher.wait(10) == 0
    assert sorted(site.shims().values()) == [f"procession shim {pid}/1/1 one" for pid in (ends, runs)]
    site.open("ends.1")
    eventually(lambda: len(site.shims()) == 1, timeout=20)
    assert site.get(ends).steps[0].state == "running"  # nobody was there to hear of it
    assert site.json("status")["serving"] is None
    site.up()
    site.began("ends.2")
    for name in ("runs.1", "runs.2", "ends.2"):
        site.open(name)
    for pid in (ends, runs):
        assert site.until(pid).state == "succeeded"
        assert [[a.outcome for a in step.attempts] for step in site.get(pid).steps] == [["succeeded"]] * 2
    assert sorted(site.true_lines()) == sorted(
        f"{word} {name}.{n}" for word in ("start", "end") for name in ("ends", "runs") for n in (1, 2)
    )


@pytest.mark.feature("M88")
def test_a_killed_shim_is_a_lost_attempt_whose_survivors_are_ended_and_it_is_tried_again(site: Site) -> None:
    """G14, F15, I10: the limit of all promises about killing is the shim."""
    site.write('[tasks.t]\non = "go"\nrun = "./gated.sh x"\nretry = { delay = "0 s" }\n', gated_sh=GATED)
    site.up()
    pid = site.emit("go")
    site.began("x")
    (shim,) = [one for one, text in site.shims().items() if "idle" not in text]
    (script,) = psutil.Process(shim).children()
    signal_if_there(shim, signal.SIGKILL)
    eventually(lambda: len(site.true_lines()) == 2, timeout=30, what="it is tried again")
    assert not alive(script.pid)
    (first, second) = site.get(pid).steps[0].attempts
    assert (first.outcome, first.exit_code, second.outcome) == ("lost", None, None)
    assert (first.reason or "").startswith("shim_died")
    site.open("x")
    assert site.until(pid).state == "succeeded"
