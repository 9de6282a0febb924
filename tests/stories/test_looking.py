"""What people and programs see of a running system: status, list, show, why, logs, ps; and what it costs to run it."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.stories.site import COMMAND, GATED, Site, has, title
from tests.waiting import eventually

TOML = """
[launcher]
cpus = 2
[tasks.one]
on = "one"
at_once = 1
run = "./gated.sh {name}"
[tasks.big]
on = "big"
run = "./big.sh"
cpus = 2
[tasks.later]
on = "later"
run = "./later.sh"
[tasks.bad]
on = "bad"
run = "./bad.sh"
"""
SCRIPTS = {
    "gated_sh": GATED,
    "big_sh": "#!/bin/sh\ntrue\n",
    "later_sh": "#!/bin/sh\necho 'not there yet'\necho 3600 > $PROCESSION_RETRY_AFTER\nexit 75\n",
    "bad_sh": "#!/bin/sh\necho 'no such band'\nexit 9\n",
}
PROCESSING = (
    """id task key title state version params outputs created_at due_at started_at finished_at held_at why steps"""
)
STEP = "name state attempts"
ATTEMPT = "number outcome exit_code signal reason started_at finished_at max_rss cpu_seconds log"
EVENT = "id name key title params repeats last_seen_at processings"


@pytest.mark.feature("M21", "M35", "M36")
def test_every_answer_of_a_living_system(site: Site) -> None:
    """N5 in small: why; the fields of ``--json``; the exit codes."""
    site.write(TOML, **SCRIPTS)

    def why(pid: int) -> str:
        found = site.json("why", str(pid))
        assert found["text"]
        return str(found["code"])

    emitted = site.json("emit", "one", "name=a", "n:=3", "--key", "k", "--title", "T")
    has(emitted, EVENT + " duplicate")
    (first,) = emitted["processings"]
    assert (emitted["duplicate"], emitted["params"]) == (False, {"name": "a", "n": 3})
    again = site.json("emit", "one", "name=b", "--key", "k")
    assert (again["id"], again["duplicate"], again["conflict"], again["repeats"]) == (emitted["id"], True, True, 1)
    assert again["params"] == {"name": "a", "n": 3}
    assert site.json("emit", "unknown")["matched"] is False
    assert why(first) == "no_launcher"

    site.up()
    site.began("a")
    second, third = site.emit("one", name="b"), site.emit("one", name="c")
    big, later, bad = site.emit("big"), site.emit("later"), site.emit("bad")
    site.until(bad, "failed")
    eventually(lambda: site.get(later).steps[0].due_at, timeout=20)
    assert {pid: why(pid) for pid in (first, second, third, big, later, bad)} == {
        first: "running", second: "at_once", third: "behind", big: "cpus", later: "retry_at", bad: "failed",
    }  # fmt: skip
    assert "not there yet" in site.run("why", str(later)).stdout
    assert "1 of 1 processings of task one" in site.run("why", str(second)).stdout

    shown = site.json("show", str(bad))
    has(shown, PROCESSING)
    has(shown["steps"][0], STEP)
    has(shown["steps"][0]["attempts"][0], ATTEMPT)
    assert shown["why"]["code"] == "failed"
    assert [(e["noun"], e["verb"]) for e in shown["journal"]][:2] == [("processing", "submit"), ("processing", "begin")]
    attempt = shown["steps"][0]["attempts"][0]
    assert (attempt["exit_code"], attempt["outcome"], attempt["reason"]) == (9, "failed", "exit code 9: no such band")
    assert attempt["started_at"].endswith("Z")
    listed = site.json("list", "--limit", "2")
    assert [p["id"] for p in listed["items"]] == [bad, later]
    assert [p["id"] for p in site.json("list", "--before", str(listed["next"]))["items"]] == [big, third, second, first]
    for item in listed["items"]:
        has(item, PROCESSING)
    status = site.json("status")
    assert status["tasks"]["one"] == {
        "waiting": 2, "running": 1, "succeeded": 0, "failed": 0, "cancelled": 0, "skipped": 0,
    }  # fmt: skip
    assert status["serving"]["pid"] == site.launcher.pid  # type: ignore[union-attr]
    for command in ("status", "list", "show 1", "why 1", "logs 1", "check", "list --state failed --task bad"):
        assert site.run(*command.split()).stdout

    codes = {
        "show 99": 4, "why 99": 4, "logs 99": 4, "cancel 99": 4, "list --task nope": 4, "show x": 2, "emit 'a b'": 2,
        "emit one": 2, "logs": 2, f"logs {second}": 4, "nonsense": 2, f"retry {first}": 5,
        f"logs {bad} bad --attempt 2": 4, f"accept {first}": 5,
    }  # fmt: skip
    for command, code in codes.items():
        done = site.run(*command.replace("'", "").split() if "'" not in command else ["emit", "a b"], code=code)
        assert done.stderr.count("\n") <= 4, done.stderr
        assert "Traceback" not in done.stderr
    for name in "abc":
        site.open(name)
    for pid in (first, second, third, big):
        assert site.until(pid).state == "succeeded"


@pytest.mark.feature("M77")
def test_logs_are_followed_live_and_end_with_the_processing_and_the_system_tells_its_own(site: Site) -> None:
    site.write(TOML, **SCRIPTS)
    site.up()
    pid = site.emit("one", name="x")
    site.began("x")
    follower = site.start("logs", str(pid), "-f", stdout=subprocess.PIPE)
    assert follower.stdout
    assert follower.stdout.readline() == b"begin x\n"
    assert follower.poll() is None
    site.open("x")
    assert follower.stdout.read() == b"done x\n"
    assert follower.wait(10) == 0
    assert site.run("logs", str(pid), "-n", "1").stdout == "done x\n"
    told = eventually(lambda: "succeeded" in (text := site.run("logs", "--system").stdout) and text)
    assert f"{pid}/1/1 step claim" in told
    assert "begin x" not in told


def own_kib(pid: int) -> int:
    (line,) = [text for text in Path(f"/proc/{pid}/status").read_text().splitlines() if text.startswith("RssAnon:")]
    return int(line.split()[1])


@pytest.mark.feature("P32")
@pytest.mark.parametrize(("options", "most"), [(["--no-web"], 60), ([], 80)])
def test_ps_shows_what_each_process_does_and_all_of_them_are_small(site: Site, options: list[str], most: int) -> None:
    """W4: launcher, forge and idle shims take 60 MB together, with the web server 80.

    Counted is what is theirs alone however many others run: pages of files (Python, libraries) are shared, and the
    kernel drops them when it needs room.
    """
    site.write(TOML, **SCRIPTS)
    site.up(*options, cold=True)
    pid = site.emit("one", name="x")
    site.began("x")
    assert list(site.shims().values()) == [f"procession shim {pid}/1/1 gated"]
    assert title(site.forge()) == "procession forge"
    site.open("x")
    site.until(pid)
    eventually(lambda: list(site.shims().values()) == ["procession shim idle"])
    taken = {title(p): own_kib(p) for p in site.everything()}
    print("anonymous memory in KiB:", json.dumps(taken, indent=1))
    assert len(taken) == 3
    assert sum(taken.values()) <= most << 10


def test_progress_is_seen_while_it_runs(site: Site) -> None:
    site.write(
        '[tasks.t]\non = "e"\nrun = "./p.sh p"\n',
        p_sh=GATED.replace("echo", 'echo "0.42 band 3 of 7" >> $PROCESSION_PROGRESS\necho', 1),
    )
    site.up()
    pid = site.emit("e")

    def seen() -> bool:
        return bool(site.json("show", str(pid))["steps"][0]["progress"] == {"share": 0.42, "text": "band 3 of 7"})

    eventually(seen, timeout=20)
    assert "band 3 of 7" in site.run("status").stdout
    site.open("p")
    site.until(pid)


def modules_of(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.feature("P32")
def test_importing_procession_imports_nothing_heavy() -> None:
    """By the list of modules, not by time."""
    heavy = {"sqlalchemy", "pydantic", "rich", "alembic", "psutil", "click", "asyncio", "psycopg"}
    assert not modules_of("import procession") & heavy
    assert not modules_of("import procession.supervise.forge") & (heavy | {"json.tool", "logging", "subprocess"})
    started = time.monotonic()
    assert subprocess.run([*COMMAND, "--version"], capture_output=True, check=True).stdout.startswith(b"procession ")
    print(f"procession --version: {time.monotonic() - started:.2f} s")
    assert not modules_of("import procession.cli.main") & (heavy - {"click"})
