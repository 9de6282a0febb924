"""Locks in the whole system: real scripts and functions that want the same account, over HTTP and without a server."""

import os
import re
import signal
import sys

import pytest

from procession.commands import locks
from procession.store import bodies
from tests.stories.site import Site
from tests.waiting import eventually

TOML = """
[launcher]
cpus = 4
[web]
port = 0
[tasks.one]
on = "go"
run = "PYTHON one.py"
[tasks.two]
on = "next"
run = "PYTHON two.py"
"""
ONE = """
import os, time, procession

assert os.environ["PROCESSION_URL"]
with procession.lock("account:17", "disk:/data/a b".replace(" ", "_")) as outer:
    with procession.lock("account:17", wait="10 s") as inner:
        assert [lock.fence for lock in inner] == [outer[0].fence], inner
        assert [lock.count for lock in inner] == [2]
    print("fence", outer[0].fence, flush=True)
    open(os.environ["TRUTH"] + ".pid", "w").write(str(os.getpid()))
    time.sleep(600)
"""
TWO = """
import procession

with procession.lock("account:17", wait="0 s") as locks:
    if not locks:
        procession.progress(0.1, "busy")
with procession.lock("account:17", "disk:/data/a_b", wait="60 s") as locks:
    assert locks, "nobody let it go"
    with procession.lock("account:17") as again:
        assert again
    print("fence", locks[0].fence)
"""


@pytest.mark.feature("M46", "M47", "M45")
def test_a_lock_falls_with_the_script_that_was_killed_and_the_other_one_gets_it(site: Site) -> None:
    """Both ask the server, nested; the first is killed with SIGKILL in the middle."""
    site.write(TOML.replace("PYTHON", sys.executable), one_py=ONE, two_py=TWO)
    site.up()
    first = site.emit("go")
    pid = eventually(lambda: (p := site.root / "truth.pid").exists() and p.read_text(), timeout=60)
    second = site.emit("next")

    def waits() -> bool:
        return [wait.processing_id for wait in locks.find(site.project, "account:17")[0].waits] == [second]

    eventually(waits, timeout=60)
    with site.project.store.read() as tx:
        asked = "SELECT DISTINCT via FROM audit WHERE verb = 'acquire'"
        assert [row.via for row in tx.connection.exec_driver_sql(asked)] == ["attempt"], "it went over HTTP"
    os.kill(int(pid), signal.SIGKILL)
    site.until(second, "succeeded", timeout=90)
    site.until(first, "failed")
    fences = [int(site.log(p, 1, n).split()[-1]) for p, n in ((first, "one"), (second, "two"))]
    assert fences[1] > fences[0]
    assert locks.find(site.project) == []


CALLED = """
[launcher]
cpus = 3
workers = 3
[web]
port = 0
[tasks.add]
on = "n"
function = "work.add"
python = "{python}"
retry = {{ soft_attempts = 500, delay = 0 }}
grants = ["read"]
"""
WORK = """
import os, procession

def add(status, inputs):
    with procession.lock("account:17") as locks:
        if not locks:
            raise procession.Retry("the account is busy", after="0.2 s")
        with procession.lock("account:17", "other", wait="20 s") as inner:
            assert [lock.count for lock in inner] == [2, 1], inner
            path = os.environ["TRUTH"] + ".sum"
            before = int(open(path).read()) if os.path.exists(path) else 0
            with procession.client() as client:
                assert client.show(status.processing)["id"] == status.processing
                me = client.health()["you"]["by"]
            if os.environ.get("SERVED"):
                assert procession.ask("GET /health")["you"]["by"] == me
            open(path, "w").write(str(before + inputs["n"]))
    return me
"""


@pytest.mark.feature("M45", "M47", "M48")
@pytest.mark.parametrize("web", [True, False])
def test_functions_lock_nested_and_try_again_where_it_is_busy(
    site: Site, web: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several calls share a process one after the other, and each asks as its own attempt; also without a server."""
    monkeypatch.setenv("SERVED", "yes" if web else "")
    site.write(CALLED.format(python=sys.executable), work_py=WORK)
    site.launcher = site.start("up", *([] if web else ["--no-web"]))
    born = [site.emit("n", n=n) for n in range(1, 7)]
    for pid in born:
        site.until(pid, "succeeded", "failed", timeout=120)
    assert [str(site.get(pid).state) for pid in born] == ["succeeded"] * 6
    assert (site.root / "truth.sum").read_text() == "21"
    assert locks.find(site.project) == []
    with site.project.store.read() as tx:
        said = [bodies.find_result(tx, pid) for pid in born]
    who = [found.body.bytes().decode() for found in said if found]
    assert len(set(who)) == (6 if web else 1), who
    if web:
        assert all(f"-{pid}-1-" in each for pid, each in zip(born, who, strict=True)), who


SHELL = """
[launcher]
cpus = 4
[limits]
ftp = 1
[tasks.import]
on = "import"
run = "./import.sh"
retry = { attempts = 1 }
"""
IMPORT = """#!/bin/bash
"$PROCESSION_PROGRAM" with-lock ftp account:17 --wait 60s -- "$PROCESSION_PROJECT/inside.sh" || exit $?
[ "$PROCESSION_PARAM_LAST" = false ] || { "$PROCESSION_PROGRAM" acquire account:18; exit 3; }
"""
INSIDE = """#!/bin/bash
set -eu
echo "fences $PROCESSION_FENCE"
mkdir "$TRUTH.busy"
sleep 0.05
rmdir "$TRUTH.busy"
"""


@pytest.mark.feature("M45", "M46", "P24")
def test_shell_scripts_lock_as_python_does_and_go_the_same_way_by_hand(site: Site) -> None:
    """A directory that only one may make shows that no two are within; what is not released falls with its owner."""
    site.write(SHELL, import_sh=IMPORT, inside_sh=INSIDE)
    site.up("--no-web")
    first, last = site.emit("import", last=False), site.emit("import", last=True)
    site.until(first, "succeeded", timeout=120)
    site.until(last, "failed", timeout=120)
    assert b"account:18 is yours, with fence " in site.log(last, 1, "import")
    assert locks.find(site.project) == []
    fences = [int(n) for pid in (first, last) for n in re.findall(rb"\b\d+\b", site.log(pid, 1, "import"))]
    assert len(set(fences)) >= 5, fences
    told = site.run("shell", str(last), "-c", f"rerun; {site.root}/inside.sh; $PROCESSION_PROGRAM acquire b", code=0)
    for name in ("account:17, ftp", "account:18", "b"):
        assert f"would lock {name}; by hand nothing is locked" in told.stdout + told.stderr, told
    inner = site.run("shell", str(last), "-c", "$PROCESSION_PROGRAM run import last=false", code=0)
    fences = [int(n) for n in re.findall(r"^fences (\d+) (\d+)$", inner.stdout, re.MULTILINE)[0]]
    assert min(fences) > 0, "an attempt that is begun from within lives, and its locks are real"
