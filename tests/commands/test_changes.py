"""What changed: one thing is different, and it is the first line (N10)."""

# ruff: noqa: F811  the fixture of both databases

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from procession.cli.main import group
from procession.commands import changes
from procession.commands.changes import Comparison
from procession.errors import NotFound
from procession.model.chosen import Chosen
from procession.store import schema
from procession.supervise import record
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven

Drive = Callable[..., Driven]
pytestmark = pytest.mark.feature("N10", "M121", "P26")


def project(drive: Drive, more: str = "") -> Driven:
    """One step, run by an environment of its own with one package."""
    d = drive('[tasks.t]\non = "e"\nrun = "true"\n')
    python = d.root / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    os.symlink("/bin/sh", python)
    (d.root / ".venv/pyvenv.cfg").write_text("version = 3.11.2\n")
    (d.root / ".venv/lib/python3.11/site-packages/numpy-2.0.0.dist-info").mkdir(parents=True)
    (d.root / "calc.py").write_text("print(1)\n")
    (d.root / "in.dat").write_text("12345")
    git = d.root / ".git"
    (git / "refs/heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs/heads/main").write_text("1" * 40 + "\n")
    define(d, more)
    return d


def define(d: Driven, more: str = "", command: str = "python calc.py {path}") -> None:
    d.write(f'[tasks.t]\non = "e"\nrun = "{command}"\n{more}\n')
    d.crash()  # the next launcher reads the file


def run(d: Driven, code: int, seconds: float = 2.0, env: dict[str, str] | None = None, **params: Any) -> int:
    """One processing to its end; its record is put away as a shim would leave it."""
    pid = d.born(**{"path": "in.dat", **params})
    d.turn()
    key = d.latest(pid)
    job = d.executor.job(key)
    d.executor.begin(key)
    d.clock.advance(seconds)
    spec = {
        "kind": "spec", "v": record.VERSION, "key": key, "incarnation": d.project.installation.incarnation, "shim": 0,
        "program": job.program, "argv": list(job.argv), "cwd": job.cwd, "umask": 18, "attempt_dir": job.attempt_dir,
        "log": job.log, "env_base": {"HOME": "/home/eva", **(env or {})}, "env_set": job.env_set,
    }  # fmt: skip
    (Path(job.attempt_dir) / "record").write_bytes(record.line(json.dumps(spec, separators=(",", ":")).encode()))
    d.end(pid, code)
    return pid


def compared(d: Driven, pid: int) -> Comparison:
    found = changes.changes(d.project, pid)
    assert found.good is not None
    return found


def first(d: Driven, pid: int) -> tuple[str, str, str | None, str | None]:
    change = compared(d, pid).changes[0]
    return change.kind, change.name, change.before, change.after


def test_where_nothing_changed_there_is_no_line(drive: Drive) -> None:
    d = project(drive)
    good, bad = run(d, 0), run(d, 1)
    found = compared(d, bad)
    assert (found.good, found.changes, found.missing) == ((good, 1), (), ())


def test_a_changed_script_is_the_first_line_with_its_diff(drive: Drive) -> None:
    d = project(drive)
    run(d, 0)
    (d.root / "calc.py").write_text("print(2)\n")
    bad = run(d, 1, 90.0, {"LANG": "C"})
    found = compared(d, bad)
    assert [change.kind for change in found.changes] == ["code", "duration", "environment"]
    assert found.changes[0].sentence == f"code {d.root / 'calc.py'} has changed"
    assert "-print(1)\n+print(2)\n" in (found.changes[0].diff or "")


def test_one_variable_of_the_environment_is_the_first_line(drive: Drive) -> None:
    """The test of N10."""
    d = project(drive)
    run(d, 0, env={"GDAL_CACHEMAX": "512"})
    bad = run(d, 1, env={"GDAL_CACHEMAX": "64"})
    assert first(d, bad) == ("environment", "GDAL_CACHEMAX", "512", "64")
    assert compared(d, bad).changes[0].sentence == "environment GDAL_CACHEMAX: 512 → 64"


def test_the_environment_comes_last_and_the_shell_of_a_person_after_it(drive: Drive) -> None:
    d = project(drive)
    shell = {"PS1": "$ ", "SHLVL": "1", "MAKEFLAGS": "", "TERM": "dumb"}
    long = ":".join(f"/opt/tool-{n}/bin" for n in range(20))
    run(d, 0, env={**shell, "ZPATH": f"{long}:/opt/one:/usr/bin", "GDAL": "3.6"})
    (d.root / "in.dat").write_text("x" * 5000)
    changed = {name: f"{value}x" for name, value in shell.items()}
    define(d, 'timeout = "5 min"')
    bad = run(d, 1, 90.0, env={**changed, "ZPATH": f"{long}:/opt/two:/usr/bin", "GDAL": "3.8"})
    found = compared(d, bad).changes
    kinds = [each.kind for each in found]
    assert kinds == ["input", "limit", "duration"] + ["environment"] * 6
    assert [each.name for each in found[3:]] == ["GDAL", "ZPATH", *sorted(shell)]
    assert found[4].sentence == "environment ZPATH: …ol-19/bin:/opt/one:/usr/bin → …ol-19/bin:/opt/two:/usr/bin"
    said = CliRunner().invoke(group, ["--project", str(d.root), "changes", str(bad)]).output
    assert said.index("limit timeout") < said.index("6 differences of the environment") < said.index("GDAL: 3.6 → 3.8")
    assert "of the shell or terminal: MAKEFLAGS, PS1, SHLVL, TERM\n" in said and "dumb" not in said
    shown = CliRunner().invoke(group, ["--project", str(d.root), "show", str(bad)]).output
    assert "and 6 differences of the environment" in shown and "PS1" not in shown


def test_a_newer_procession_is_told(drive: Drive) -> None:
    d = project(drive)
    run(d, 0)
    d.crash()
    bad = run(d, 1)
    with d.project.store.begin() as tx:
        tx.connection.exec_driver_sql("UPDATE launcher SET version = '0.1'")
        tx.connection.exec_driver_sql("UPDATE launcher SET version = '0.2' WHERE id = (SELECT max(id) FROM launcher)")
    assert compared(d, bad).changes[0].sentence == "version of Procession: 0.1 → 0.2"


def test_a_secret_is_told_to_be_another_one_and_not_what_it_is(drive: Drive) -> None:
    d = project(drive)
    run(d, 0, env={"API_TOKEN": "hush-1"})
    bad = run(d, 1, env={"API_TOKEN": "hush-2"})
    assert "hush" not in str(compared(d, bad))
    assert first(d, bad)[:2] == ("environment", "API_TOKEN")


def test_a_parameter_of_the_event_is_the_first_line(drive: Drive) -> None:
    d = project(drive)
    run(d, 0, band=3)
    assert first(d, run(d, 1, band=4)) == ("parameter", "band", "3", "4")


def test_a_value_of_a_variable_is_the_first_line_and_its_default_has_no_number(drive: Drive) -> None:
    d = project(drive)
    run(d, 0)
    failed = run(d, 1)
    with d.project.store.begin() as tx:
        tx.connection.execute(
            update(schema.processing).where(schema.processing.c.id == failed).values(
                variables=Chosen(standard_vars={"threshold": 5}).to_json())
        )  # fmt: skip
    assert first(d, failed) == ("variable", "threshold", "the default", "5")


def test_a_word_of_the_command_is_the_first_line(drive: Drive) -> None:
    d = project(drive)
    run(d, 0)
    define(d, command="python calc.py --fast {path}")
    assert first(d, run(d, 1))[:2] == ("argument", "2")


def test_a_file_that_became_larger_is_the_first_line(drive: Drive) -> None:
    d = project(drive)
    run(d, 0)
    (d.root / "in.dat").write_text("x" * 5000)
    assert first(d, run(d, 1))[:2] == ("input", "path")


def test_of_another_file_both_names_are_told_once(drive: Drive) -> None:
    d = project(drive)
    (d.root / "other.dat").write_text("54321")
    run(d, 0)
    bad = run(d, 1, path="other.dat")
    assert first(d, bad) == ("input", "path", "in.dat, 5 B", "other.dat, 5 B")
    assert [change.kind for change in compared(d, bad).changes] == ["input"]
    (d.root / "in.dat").write_text("abcde")
    os.utime(d.root / "in.dat", (1, 1))
    assert first(d, run(d, 1))[2:] == ("as it was", "written again since, of about the same size")


def test_a_package_is_the_first_line_and_the_version_of_python_before_it(drive: Drive) -> None:
    d = project(drive)
    run(d, 0)
    packages = d.root / ".venv/lib/python3.11/site-packages"
    (packages / "numpy-2.0.0.dist-info").rename(packages / "numpy-2.1.0.dist-info")
    (packages / "rasterio-1.4.dist-info").mkdir()
    bad = run(d, 1)
    assert first(d, bad) == ("package", "numpy", "2.0.0", "2.1.0")
    assert compared(d, bad).changes[1].sentence == "package rasterio is new: 1.4"


def test_a_commit_of_the_project_is_the_first_line(drive: Drive) -> None:
    d = project(drive)
    run(d, 0)
    (d.root / ".git/refs/heads/main").write_text("2" * 40 + "\n")
    assert first(d, run(d, 1)) == ("commit", "", "1" * 40, "2" * 40)


def test_a_limit_of_the_step_is_the_first_line(drive: Drive) -> None:
    d = project(drive, 'timeout = "1 h"')
    run(d, 0)
    define(d, 'timeout = "5 min"')
    assert first(d, run(d, 1)) == ("limit", "timeout", "3600", "300")


def test_a_span_that_is_much_longer_is_told(drive: Drive) -> None:
    d = project(drive)
    run(d, 0, 2)
    assert first(d, run(d, 1, 200))[0] == "duration"


def test_the_last_good_attempt_counts_and_without_one_it_is_said(drive: Drive) -> None:
    d = project(drive)
    early = run(d, 1)
    assert changes.changes(d.project, early).good is None
    run(d, 0, band=1)
    last = run(d, 0, band=2)
    assert compared(d, run(d, 1, band=3)).good == (last, 1)
    waiting = d.born(path="in.dat")
    with pytest.raises(NotFound, match="has not run yet"):
        changes.changes(d.project, waiting, "calc")


def test_what_was_cleaned_away_is_said_and_the_rest_is_compared(drive: Drive) -> None:
    d = project(drive)
    good = run(d, 0)
    (d.project.var.attempt(good, 1, "calc", 1) / "record").unlink()
    bad = run(d, 1, band=9)
    found = compared(d, bad)
    assert [change.kind for change in found.changes] == ["parameter"]
    assert "a record was cleaned away" in found.missing[0]
