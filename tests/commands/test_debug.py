"""Entering a failure: what is refused, and what the shell is given (the stories drive real ones)."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from procession.commands import debug
from procession.errors import HostError, NotFound, Refused
from procession.supervise import record
from procession.workdir import is_held
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven

Drive = Callable[..., Driven]

CHAIN = '[tasks.t]\non = "e"\nsteps = ["./one.sh", "./two.sh"]\n'


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(CHAIN)


def failed(d: Driven) -> int:
    pid = d.born()
    d.turn()
    d.begin()
    found = d.executor.look(d.latest(pid)).record.data  # type: ignore[union-attr]
    d.end(pid, 4)
    (d.project.var.attempt(pid, 1, "one", 1) / "record").write_bytes(found)
    return pid


@pytest.mark.feature("M99")
def test_what_ran_is_entered_with_its_directory_command_and_environment(d: Driven) -> None:
    pid = failed(d)
    entry = debug.enter(d.project, pid, None)
    try:
        assert (entry.step.name, entry.cwd) == ("one", d.project.var.files(pid))
        assert entry.argv == [str(d.root / "one.sh")]
        assert entry.environment["PROCESSION_STEP"] == "one"
        assert is_held(d.project.var.work(pid) / "entered.lock")
        with pytest.raises(Refused, match="in another shell"):
            debug.enter(d.project, pid, "one")
        text = debug.rc_text(entry, d.project)
        assert str(d.root / "one.sh") in text
        assert f"accept {pid} one" in text
    finally:
        os.close(entry.lock)
    assert not is_held(d.project.var.work(pid) / "entered.lock")


def test_what_runs_or_never_ran_or_is_not_there_cannot_be_entered(d: Driven) -> None:
    pid = d.born()
    with pytest.raises(Refused, match="has not run yet"):
        debug.enter(d.project, pid, None)
    d.turn()
    with pytest.raises(Refused, match="is running"):
        debug.enter(d.project, pid, None)
    d.end(pid, 4)
    with pytest.raises(Refused, match="has not run yet"):
        debug.enter(d.project, pid, "two")
    with pytest.raises(HostError, match="the record of this attempt is missing"):
        debug.enter(d.project, pid, None)
    with pytest.raises(NotFound):
        debug.enter(d.project, 99, None)


def test_a_damaged_record_is_said_to_be_missing(d: Driven) -> None:
    pid = failed(d)
    path = d.project.var.attempt(pid, 1, "one", 1) / "record"
    path.write_bytes(path.read_bytes().replace(b"one.sh", b"two.sh"))
    with pytest.raises(HostError):
        debug.enter(d.project, pid, None)
    path.write_bytes(record.line(b'{"kind":"spec"}'))
    with pytest.raises((HostError, KeyError)):
        debug.enter(d.project, pid, None)


def test_a_directory_that_is_gone_is_said_before_a_shell_starts(tmp_path: Path) -> None:
    debug.check_directory(tmp_path)
    with pytest.raises(HostError, match=r"cannot be entered \(No such file or directory\)"):
        debug.check_directory(tmp_path / "gone")
