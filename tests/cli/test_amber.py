"""A success with recorded errors is amber: `list`, `show` and `why` say so, and `changes` answers (M87, N10)."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from procession.cli.main import group
from tests.definitions.written import write


@pytest.mark.feature("M87")
def test_recorded_errors_are_seen_wherever_a_processing_is_shown(tmp_path: Path) -> None:
    write(tmp_path, '[tasks.t]\non = "e"\nrun = "sh note.sh {n}"\n')
    (tmp_path / "note.sh").write_text('echo "B5 is missing" >> $PROCESSION_ERRORS; exit $1\n')

    def ask(*words: str) -> str:
        return CliRunner().invoke(group, ["--project", str(tmp_path), *words]).output

    ask("run", "t", "n:=0")
    ask("run", "t", "n:=3")
    assert "succeeded, 1 error" in ask("list")
    assert "of task t  succeeded, 1 error" in ask("show", "1")
    assert "with 1 recorded error" in ask("why", "1")
    found = json.loads(ask("show", "1", "--json"))
    assert (found["errors"], found["steps"][0]["attempts"][0]["errors"]) == (1, 1)


@pytest.mark.feature("N10")
def test_a_failed_processing_is_shown_with_what_changed(tmp_path: Path) -> None:
    write(tmp_path, '[tasks.t]\non = "e"\nrun = "sh note.sh"\n')
    (tmp_path / "note.sh").write_text("exit 0\n")

    def ask(*words: str) -> str:
        return CliRunner().invoke(group, ["--project", str(tmp_path), *words]).output

    ask("run", "t")
    (tmp_path / "note.sh").write_text("exit 3\n")
    ask("run", "t")
    script = str(tmp_path / "note.sh")
    assert f"code {script} has changed" in ask("show", "2")
    said = ask("changes", "2", "--diff")
    assert "attempt 1, beside attempt 1 of processing 1" in said
    assert "-exit 0" in said
    assert "+exit 3" in said
    found = json.loads(ask("changes", "2", "--json"))
    assert found["compared_with"] == {"processing": 1, "attempt": 1}
    assert [(each["kind"], each["name"]) for each in found["changes"]] == [("code", script)]
    assert "has never gone well before" in ask("changes", "1")
