"""The doctor finds what is not so, says what to do, changes nothing, and is quiet where all is well."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from procession.doctor import Finding, examine
from procession.store import invariants, settings
from procession.supervise import spool
from procession.workdir import file_system
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven
from tests.store.making import launcher_on

Drive = Callable[..., Driven]

TWO = (
    '[limits]\nftp = 1\n[tasks.t]\non = "e"\nat_once = 2\nsteps = ["./one.sh", { run = "./two.sh", uses = ["ftp"] }]\n'
)


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    """One that succeeded, one that failed, one that was cancelled, one that runs, one that waits."""
    d = drive(TWO)
    pids = [d.born() for _ in range(5)]
    d.turn()
    d.end(pids[0], 0)
    d.end(pids[0], 0)
    d.end(pids[1], 1)
    d.turn()
    return d


def found(d: Driven, **how: bool) -> dict[str, Finding]:
    """What is not in order, by the check. Directories are made by shims, and here are none."""
    return {f.check: f for f in examine(d.project, **how) if f.level != "ok" and f.check not in ("disk", "open files")}


def spoil(d: Driven, sql: str) -> None:
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql(sql)


def mend(d: Driven, sql: str) -> None:
    spoil(d, sql)
    assert found(d) == {}


def test_all_is_well_where_all_is_well_and_nothing_is_changed(d: Driven) -> None:
    """4.4: I2 to I11, I15, I20, I21."""
    before = d.rows("SELECT (SELECT COUNT(*) FROM journal), (SELECT COUNT(*) FROM attempt)")
    assert found(d, full=True) == {}
    assert d.rows("SELECT (SELECT COUNT(*) FROM journal), (SELECT COUNT(*) FROM attempt)") == before
    names = {f.check for f in examine(d.project, full=True)}
    assert {each.name for each in (*invariants.LIVE, *invariants.DEEP)} <= names


@pytest.mark.parametrize(
    ("check", "damage", "repair"),
    [
        ("attempts", "UPDATE step SET attempt = 9 WHERE state = 'running'",
         "UPDATE step SET attempt = 1 WHERE attempt = 9"),
        ("going on", "UPDATE step SET state = 'pending' WHERE state = 'running'",
         "UPDATE step SET state = 'running' WHERE state = 'pending' AND attempt = 1"),
        ("questions", "UPDATE attempt SET answer = '1' WHERE outcome IS NULL", "UPDATE attempt SET answer = NULL"),
        ("running steps", "UPDATE attempt SET outcome = 'failed' WHERE outcome IS NULL",
         "UPDATE attempt SET outcome = NULL WHERE outcome = 'failed' AND finished_at IS NULL"),
        ("ended", "UPDATE processing SET state = 'failed' WHERE state = 'running'",
         "UPDATE processing SET state = 'running' WHERE state = 'failed' AND finished_at IS NULL"),
        ("not begun", "UPDATE step SET state = 'ready' WHERE processing_id = 5 AND ordinal = 1",
         "UPDATE step SET state = 'pending' WHERE processing_id = 5 AND ordinal = 1"),
        ("births", "UPDATE processing SET event_id = 99 WHERE id = 5",
         "UPDATE processing SET event_id = 5 WHERE id = 5"),
        ("ownerless steps", "UPDATE step SET processing_id = 77 WHERE processing_id = 5 AND ordinal = 2",
         "UPDATE step SET processing_id = 5 WHERE processing_id = 77"),
        ("numbers", "UPDATE attempt SET number = 3 WHERE processing_id = 1 AND ordinal = 1",
         "UPDATE attempt SET number = 1 WHERE processing_id = 1 AND ordinal = 1"),
        ("outcomes", "UPDATE attempt SET outcome = 'failed' WHERE processing_id = 1 AND ordinal = 2",
         "UPDATE attempt SET outcome = 'succeeded' WHERE processing_id = 1 AND ordinal = 2"),
        ("successes", "UPDATE attempt SET exit_code = 3 WHERE processing_id = 1 AND ordinal = 2",
         "UPDATE attempt SET exit_code = 0 WHERE processing_id = 1 AND ordinal = 2"),
        ("ends", "UPDATE processing SET finished_at = NULL WHERE id = 1",
         "UPDATE processing SET finished_at = (SELECT MAX(hour) FROM tally) WHERE id = 1"),
        ("withdrawn", "INSERT INTO tombstone (name, key, at, until_at, by) VALUES ('e', 'gone', 1, 2, 'x')",
         "DELETE FROM tombstone"),
        ("messages out", "INSERT INTO outbox (bridge, processing_id, destination, body, made_at)"
         " VALUES ('b', 1, '/queue/q', '{}', 1)", "DELETE FROM outbox"),
        ("tallies", "UPDATE tally SET n = n + 1 WHERE noun = 'task' AND what = 'failed' AND hour = -1",
         "UPDATE tally SET n = n - 1 WHERE noun = 'task' AND what = 'failed' AND hour = -1"),
        ("schema", "DROP INDEX ix_step_due", None),
    ],
)  # fmt: skip
def test_every_invariant_that_is_broken_is_found_and_named(
    d: Driven, check: str, damage: str, repair: str | None
) -> None:
    """The queries of 4.4 can fail: each is broken once."""
    spoil(d, damage)
    finding = found(d)[check]
    assert finding.level == "wrong"
    assert "report it" in finding.advice
    if repair:
        mend(d, repair)


def test_a_step_that_runs_before_what_it_needs_and_a_limit_that_was_lowered_are_found(d: Driven) -> None:
    """I5, I15."""
    spoil(d, "UPDATE step SET state = 'failed' WHERE processing_id = 1 AND ordinal = 1")
    spoil(d, "UPDATE step SET state = 'running' WHERE processing_id = 1 AND ordinal = 2")
    spoil(d, "UPDATE attempt SET outcome = NULL WHERE processing_id = 1 AND ordinal = 2")
    assert found(d)["needs"].level == "wrong"
    spoil(d, "UPDATE step SET state = 'succeeded' WHERE processing_id = 1")
    spoil(d, "UPDATE attempt SET outcome = 'succeeded' WHERE processing_id = 1")
    with d.project.store.begin() as tx:
        settings.put(tx, "at_once:t", 1, "ada", 0)
    assert "at_once is 1" in found(d)["limits"].says
    with d.project.store.begin() as tx:
        settings.remove(tx, "at_once:t")
    assert found(d) == {}


def test_records_of_others_and_damaged_ones_are_shown(d: Driven, tmp_path: Path) -> None:
    """F57, G34: what is of another incarnation is left alone and shown."""
    root = d.project.var.spool
    spool.void(root, d.key(1), "somebody")
    assert found(d) == {}  # just written: whoever serves clears it
    os.utime(root / d.key(1), (1, 1))
    assert "no live attempt" in found(d)["records"].says
    spool.discard(root, d.key(1))
    spool.void(root, "zzzzzz-1-1-1", "another installation")
    assert "another incarnation" in found(d)["records"].says
    (root / "zzzzzz-1-1-1").write_text("rubbish")
    assert found(d)["records"].level == "wrong"
    before = (root / "zzzzzz-1-1-1").read_text()
    assert before == "rubbish"
    spool.quarantine(root, "zzzzzz-1-1-1")
    assert "damaged" in found(d)["put aside"].says


def test_directories_and_rows_that_do_not_belong_together_are_shown(d: Driven) -> None:
    work = d.project.var.root / "work"
    (work / "4711").mkdir()
    assert "4711" in found(d)["directories"].says
    (work / "4711").rmdir()
    spoil(d, "UPDATE attempt SET started_at = 5 WHERE processing_id = 1")
    shutil.rmtree(work / "1", ignore_errors=True)
    if d.project.store.engine.dialect.name == "sqlite":
        assert "1:" in found(d)["missing directories"].says
    spoil(d, "UPDATE processing SET cleaned_at = 5 WHERE id = 1")
    assert found(d) == {}


def test_who_serves_what_is_wrong_in_the_files_and_who_else_may_read_are_told(d: Driven) -> None:
    """B48, I17."""
    d.project.var.log.chmod(0o666)
    assert "may enter or write" in found(d)["modes"].says
    d.project.var.log.chmod(0o600)
    d.write(TWO + "at_onec = 1\n")
    d.project.refresh(lenient=True)
    assert "at_onec" in found(d)["definitions"].says
    d.write(TWO)
    d.project.refresh(lenient=True)
    d.clock.advance(120)
    assert found(d)["launcher"].level == "wrong"  # it holds its lock, and its heart does not beat
    d.leave()
    assert "nobody serves" in found(d)["launcher"].says
    with d.project.store.begin() as tx:
        launcher_on(tx, kind="run", place=d.project.var.place_id())
    assert found(d)["foreground"].level == "warning"


def test_the_kind_of_a_file_system_is_known_by_the_mount() -> None:
    mounts = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:40 / /srv rw - nfs4 server:/data rw\n"
    assert file_system(Path("/home"), mounts) == "ext4"
    assert file_system(Path("/srv/x"), mounts) == "nfs4"


def test_whole_tables_are_read_only_when_they_are_small_or_it_is_asked_for(
    d: Driven, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(d, "UPDATE tally SET n = n + 1 WHERE noun = 'task' AND what = 'failed' AND hour = -1")
    monkeypatch.setattr("procession.doctor.rows.SMALL", 3)
    assert found(d) == {}
    assert any("not read" in f.says for f in examine(d.project))
    assert set(found(d, full=True)) == {"tallies"}


def test_the_command_has_a_line_for_each_check_and_exit_code_1_where_something_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "procession.toml").write_text('[tasks.t]\non = "e"\nrun = "true"\n')
    base = [sys.executable, "-m", "procession", "--project", str(tmp_path)]

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*base, "doctor", *words], capture_output=True, text=True, check=False, timeout=60)

    subprocess.run([*base, "run", "t"], check=True, capture_output=True, timeout=60)
    done = ask()
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].endswith("0 wrong")
    answer = json.loads(ask("--json").stdout)
    assert answer["level"] in ("ok", "warning")
    (tmp_path / "procession.toml").write_text('[tasks.t]\non = "e"\nrnu = "true"\n')
    done = ask()
    assert done.returncode == 1
    assert "→ correct it" in done.stdout
