"""The project that init writes works at once, and overwrites nothing."""

import json
import subprocess
from pathlib import Path

import pytest

from procession.definitions import read, write_new_project
from procession.errors import HostError, Invalid, Refused


@pytest.mark.feature("P1")
def test_a_new_project_has_no_mistake_and_its_scripts_run_by_hand(tmp_path: Path) -> None:
    root = tmp_path / "my project"
    written = write_new_project(root)
    definitions = read(root)
    assert (definitions.name, definitions.warnings) == ("my-project", ())
    assert [(task.name, task.on, len(task.steps)) for task in definitions.tasks] == [
        ("look", "timetable:look", 1),
        ("greet", "visitor", 2),
    ]
    assert {path.name for path in written} == {"procession.toml", "look.sh", "greet.py", ".procession.schema.json"}

    def run(*words: str) -> str:
        return subprocess.run(words, cwd=root, check=True, capture_output=True, text=True, timeout=60).stdout

    event = json.loads(run(*definitions.tasks[0].step(1).command.words).splitlines()[-1])
    assert event["event"] == "visitor"
    for number in (1, 2):
        said = run(*definitions.tasks[1].step(number).command.render(event["params"], {}, {}))
    assert said == f"Hello, {event['params']['name']}!\n"


@pytest.mark.parametrize("name", ["procession.toml", "look.sh", "greet.py"])
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(tmp_path / "nowhere")
    with pytest.raises(Refused, match="nothing is overwritten"):
        write_new_project(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    """B25."""
    with pytest.raises(Invalid):
        write_new_project(tmp_path, "<b>")
    with pytest.raises(HostError, match="cannot be written"):
        write_new_project(Path("/proc/nowhere"), "x")
