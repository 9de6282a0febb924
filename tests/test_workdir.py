"""var/ is ours alone, whatever it was before; a lock is taken although others look at it."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from procession.errors import HostError
from procession.store.database import Store
from procession.store.engines import sqlite_url
from procession.workdir import Var, hold, is_held

PLACES = ("", "spool", "code", "work", "foreground")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o022, 0o000])
def test_everything_is_made_for_us_alone(tmp_path: Path, umask: int) -> None:
    var = Var(tmp_path / "var")
    before = os.umask(umask)
    try:
        var.prepare()
        store = Store(sqlite_url(var.database))
        with store.begin() as tx:
            tx.connection.exec_driver_sql("CREATE TABLE t (x)")
            modes = {file.name: mode(file) for file in var.root.iterdir() if file.is_file()}
        store.close()
    finally:
        os.umask(before)
    assert {mode(var.root / place) for place in PLACES} == {0o700}
    assert set(modes.values()) == {0o600}
    assert {"procession.db", "procession.db-wal", "launcher.log"} <= set(modes)


def test_what_is_ours_is_made_private_again(tmp_path: Path) -> None:
    var = Var(tmp_path / "var")
    var.prepare()
    var.database.touch()
    for place in PLACES:
        (var.root / place).chmod(0o777)
    for file in (var.database, var.log):
        file.chmod(0o644)
    var.prepare()
    assert {mode(var.root / place) for place in PLACES} == {0o700}
    assert (mode(var.database), mode(var.log)) == (0o600, 0o600)


def test_a_link_is_taken_for_the_place_itself_alone(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "var").symlink_to(tmp_path / "elsewhere")
    var = Var(tmp_path / "var")
    var.prepare()
    var.code.rmdir()
    var.code.symlink_to(tmp_path)
    with pytest.raises(HostError, match="code is a symbolic link"):
        var.prepare()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link away")
def test_a_link_or_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "var"
    link.symlink_to(tmp_path / "elsewhere")
    os.chown(link, 12345, -1, follow_symlinks=False)
    with pytest.raises(HostError, match="belongs to another user"):
        Var(link).prepare()
    os.chown(tmp_path / "elsewhere", 12345, -1)
    with pytest.raises(HostError, match="belongs to another user"):
        Var(tmp_path / "elsewhere").prepare()


def test_a_database_that_others_could_change_is_refused(tmp_path: Path) -> None:
    var = Var(tmp_path / "var")
    var.prepare()
    var.database.touch()
    var.database.chmod(0o620)
    with pytest.raises(HostError, match="can be written by other users"):
        var.prepare()
    var.database.rename(tmp_path / "other")
    var.database.symlink_to(tmp_path / "other")
    with pytest.raises(HostError, match="is not a regular file"):
        var.prepare()


def test_a_lock_is_taken_although_others_look_at_it(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    code = f"from pathlib import Path\nfrom procession.workdir import is_held\nwhile True: is_held(Path({str(lock)!r}))"
    lookers = [subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[1]) for _ in range(2)]
    try:
        for _ in range(500):
            descriptor = hold(lock, "mine")
            assert descriptor is not None
            assert is_held(lock)
            assert hold(lock) is None
            os.close(descriptor)
    finally:
        for each in lookers:
            each.kill()
            each.wait()


@pytest.mark.feature("M75")
def test_what_a_script_put_in_the_place_of_a_lock_is_held_by_nobody(tmp_path: Path) -> None:
    """A FIFO would keep who opens it waiting for ever; a link could lead anywhere."""
    (tmp_path / "lock").touch()
    held = hold(tmp_path / "lock")
    assert held is not None
    (tmp_path / "link").symlink_to(tmp_path / "lock")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "directory").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))
    assert is_held(tmp_path / "lock")
    assert not any(is_held(tmp_path / name) for name in ("link", "fifo", "directory", "socket", "none"))
    os.close(held)
