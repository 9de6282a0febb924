"""A backup is made under load, and restored elsewhere: everything is there, and it goes on."""

import os
import shutil
import tarfile
from pathlib import Path

import pytest

from procession.commands.backup import restore
from procession.errors import Invalid, ProcessionError, Refused
from tests.stories.site import GATED, Site
from tests.waiting import eventually

TOML = """\
[launcher]
cpus = 4
[tasks.quick]
on = "quick"
retry = { delay = "0 s" }
run = "./quick.sh {n}"
[tasks.slow]
on = "slow"
retry = { delay = "0 s" }
run = "./gated.sh x"
"""
QUICK = '#!/bin/sh\necho "$1"\necho "n=$1" >> "$PROCESSION_OUTPUT"\n'


@pytest.fixture
def loaded(site: Site) -> Site:
    site.write(TOML, quick_sh=QUICK, gated_sh=GATED)
    site.up()
    return site


@pytest.mark.feature("M122", "P34")
def test_a_backup_under_load_is_restored_elsewhere_and_goes_on(loaded: Site, tmp_path: Path) -> None:
    """G34, F57: nothing of the old place is touched, what ran is lost and tried again."""
    slow = loaded.emit("slow")
    loaded.began("x")
    pids = [loaded.emit("quick", n=n) for n in range(30)]
    file = tmp_path / "b.tar.gz"
    load = loaded.start("emit", "quick", "n=99")
    said = loaded.json("backup", str(file))
    pids += [loaded.emit("quick", n=n) for n in range(5)]
    assert load.wait(30) == 0
    assert said["rows"] > 30
    assert file.stat().st_mode & 0o777 == 0o600
    for pid in pids:
        loaded.until(pid, "succeeded")

    there = Site(tmp_path / "there", 1)
    try:
        shutil.rmtree(there.root)
        answer = loaded.json("restore", str(file), "--to", str(there.root))
        assert answer["processings"] >= 31
        assert loaded.get(slow).state == "running"  # where it was made nothing has changed
        doctor = there.json("doctor", code=None)
        assert not [c for c in doctor["checks"] if c["level"] == "wrong"], doctor
        assert there.project.installation.incarnation != loaded.project.installation.incarnation
        first = there.get(slow).steps[0]
        assert first.attempts[0].outcome == "lost"
        there.gates.mkdir()
        there.open("x")
        there.up()
        found = there.until(slow, "succeeded")
        assert [str(a.outcome) for a in found.steps[0].attempts] == ["lost", "succeeded"]
        for pid in pids[:30]:
            assert there.until(pid, "succeeded").outputs["quick"]
        assert str(there.root) in (there.attempt_dir(slow, 1, "gated", 2) / "run.sh").read_text()
    finally:
        there.clean()
    assert loaded.until(slow, "running").state == "running"
    loaded.open("x")
    loaded.until(slow, "succeeded")


@pytest.mark.feature("M122")
def test_a_restore_overwrites_nothing_and_leaves_nothing_where_it_fails(loaded: Site, tmp_path: Path) -> None:
    """B48; a file that is no backup, or holds what belongs into none."""
    loaded.until(loaded.emit("quick", n=1), "succeeded")
    file, evil, cut = tmp_path / "b.tar.gz", tmp_path / "evil.tar", tmp_path / "cut.tar.gz"
    loaded.run("backup", str(file))
    assert "nothing is overwritten" in loaded.run("backup", str(file), code=5).stderr
    assert "nothing is overwritten" in loaded.run("restore", str(file), code=5).stderr
    assert loaded.get(1).state == "succeeded"
    cut.write_bytes(file.read_bytes()[:-300])
    with tarfile.open(file) as old, tarfile.open(evil, "w") as new:
        first = old.next()
        assert first is not None
        new.addfile(first, old.extractfile(first))
        link = tarfile.TarInfo("project/../../outside")
        new.addfile(link)
    for bad in (cut, evil, Path(__file__)):
        with pytest.raises((Invalid, Refused, ProcessionError)):
            restore(bad, tmp_path / "new")
        assert not (tmp_path / "new").exists()
        assert not (tmp_path / "outside").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "quick.sh").write_text("mine")
    with pytest.raises(Refused, match=r"quick\.sh is there already"):
        restore(file, tmp_path / "full")
    assert os.listdir(tmp_path / "full") == ["quick.sh"]
    assert (tmp_path / "full" / "quick.sh").read_text() == "mine"


@pytest.mark.feature("M122")
def test_an_import_is_refused_while_a_launcher_serves_or_a_script_runs(loaded: Site, tmp_path: Path) -> None:
    loaded.emit("slow")
    loaded.began("x")
    file = tmp_path / "rows.jsonl.gz"
    loaded.run("export", str(file))
    assert "serves this project" in loaded.run("import", str(file), "--replace", "--yes", code=5).stderr
    loaded.run("stop")
    assert "still runs" in loaded.run("import", str(file), "--replace", "--yes", code=5).stderr
    loaded.up()
    loaded.open("x")
    loaded.until(1, "succeeded")
    loaded.run("stop")
    assert "not empty" in loaded.run("import", str(file), code=5).stderr
    answer = loaded.json("import", str(file), "--replace", "--yes")
    assert answer["processings"] == 1
    eventually(lambda: loaded.json("show", "1")["state"] == "running")  # as it was, its attempt lost
    assert loaded.json("show", "1")["steps"][0]["attempts"][0]["outcome"] == "lost"
