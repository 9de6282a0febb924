"""The sums as somebody meets them who enters `procession init sum`: check, up, a program that asks, one that works."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.site import Site

TITLES = [f"Task{n:03}" for n in range(1, 9)]
SUMS = [sum(range(1, n + 5)) for n in range(1, 9)]


@pytest.fixture
def sums(tmp_path: Path) -> Iterator[Site]:
    """A project as `procession init sum` makes it; whatever was started in it is ended with the test."""
    site = Site(tmp_path / "elsewhere", seed=0)
    site.run("init", "sum", str(tmp_path / "sum"))
    site.root = tmp_path / "sum"
    try:
        yield site
    finally:
        site.clean()


def python(site: Site, *words: str) -> str:
    """What a program of the project prints."""
    done = subprocess.run(
        [sys.executable, *words], cwd=site.root, env=site.environment, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


@pytest.mark.feature("M124", "M3", "M10")
def test_a_program_submits_polls_reads_the_journal_fetches_and_deletes(sums: Site) -> None:
    checked = sums.run("check").stdout
    assert "sum: 3 tasks, no mistakes" in checked
    assert "1. add_up: handlers.add_up" in checked
    assert "1. call: outside worker" in checked
    sums.up()
    told = python(sums, "ask.py")
    assert re.search(r"^Task\d+: 3 instances of task sum wait, as many as may", told, re.MULTILINE)
    assert "task sum has an instance 'Task001'; the key is free again" in told
    ended = re.findall(r"^(Task\d+) succeeded ([\d.]+)$", told, re.MULTILINE)
    assert [(key, float(value)) for key, value in ended] == list(zip(TITLES, SUMS, strict=True))
    assert re.search(r"attempt message added up 5 numbers$", told, re.MULTILINE)
    assert "wrong: add_up: the inputs must be numbers, and 'two' is none" in told
    assert "March: succeeded {'account': 17, 'balance': 85.5}" in told
    assert told.endswith("deleted; the keys are free again\n")
    assert sums.json("instance", "sum")["items"] == sums.json("instance", "statement")["items"] == []
    assert sums.json("submit", "sum", "Task001", "--inputs", "[1, 2]")["key"] == "Task001"
    assert sums.json("wait", "sum", "Task001")["state"] == "succeeded"
    assert sums.run("result", "sum", "Task001").stdout == "3.0"


@pytest.mark.feature("M124", "M4")
def test_a_class_goes_on_where_its_first_try_left_off(sums: Site) -> None:
    sums.up()
    sums.run("submit", "statement", "s", "account:=17", "amounts:=[1, 2, 4]", "--wait", "--json")
    told = sums.json("show", str(sums.json("instance", "statement", "s")["id"]))
    (step,) = told["steps"]
    assert [(each["outcome"], each["reason"]) for each in step["attempts"]] == [
        ("retry", "the bank is busy"),
        ("succeeded", None),
    ]
    assert sums.run("result", "statement", "s").stdout == '{"account": 17, "balance": 7.0}'


@pytest.mark.feature("M124", "M87")
def test_a_program_elsewhere_does_the_work(sums: Site) -> None:
    sums.up()
    told = python(sums, "worker.py", "reverser-1").splitlines()
    assert told == [
        "failed: 'int' object is not subscriptable",
        "succeeded stressed",
        "succeeded regal",
        "failed call: TypeError: 'int' object is not subscriptable",
    ]
    id_ = sums.json("instance", "reverse", "--state", "succeeded")["items"][0]["id"]
    assert {line["by"] for line in sums.json("show", str(id_))["journal"]} >= {"worker:reverser-1"}


def test_its_functions_are_plain_python_and_run_by_hand_as_its_readme_says(sums: Site) -> None:
    assert python(sums, "-c", "import handlers; print(handlers.Statement(account=17, amounts=[1, 2]).process())") == (
        "{'account': 17, 'balance': 3.0}\n"
    )
    done = sums.run("run", "statement", "account:=17", "amounts:=[1, 2, 3]")
    assert "processing 1 succeeded" in done.stdout + done.stderr
    assert os.access(sums.path("ask.py"), os.X_OK)
    assert not sums.path("outbox").exists()
