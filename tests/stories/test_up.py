"""``procession up`` starts, or says in one line why it does not."""

import os
import pwd
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from procession.workdir import network_file_system
from tests.stories.site import Site
from tests.waiting import eventually

ONE = '[tasks.t]\non = "e"\nrun = "./one.sh"\n'
TRUE = "#!/bin/sh\ntrue\n"


@pytest.fixture
def site() -> Iterator[Site]:
    """Beside what pytest makes: every run of pytest that begins closes the directory of all to other accounts."""
    with tempfile.TemporaryDirectory(prefix="procession-site-") as place:
        one = Site(Path(place) / "site", seed=1)
        try:
            yield one
        finally:
            one.clean()


def test_a_second_launcher_of_the_same_place_is_refused_in_one_line(site: Site) -> None:
    """F12, I6."""
    site.write(ONE, one_sh=TRUE)
    first = site.up(cold=True)
    done = site.run("up", code=5)
    assert done.stderr.count("\n") == 1
    assert f"already running here (process {first.pid})" in done.stderr
    assert first.poll() is None
    site.kill()
    site.up()  # a killed one is in nobody's way


def test_a_newer_schema_is_refused_in_one_line_and_not_touched(site: Site) -> None:
    """G33, F55."""
    site.write(ONE, one_sh=TRUE)
    site.run("status")
    database = site.path("var/procession.db")
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = database.read_bytes()
    for command in ("up", "status"):
        done = site.run(command, code=6)
        assert done.stderr.count("\n") == 1
        assert "schema 9999" in done.stderr
        assert "nothing was touched" in done.stderr
    assert database.read_bytes() == before


@pytest.fixture
def ordinary_user(site: Site) -> list[str]:
    """A prefix that makes a command run as somebody who may not do everything."""
    if os.geteuid() != 0:
        return []
    account, setpriv = pwd.getpwnam("nobody"), shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("setpriv (util-linux) is not there to become another")
    prefix = [setpriv, f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    probe = site.start("--help", prefix=prefix)
    if probe.wait(30) != 0:
        pytest.skip("this Python cannot be run by an ordinary user")
    for directory in (site.root, *site.root.parents):
        if directory.owner() != "root" or directory == directory.parent or str(directory) == tempfile.gettempdir():
            break
        directory.chmod(stat.S_IMODE(directory.stat().st_mode) | 0o755)
    return prefix


def test_a_place_that_cannot_be_written_is_refused_in_one_line(site: Site, ordinary_user: list[str]) -> None:
    """C18, F28."""
    site.write(ONE, one_sh=TRUE)
    var = site.path("var")
    var.mkdir(mode=0o500)
    if os.geteuid() == 0:
        shutil.chown(var, "nobody")
    for arguments in (["up"], ["status"]):
        with (site.root / "said").open("wb") as out:
            assert site.start(*arguments, prefix=ordinary_user, stderr=out).wait(30) == 7
        said = (site.root / "said").read_text()
        assert said.count("\n") == 1
        assert str(var) in said
    var.rmdir()
    with (site.root / "said").open("wb") as out:  # nor can it be made
        site.root.chmod(0o555)
        assert site.start("up", prefix=ordinary_user, stderr=out).wait(30) == 7 if os.geteuid() == 0 else True
    site.root.chmod(0o755)


def test_a_place_of_somebody_else_is_refused_and_ones_own_is_closed_to_others(site: Site) -> None:
    """C18, B48."""
    site.write(ONE, one_sh=TRUE)
    var = site.path("var")
    var.mkdir(mode=0o700)
    var.chmod(0o770)
    site.run("status")
    assert var.stat().st_mode & 0o777 == 0o700
    shutil.rmtree(var)
    var.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(var, "nobody")
        assert "another user" in site.run("up", code=7).stderr
        shutil.chown(var, "root")
    var.rmdir()
    var.write_text("a file")
    assert "not a directory" in site.run("up", code=7).stderr


def test_network_file_systems_are_known_by_the_mount_that_a_place_is_on() -> None:
    mounts = (
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "30 22 0:40 / /srv/data rw,relatime shared:3 - nfs4 server:/data rw\n"
        "31 30 8:2 / /srv/data/local rw - xfs /dev/sdb1 rw\n"
        "32 22 0:41 / /mnt/with\\040blank rw - fuse.sshfs host: rw\n"
        "garbage\n"
    )
    assert network_file_system("/home/me/var", mounts) is None  # type: ignore[arg-type]
    assert network_file_system("/srv/data/x/var", mounts) == "nfs4"  # type: ignore[arg-type]
    assert network_file_system("/srv/data", mounts) == "nfs4"  # type: ignore[arg-type]
    assert network_file_system("/srv/database/var", mounts) is None  # type: ignore[arg-type]
    assert network_file_system("/srv/data/local/var", mounts) is None  # type: ignore[arg-type]
    assert network_file_system("/mnt/with blank/var", mounts) == "fuse.sshfs"  # type: ignore[arg-type]


def test_mistakes_in_the_files_are_told_with_their_lines_and_nothing_starts(site: Site) -> None:
    site.write('[tasks.t]\non = "e"\nrnu = "./one.sh"\n[tasks.u]\nevery = "0 s"\nrun = "./no.sh"\n', one_sh=TRUE)
    said = site.run("up", code=3).stderr
    for line in ("procession.toml:3", "procession.toml:5", "procession.toml:6"):
        assert line in said
    assert not site.path("var/launcher.lock").exists()


@pytest.mark.feature("M88")
def test_a_script_that_is_missing_at_its_start_fails_with_a_clear_reason(site: Site) -> None:
    """F16, G12."""
    site.write(
        ONE + '[tasks.u]\non = "f"\nrun = "python3 two.py"\n[tasks.v]\non = "g"\nrun = "./mode.sh"\n',
        one_sh=TRUE, two_py="print()\n", mode_sh=TRUE,
    )  # fmt: skip
    site.up()
    site.path("one.sh").unlink()
    site.path("two.py").unlink()
    site.path("mode.sh").chmod(0o644)
    found = [site.until(site.emit(name)) for name in "efg"]
    assert [p.state for p in found] == ["failed"] * 3
    assert [p.steps[0].attempts[0].outcome for p in found] == ["not_started", "failed", "not_started"]
    reasons = [p.reason or "" for p in found]
    assert reasons[0] == f"one: the program {str(site.path('one.sh'))!r} does not exist"
    assert "two.py" in reasons[1]
    assert "No such file" in reasons[1]
    assert "not executable" in reasons[2]
    assert site.run("why", str(found[0].id)).stdout.startswith("it failed")


def test_a_changed_file_is_in_force_soon_and_a_wrong_one_keeps_the_old(site: Site) -> None:
    site.write(ONE, one_sh=TRUE)
    site.up()
    site.write('[tasks.t]\non = "e"\nsteps = ["./one.sh", { name = "again", run = "./one.sh" }]\n')
    log = site.path("var/launcher.log")
    log.touch()
    eventually(lambda: "are in force" in log.read_text(), timeout=15)
    assert len(site.until(site.emit("e")).steps) == 2
    site.write(ONE + "at_onec = 1\n")
    eventually(lambda: "older ones stay in force" in log.read_text(), timeout=15)
    done = site.run("emit", "e")
    assert "older ones stay in force" in done.stderr
    assert "at_onec" in done.stderr
    assert site.until(2).state == "succeeded"
