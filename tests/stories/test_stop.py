"""The launcher is told to leave: at once, when what runs has ended, or after ending it."""

import signal

import pytest

from tests.stories.site import GATED, Site
from tests.waiting import eventually

CHAIN = '[launcher]\ncpus = 2\n[tasks.t]\non = "e"\ngrace = "300 ms"\nsteps = ["./gated.sh {n}", "./after.sh {n}"]\n'
STUBBORN = GATED.replace("#!/bin/sh\n", "#!/bin/sh\ntrap '' TERM\n")
AFTER = '#!/bin/sh\necho "after $1" >> "$TRUTH"\n'


@pytest.fixture
def served(site: Site) -> Site:
    site.write(CHAIN, gated_sh=GATED, after_sh=AFTER)
    site.up()
    return site


def left(site: Site) -> bool:
    assert site.launcher is not None
    return site.launcher.poll() is not None


@pytest.mark.feature("M28")
def test_a_draining_launcher_claims_nothing_and_leaves_when_what_runs_has_ended(served: Site) -> None:
    """G32, F51, I6, I9."""
    first, second, third = (served.emit("e", n=n) for n in "abc")  # the third finds no room
    served.began("a")
    served.began("b")
    with (served.root / "drain.out").open("wb") as out:
        told = served.start("stop", "--drain", stdout=out, stderr=out)
    said = served.root / "drain.out"
    eventually(lambda: "waiting for 2 scripts" in said.read_text(), timeout=20)
    eventually(lambda: served.json("status")["serving"]["closing"] == "drain", timeout=20)
    assert served.json("why", str(third))["code"] == "draining"
    served.open("a")
    eventually(lambda: "waiting for 1 script" in said.read_text())
    assert served.get(first).steps[1].state == "ready"  # nor is the next step of a chain claimed
    told.send_signal(signal.SIGINT)
    assert told.wait(10) == 130
    assert not left(served)  # who waits may go; the draining goes on
    served.open("b")
    eventually(lambda: left(served), timeout=20)
    assert served.launcher is not None
    assert served.launcher.returncode == 0
    assert [str(served.get(pid).state) for pid in (first, second, third)] == ["running", "running", "waiting"]
    assert not any(line.startswith("after") for line in served.true_lines())
    served.up()
    served.open("c")
    for pid in (first, second, third):
        served.until(pid, "succeeded")
    assert sorted(served.true_lines()).count("start a") == 1


@pytest.mark.feature("M28")
def test_kill_ends_what_runs_within_its_grace_and_leaves_nothing(served: Site) -> None:
    """G32, F51, I10; kill while it drains."""
    first, second = served.emit("e", n="a"), served.emit("e", n="b")
    served.began("a")
    served.began("b")
    served.start("stop", "--drain")
    eventually(lambda: served.json("status")["serving"]["closing"] == "drain", timeout=20)
    answer = served.json("stop", "--kill")
    assert answer["how"] == "kill"
    assert answer["running"] == 0
    eventually(lambda: left(served))
    for pid in (first, second):
        found = served.get(pid)
        assert (found.state, found.steps[0].attempts[0].outcome) == ("cancelled", "cancelled")
    eventually(lambda: served.everything() == [], what="no process of it is left")


@pytest.mark.feature("M28")
def test_a_stop_while_it_drains_leaves_at_once_and_scripts_run_on(served: Site) -> None:
    """G32, F51, I6."""
    pid = served.emit("e", n="a")
    served.began("a")
    served.start("stop", "--drain")
    eventually(lambda: served.json("status")["serving"]["closing"] == "drain", timeout=20)
    assert "1 script run" in served.run("stop").stdout
    eventually(lambda: left(served))
    assert served.get(pid).state == "running"
    served.up()
    served.open("a")
    assert served.until(pid, "succeeded").steps[0].attempts[0].number == 1


@pytest.mark.feature("M28")
@pytest.mark.parametrize("word", ["--drain", "--kill"])
def test_a_launcher_that_is_killed_while_it_leaves_loses_nothing(site: Site, word: str) -> None:
    """G32, F51, I6, I9: safe to SIGKILL at any time."""
    served = site
    served.write(CHAIN.replace("300 ms", "5 s"), gated_sh=STUBBORN, after_sh=AFTER)
    served.up()
    pid = served.emit("e", n="a")
    served.began("a")
    told = served.start("stop", word)
    eventually(lambda: served.json("status")["serving"]["closing"], timeout=20)
    served.kill()
    assert told.wait(20) == 0  # it has left, whoever made it
    assert served.json("status")["serving"] is None
    served.up()  # serves as ever
    served.open("a")
    served.until(pid, "succeeded" if word == "--drain" else "cancelled")
    other = served.emit("e", n="a")
    served.until(other, "succeeded")
