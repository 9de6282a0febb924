"""Functions in the whole system: real launchers, killed in the middle."""

import signal
from collections import Counter

import pytest

from procession.store import steps
from tests.stories.site import Site
from tests.waiting import eventually

TOML = """
[launcher]
cpus = 2
[tasks.count]
on = "n"
function = "work.count"
retry = { attempts = 20, delay = 0 }
"""
WORK = """
import os, time

def count(status, inputs):
    with open(os.environ["TRUTH"], "a") as truth:
        truth.write(f"{status.processing} {status.attempt}\\n")
    time.sleep(0.01)
    return inputs["n"]
"""


@pytest.mark.feature("M24", "M87")
def test_every_call_succeeds_once_however_often_the_launcher_is_killed(site: Site) -> None:
    site.write(TOML, work_py=WORK)
    born = [site.emit("n", n=n) for n in range(200)]
    for _ in range(3):
        site.up()
        before = len(site.truth.read_text().splitlines()) if site.truth.exists() else 0
        eventually(lambda n=before: len(site.truth.read_text().splitlines()) > n + 20 if site.truth.exists() else False,
                   timeout=60)  # fmt: skip
        site.kill()
    site.up()

    def all_ended() -> bool:
        with site.project.store.read() as tx:
            return tx.connection.exec_driver_sql(
                "SELECT count(*) FROM processing WHERE state = 'succeeded'"
            ).scalar() == len(born)

    eventually(all_ended, timeout=120, interval=0.1)
    begun = Counter(tuple(map(int, line.split())) for line in site.truth.read_text().splitlines())
    assert set(begun.values()) == {1}  # no attempt began twice
    with site.project.store.read() as tx:
        tries = {
            (pid, attempt.number): str(attempt.outcome)
            for pid in born
            for step in steps.of(tx, pid)
            for attempt in step.attempts
        }
        ends = tx.connection.exec_driver_sql(
            "SELECT processing_id, count(*) FROM journal WHERE noun = 'processing' AND verb = 'succeed' GROUP BY 1"
        ).fetchall()
    assert dict(map(tuple, ends)) == dict.fromkeys(born, 1)  # none was concluded twice
    assert Counter(pid for (pid, _), outcome in tries.items() if outcome == "succeeded") == dict.fromkeys(born, 1)
    assert begun.keys() <= tries.keys()  # every execution is an attempt
    assert {tries[which] for which in begun} <= {"succeeded", "lost"}  # and counted
    assert {outcome for which, outcome in tries.items() if which not in begun} <= {"void", "lost"}


def test_a_launcher_that_is_stopped_lets_a_running_call_end(site: Site) -> None:
    site.write(TOML, work_py=WORK.replace("0.01", "1"))
    site.up()
    pid = site.emit("n", n=1)
    eventually(site.truth.exists, timeout=30)
    assert site.launcher is not None
    site.launcher.send_signal(signal.SIGTERM)
    site.launcher.wait(20)
    assert site.json("show", str(pid))["state"] == "succeeded"
    assert list((site.root / "var/calls").iterdir()) == []


@pytest.mark.feature("M24", "M87")
def test_a_call_that_a_stop_ends_costs_no_attempt_and_stop_says_so(site: Site) -> None:
    toml = TOML.replace("attempts = 20", "attempts = 1")
    site.write(toml, work_py=WORK.replace("0.01", "60 if status.attempt == 1 else 0"))
    site.up()
    pid = site.emit("n", n=1)
    eventually(site.truth.exists, timeout=30)
    told = site.run("stop").stdout
    assert "1 function was ended and is tried again" in told
    assert "script" not in told
    site.up()
    eventually(lambda: site.json("show", str(pid))["state"] == "succeeded", timeout=30)
    tries = site.json("show", str(pid))["steps"][0]["attempts"]
    assert [one["outcome"] for one in tries] == ["void", "succeeded"]


def test_a_function_runs_in_the_foreground_with_its_output_as_by_hand(site: Site) -> None:
    site.write(TOML, work_py="def count(inputs):\n    print('counted', inputs['n'])\n    return 7\n")
    done = site.run("run", "count", "n=3")
    assert "counted 3" in done.stdout
    shown = site.json("show", "1")
    assert shown["state"] == "succeeded"
    assert shown["result"] == {"mime": "application/json", "size": 1}
    refused = site.run("shell", "1", code=None)
    assert refused.returncode != 0
    assert "is a Python function" in refused.stderr
    assert "counted 3" in site.run("logs", "1").stdout
