"""What people ask of the launcher, on both databases; stopping a real one is a story."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from procession.commands import launchers
from procession.errors import Refused
from procession.launcher import closing
from procession.store import dialect
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import HOST, Driven

Drive = Callable[..., Driven]

ONE = '[tasks.t]\non = "e"\nrun = "./one.sh"\n'


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(ONE, cpus=2)


def test_the_status_counts_every_state_and_shows_what_runs_and_what_failed_last(d: Driven) -> None:
    assert launchers.status(d.project).counts == {}
    pids = [d.born() for _ in range(5)]
    d.turn()
    d.end(pids[0], 1)
    d.end(pids[1], 0)
    found = launchers.status(d.project)
    assert found.counts == {"t": {"waiting": 1, "running": 2, "failed": 1, "succeeded": 1}}
    assert [p.id for p in found.running] == [pids[3], pids[2]]
    assert [p.id for p in found.failed] == [pids[0]]
    assert found.running[0].steps[0].name == "one"
    assert found.problem is None
    assert [len(p) for p in (launchers.status(d.project, 1).running, launchers.status(d.project, 1).failed)] == [1, 1]


def test_the_status_says_who_serves_only_while_somebody_does(d: Driven) -> None:
    serving = launchers.status(d.project).serving
    assert serving is not None
    assert (serving.name, serving.host, serving.cpus) == ("test", HOST, 2)
    d.leave()
    assert launchers.status(d.project).serving is None


def test_the_status_says_what_is_wrong_with_the_files(d: Driven) -> None:
    (d.root / "procession.toml").write_text((d.root / "procession.toml").read_text() + "at_onec = 1\n")
    d.project.refresh(lenient=True)
    assert "at_onec" in (launchers.status(d.project).problem or "")


def test_where_nobody_serves_there_is_nothing_to_stop(d: Driven) -> None:
    d.leave()
    with pytest.raises(Refused, match="nothing to stop"):
        launchers.stop(d.project)


def test_a_launcher_that_does_not_listen_yet_is_said_to_be_starting(d: Driven) -> None:
    with pytest.raises(Refused, match="does not listen"):
        launchers.stop(d.project)


@pytest.mark.feature("M28")
def test_a_launcher_that_kills_stays_while_the_database_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect, "BUSY_SECONDS", 0.01)
    d = Driven(tmp_path, ONE)
    pid = d.born()
    d.turn()
    d.post.closing = "kill"
    engine = d.project.store.engine
    sqlite = engine.dialect.loaded_dbapi  # another SQLite in the same process would not see its locks
    with contextlib.closing(sqlite.connect(engine.url.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert closing.is_done(d.project) is False
        assert d.get(pid).cancel_requested_at is None
    assert closing.is_done(d.project) is False
    assert d.get(pid).cancel_requested_at is not None
    d.close()
