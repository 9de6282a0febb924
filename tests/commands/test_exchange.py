"""Everything out of one database and into another, of either kind: whole or not at all."""

import gzip
import io
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from procession.clock import Clock
from procession.commands import exchange, processings
from procession.doctor import examine
from procession.errors import Invalid, Refused, SchemaMismatch
from procession.project import Project
from procession.store import exchange as rows
from procession.store import schema
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven

Drive = Callable[..., Driven]

TWO = '[tasks.t]\non = "e"\nretry = { delay = "1 min" }\nsteps = ["./one.sh", "./two.sh"]\n'


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    d = drive(TWO)
    pids = [d.born(key=f"k{n}", text="ünïcode\n\t\U0001f680", n=n) for n in range(6)]
    d.turn()
    d.end(pids[0], 0)
    d.end(pids[0], 0)
    d.end(pids[1], 1)
    return d


def told(project: Project) -> list[str]:
    out = io.StringIO()
    exchange.write_lines(project, out)
    return out.getvalue().splitlines()


def picture(lines: list[str]) -> list[str]:
    """The rows alone; who the installation is and what it read last is its own."""
    return sorted(line for line in lines[1:-1] if not line.startswith(('["installation"', '["launcher"')))


@pytest.fixture(params=["sqlite", "postgresql"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """An empty project on this kind of database."""
    root = tmp_path / "other"
    root.mkdir()
    database = ""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_server")
        name = server.create()
        request.addfinalizer(lambda: server.drop(name))
        database = f'[project]\ndatabase = "{server.url(name)}"\n'
    (root / "procession.toml").write_text(f"{database}{TWO}")
    for name in ("one.sh", "two.sh"):
        (root / name).write_text("#!/bin/sh\n")
        (root / name).chmod(0o755)
    project = Project.open(root, Clock())
    request.addfinalizer(project.close)
    return project


@pytest.mark.feature("M122")
def test_everything_goes_from_either_database_to_either(d: Driven, other: Project) -> None:
    lines = told(d.project)
    counts = exchange.take_in(other, io.StringIO("\n".join(lines) + "\n"))
    assert counts["processing"] == 6
    assert other.installation.key == d.project.installation.key
    assert other.installation.incarnation != d.project.installation.incarnation
    quiet = (
        '["attempt"',
        '["step"',
        '["journal"',
        '["processing"',
        '["cause"',
    )  # what ran is lost now, which is a cause

    def same(told: list[str]) -> list[str]:
        return [x for x in told if not x.startswith(quiet) and not (x.startswith('["tally"') and '"cause"' in x)]

    assert same(picture(told(other))) == same(picture(lines))
    there, here = processings.get(other, 1), processings.get(d.project, 1)
    assert replace(there, place=None) == replace(here, place=None)  # with steps and attempts, at another place
    other.refresh()
    assert not [f for f in examine(other, full=True) if f.level == "wrong"]


@pytest.mark.feature("M122")
def test_what_ran_is_lost_with_that_reason_and_tried_again_by_its_rules(d: Driven, other: Project) -> None:
    """G34."""
    exchange.take_in(other, io.StringIO("\n".join(told(d.project)) + "\n"))
    before = processings.get(d.project, 3).steps[0]
    after = processings.get(other, 3).steps[0]
    assert before.state == "running"
    assert after.state == "ready"
    assert after.attempts[0].outcome == "lost"
    assert "restored" in (after.attempts[0].reason or "")
    assert after.due_at is not None


def test_ids_are_never_given_twice_not_even_after_an_import(d: Driven, other: Project) -> None:
    with d.project.store.begin() as tx:
        tx.reserve_ids("event", 100)  # events that were deleted since
    exchange.take_in(other, io.StringIO("\n".join(told(d.project)) + "\n"))
    with other.store.begin() as tx:
        assert min(tx.reserve_ids("event", 1)) == 107
        assert min(tx.reserve_ids("processing", 1)) == 7


@pytest.mark.feature("M122")
@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (lambda lines: lines[:-1], Invalid, "not whole"),
        (lambda lines: lines[:3] + lines[4:], Invalid, "not whole"),
        (lambda lines: [*lines[:5], lines[5][:-3], *lines[6:]], Invalid, "line 6"),
        (lambda lines: [*lines[:5], '["nonsense", 1]', *lines[6:]], Invalid, "line 6"),
        (lambda lines: [lines[0].replace(schema.VERSION, "0001", 1), *lines[1:]], SchemaMismatch, "schema 0001"),
        (lambda lines: ["hello", *lines], Invalid, "no export"),
        (lambda lines: [lines[0].replace('"payload"', '"other"'), *lines[1:]], Invalid, "does not know"),
    ],
)
def test_what_is_not_whole_or_of_another_version_changes_nothing(
    d: Driven, other: Project, spoil: Callable[[list[str]], list[str]], error: type[Exception], words: str
) -> None:
    """G33, all or nothing."""
    before = told(other)[1:]
    with pytest.raises(error, match=words) as caught:
        exchange.take_in(other, io.StringIO("\n".join(spoil(told(d.project))) + "\n"))
    assert "\n" not in str(caught.value)
    assert told(other)[1:] == before


def test_a_database_in_use_is_not_overwritten(d: Driven, other: Project) -> None:
    lines = "\n".join(told(d.project)) + "\n"
    exchange.take_in(other, io.StringIO(lines))
    with pytest.raises(Refused, match="not empty"):
        exchange.take_in(other, io.StringIO(lines))
    exchange.take_in(other, io.StringIO(lines), replace=True)
    with pytest.raises(Refused, match="serves"):
        exchange.take_in(d.project, io.StringIO(lines), replace=True)


def test_a_file_is_for_us_alone_complete_and_never_overwritten(d: Driven, tmp_path: Path) -> None:
    packed, plain = tmp_path / "a.gz", tmp_path / "a.jsonl"
    lines = exchange.export(d.project, packed)
    exchange.export(d.project, plain)
    assert gzip.decompress(packed.read_bytes()).splitlines()[1:] == plain.read_bytes().splitlines()[1:]
    assert lines == len(plain.read_text().splitlines())
    assert packed.stat().st_mode & 0o777 == 0o600
    with pytest.raises(Refused, match="overwritten"):
        exchange.export(d.project, plain)
    assert sorted(os.listdir(tmp_path)) == sorted({"a.gz", "a.jsonl", d.root.name})
    with exchange.reader(packed) as source:
        assert json.loads(source.readline())["procession"] == "export"
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(Refused, match="damaged"), exchange.reader(packed) as source:
        source.read()


def test_an_export_is_one_consistent_picture(d: Driven) -> None:
    """Lines come one by one; what is written meanwhile is not in it."""
    with d.project.store.read() as tx:
        lines = rows.out(tx, {})
        next(lines)
        d.born()
        assert sum(line.startswith('["event",') for line in lines) == 6
