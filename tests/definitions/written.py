"""Writing small projects for the tests of this folder."""

from pathlib import Path
from textwrap import dedent

import pytest

from procession.definitions import Definitions, read
from procession.errors import ConfigError


def write(root: Path, toml: str, *scripts: str) -> Path:
    """A project with this file and these scripts, all of them executable."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "procession.toml").write_text(dedent(toml))
    for name in scripts:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\ntrue\n")
        path.chmod(0o755)
    return root


def words(definitions: Definitions, task: str = "t", step: int = 1) -> list[str]:
    """The words of the command of one step."""
    found = next(each for each in definitions.tasks if each.name == task)
    return list(found.step(step).command.words)


def mistakes(root: Path) -> list[str]:
    """Every mistake of a project that has some."""
    with pytest.raises(ConfigError) as refused:
        read(root)
    assert all("\n" not in line for line in refused.value.problems)
    return list(refused.value.problems)
