"""``procession run``: one processing in the foreground, as by hand."""

import signal
import subprocess

import pytest

from procession.commands import events
from procession.launcher.presence import serving
from procession.model.event import NewEvent
from tests.stories.site import COMMAND, GATED, PYTHON, Site
from tests.waiting import eventually

NOISE = bytes(range(256)) * 300 + b"\xff no newline at the end"
NOISY = f"""\
#!{PYTHON} -IS
import os, sys
for start in range(0, {len(NOISE)}, 1000):
    os.write(1 if start % 2000 else 2, (bytes(range(256)) * 300 + b"\\xff no newline at the end")[start:start + 1000])
sys.exit(int(sys.argv[1]))
"""


@pytest.mark.feature("P25", "M100", "P1")
@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_its_output_is_byte_for_byte_that_of_the_script_and_its_exit_code_too(site: Site, code: int) -> None:
    site.write('[tasks.t]\non = "e"\nrun = "./noisy.py {code}"\n', noisy_py=NOISY)
    done = subprocess.run(
        [*COMMAND, "run", "t", f"code={code}"], cwd=site.root, env=site.environment, stdin=subprocess.DEVNULL,
        capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    by_hand = subprocess.run(
        [site.path("noisy.py"), str(code)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.stdout == by_hand.stdout == NOISE
    assert done.returncode == by_hand.returncode == code
    assert done.stderr.decode().startswith(f"procession: processing 1 {'succeeded' if code == 0 else 'failed'}")
    assert site.get(1).state == ("failed" if code else "succeeded")
    assert site.log(1, 1, "noisy") == NOISE
    site.project.close()


@pytest.mark.feature("P25")
def test_a_chain_is_run_to_its_end_and_stored_like_any_other(site: Site) -> None:
    site.write(
        '[tasks.t]\non = "e"\nsteps = ["./one.sh {x}", ["./two.sh", "{one.y}"]]\nretry = { delay = "0 s" }\n',
        one_sh='#!/bin/sh\necho "one $1"\n[ -e again ] || { touch again; exit 75; }\necho y=5 >> $PROCESSION_OUTPUT\n',
        two_sh='#!/bin/sh\necho "two $1"\n',
    )  # fmt: skip
    done = site.run("run", "t", "x=3", "--title", "by hand")
    assert done.stdout == "one 3\none 3\ntwo 5\n"
    found = site.json("run", "t", "x=4")
    assert (found["state"], found["outputs"], found["id"]) == ("succeeded", {"one": {"y": "5"}}, 2)
    assert site.json("show", "1")["title"] == "by hand"
    assert "no task 'u'" in site.run("run", "u", code=4).stderr
    assert "{x}" in site.run("run", "t", code=2).stderr


@pytest.mark.feature("P25")
def test_beside_a_launcher_it_keeps_its_processing_to_itself(site: Site) -> None:
    site.write('[tasks.t]\non = "e"\nrun = "./one.sh"\n', one_sh="#!/bin/sh\necho here\n")
    site.up()
    assert site.run("run", "t").stdout == "here\n"
    assert site.get(1).state == "succeeded"
    (row,) = site.get(1).steps[0].attempts
    assert row.number == 1


@pytest.mark.feature("P25", "P12")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_cancels_it_and_waits_for_its_end(site: Site, number: int) -> None:
    site.write(
        '[tasks.t]\non = "e"\nsteps = ["./gated.sh x", "./gated.sh y"]\n'.replace(
            '"./gated.sh y"', '{ name = "again", run = "./gated.sh y" }'
        ),
        gated_sh=GATED,
    )
    running = site.start("run", "t")
    site.began("x")
    running.send_signal(number)
    assert running.wait(20) != 0
    found = site.get(1)
    assert (found.state, found.steps[0].attempts[0].outcome) == ("cancelled", "cancelled")
    assert [line for line in site.true_lines() if "y" in line or "end" in line] == []
    eventually(lambda: site.everything() == [], timeout=10)


@pytest.mark.feature("P25", "M29", "N2")
def test_a_killed_run_is_taken_over_by_the_launcher(site: Site) -> None:
    """F9: its script runs on, its attempt is used."""
    site.write(
        '[tasks.t]\non = "e"\nsteps = ["./gated.sh x", { name = "again", run = "./gated.sh y" }]\n', gated_sh=GATED
    )
    running = site.start("run", "t")
    site.began("x")
    assert site.json("why", "1")["code"] == "running"
    running.kill()
    running.wait()
    site.up()
    site.open("x")
    site.began("y")
    site.open("y")
    found = site.until(1)
    assert found.state == "succeeded"
    assert [[a.number for a in step.attempts] for step in found.steps] == [[1], [1]]
    assert site.true_lines() == ["start x", "end x", "start y", "end y"]


def test_a_run_that_is_killed_between_two_steps_is_taken_over_too(site: Site) -> None:
    site.write(
        '[tasks.t]\non = "e"\nsteps = ["./gated.sh x", { name = "again", run = "./gated.sh y" }]\n', gated_sh=GATED
    )
    running = site.start("run", "t")
    site.began("x")
    running.send_signal(signal.SIGSTOP)
    site.open("x")
    eventually(lambda: "end x" in site.true_lines())
    running.kill()
    running.wait()
    site.up()
    site.began("y")
    site.open("y")
    assert site.until(1).state == "succeeded"


def test_a_run_that_breaks_down_leaves_its_processing_to_the_launcher(site: Site) -> None:
    site.write('[tasks.t]\non = "e"\nrun = "./one.sh"\n', one_sh="#!/bin/sh\ntrue\n")
    with pytest.raises(RuntimeError), serving(site.project, "run") as post:
        events.submit_for_task(site.project, "t", NewEvent("t", source="story"), post.launcher_id)
        raise RuntimeError("out of memory")
    site.up()
    assert site.until(1).state == "succeeded"


@pytest.mark.feature("P25")
def test_signals_at_any_moment_cancel_and_never_hang(site: Site) -> None:
    """Many short steps, so that signals come in the middle of transactions too."""
    steps = ", ".join(f'{{ name = "s{n}", run = "./one.sh" }}' for n in range(200))
    site.write(f'[tasks.t]\non = "e"\nsteps = [{steps}]\n', one_sh="#!/bin/sh\necho x\n")
    for number in range(1, 6):
        running = site.start("run", "t", stdout=subprocess.PIPE)
        assert running.stdout
        assert running.stdout.readline() == b"x\n"
        for _ in range(site.random.randrange(1, 30)):
            running.stdout.readline()
        for _ in range(3):
            running.send_signal(signal.SIGINT)
        assert running.wait(8) == 130
        running.stdout.close()
        assert site.get(number).state == "cancelled"
