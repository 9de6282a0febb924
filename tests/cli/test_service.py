"""What systemd and shells are told of us."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from procession.definitions import overrides

BASE = [sys.executable, "-m", "procession"]


def ask(root: Path, *words: str, code: int = 0, **environment: str) -> str:
    done = subprocess.run(
        [*BASE, *words], cwd=root, capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == code, done
    return done.stdout + done.stderr


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "procession.toml").write_text('[project]\nname = "p:1"\n[tasks.t]\non = "e"\nrun = "true"\n')
    return tmp_path


@pytest.mark.feature("P34")
@pytest.mark.parametrize("user", [True, False])
def test_the_unit_leaves_scripts_running_and_is_one_that_systemd_takes(root: Path, user: bool) -> None:
    """F51."""
    text = ask(root, "service", *(["--user"] if user else []))
    for line in ("KillMode=process", "Delegate=yes", "Restart=on-failure", f"WorkingDirectory={root}"):
        assert line in text.splitlines()
    assert f"--project {root} up --quiet" in text
    assert f"--project {root} stop" in text
    assert ("User=" in text) is not user
    if analyze := shutil.which("systemd-analyze"):
        (root / "p.service").write_text(text)
        done = subprocess.run([analyze, "verify", "p.service"], cwd=root, capture_output=True, text=True, check=False)
        assert "p.service" not in done.stderr, done.stderr


def test_a_unit_is_installed_where_systemd_looks_and_never_overwritten(root: Path, tmp_path: Path) -> None:
    home = str(tmp_path / "config")
    said = ask(root, "service", "--user", "--install", XDG_CONFIG_HOME=home)
    unit = tmp_path / "config/systemd/user/procession-p-1.service"
    assert f"wrote {unit}" in said
    assert "enable --now procession-p-1.service" in said
    assert "KillMode=process" in unit.read_text()
    assert "nothing is overwritten" in ask(root, "service", "--user", "--install", code=5, XDG_CONFIG_HOME=home)


def test_a_directory_that_a_unit_cannot_name_is_refused(tmp_path: Path) -> None:
    odd = tmp_path / "a b"
    odd.mkdir()
    (odd / "procession.toml").write_text("")
    assert "blanks" in ask(odd, "service", code=2)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(root: Path, shell: str) -> None:
    text = ask(root, "completion", shell)
    assert f"procession completion {shell} >" in text
    assert "_PROCESSION_COMPLETE" in text
    if shutil.which(shell):
        done = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    words = {"COMP_WORDS": "procession doc", "COMP_CWORD": "1", "_PROCESSION_COMPLETE": f"{shell}_complete"}
    if shell == "bash":
        assert "doctor" in ask(root, **words)


@pytest.mark.feature("M119")
def test_the_variable_of_the_completion_is_no_override() -> None:
    assert (
        overrides.given([], {"_PROCESSION_COMPLETE": "x", "PROCESSION_PROJECT": "y", "PROCESSION_COMPLETE": "z"}) == []
    )
