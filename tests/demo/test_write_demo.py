"""Making the example project."""

from pathlib import Path

import pytest

from procession import definitions
from procession.errors import Refused
from procession.examples import write_demo


def test_an_empty_directory_is_filled(tmp_path: Path) -> None:
    write_demo(tmp_path)
    assert (tmp_path / "procession.toml").exists()
    assert list((tmp_path / "inbox").iterdir()) == []


def test_parents_are_made(tmp_path: Path) -> None:
    write_demo(tmp_path / "some" / "where")
    assert (tmp_path / "some" / "where" / "procession.toml").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(Refused, match="not empty"):
        write_demo(tmp_path)
    with pytest.raises(Refused, match="not empty"):
        write_demo(tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    assert (tmp_path / "mine").read_text() == "precious"


def test_its_definitions_are_right_and_name_its_scripts(tmp_path: Path) -> None:
    write_demo(tmp_path)
    found = definitions.read(tmp_path)
    assert not found.warnings
    discover, scene = found.tasks
    assert (discover.name, discover.every) == ("discover", 2.0)
    assert (scene.name, scene.on) == ("scene", "scene")
    assert [step.name for step in scene.steps] == ["load", "calibrate", "rgb", "quicklook", "deliver"]
    assert [Path(script).name for step in scene.steps for script in step.command.scripts] == [
        *("load.sh", "calibrate.py", "rgb.py", "quicklook.py", "deliver.sh")
    ]
    assert scene.parameters() <= {"path", "scene", "project"}
