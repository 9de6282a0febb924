"""Scripts and cron lines become tasks: the text that is written, and what is refused."""

import subprocess
import tomllib
from pathlib import Path

import pytest

from procession import definitions
from procession.definitions.adopt import Start, newest, project_here, task_text, write_adopted
from procession.definitions.crontab import local_zone, read_crontab
from procession.errors import ConfigError, Invalid, Refused


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in (("load.sh", "#!/bin/sh\n"), ("calibrate.py", "print()\n"), ("publish.pl", "print 1;\n")):
        (tmp_path / name).write_text(text)
    (tmp_path / "load.sh").chmod(0o755)
    return tmp_path


def scripts(root: Path, *names: str) -> list[Path]:
    return [root / name for name in names or ("load.sh", "calibrate.py", "publish.pl")]


@pytest.mark.feature("N7")
def test_a_watching_task_gives_the_first_script_the_file_and_the_others_nothing(root: Path) -> None:
    text = task_text("scene", scripts(root), Start("watch", "data/in/*.h5"), None, root)
    assert tomllib.loads(text)["tasks"]["scene"] == {
        "watch": "data/in/*.h5",
        "steps": ["./load.sh {path}", "python calibrate.py", "perl publish.pl"],
    }
    text = task_text("scene", scripts(root), Start("watch", "*.h5"), "-v {stem}", root)
    assert tomllib.loads(text)["tasks"]["scene"]["steps"] == [
        "./load.sh -v {stem}", "python calibrate.py -v {stem}", "perl publish.pl -v {stem}",
    ]  # fmt: skip


@pytest.mark.feature("N7")
def test_the_first_task_makes_the_file_and_the_next_a_file_of_its_own(root: Path) -> None:
    first = write_adopted(root, "a", task_text("a", scripts(root), Start("every", "10 min"), None, root))
    assert first == root / "procession.toml"
    before = first.read_text()
    again = write_adopted(root, "b", task_text("b", scripts(root, "load.sh"), Start("on", "e"), "{path}", root))
    assert again == root / "tasks/b.toml"
    found = definitions.read(root)
    assert [task.name for task in found.tasks] == ["a", "b"]
    assert [step.name for step in found.tasks[0].steps] == ["load", "calibrate", "publish"]
    with pytest.raises(Refused, match="nothing is overwritten"):
        write_adopted(root, "b", "x = 1\n")
    assert first.read_text() == before


def test_what_is_not_right_is_not_written(root: Path) -> None:
    with pytest.raises(ConfigError):
        write_adopted(root, "a", task_text("a", scripts(root), Start("every", "soon"), None, root))
    write_adopted(root, "a", task_text("a", scripts(root), Start("every", "1 h"), None, root))
    with pytest.raises(ConfigError) as caught:
        write_adopted(root, "b", task_text("a", scripts(root), Start("every", "1 h"), None, root))
    assert "is defined in" in str(caught.value.problems)
    assert not (root / "tasks").exists()
    for name in ("data.csv", "nowhere.sh"):
        if name == "data.csv":
            (root / name).write_text("1,2\n")
        with pytest.raises(Invalid, match=name):
            task_text("c", [root / name], Start("every", "1 h"), None, root)


def test_odd_names_of_files_stay_one_word_and_scripts_from_elsewhere_are_named_whole(root: Path) -> None:
    odd = root / "an {odd} name.py"
    odd.write_text("print()\n")
    (root / "inner").mkdir()
    text = task_text("t", [odd, root / "load.sh", root / "load.sh"], Start("every", "1 h"), None, root)
    write_adopted(root, "t", text)
    (task,) = definitions.read(root).tasks
    assert task.steps[0].command.render({}, {}, {})[-1] == str(odd)
    assert [step.name for step in task.steps[1:]] == ["load", "load-3"]
    elsewhere = task_text("t", [root / "load.sh"], Start("every", "1 h"), None, root / "inner")
    assert tomllib.loads(elsewhere)["tasks"]["t"]["steps"] == [str(root / "load.sh")]
    assert project_here(root / "inner") == root


def test_the_newest_file_that_fits_is_found(root: Path) -> None:
    for number, name in enumerate(("b.h5", "a.h5", "c.txt")):
        (root / name).write_text("x")
        subprocess.run(["touch", "-d", f"2026-01-0{number + 1}", str(root / name)], check=True)
    assert newest(root, "*.h5") == root / "a.h5"
    assert newest(root, "{project}/*.txt") == newest(root, str(root / "*.txt")) == root / "c.txt"
    assert newest(root, "*.nc") is None


CRONTAB = """\
# nightly report
# (for Ada)
MAILTO = ada@example.org
SHELL=/bin/bash
FOO="a b"
CRON_TZ=Europe/Berlin
0 6 * * mon-fri   echo "$FOO" > out.txt; date +\\%Y >> out.txt

@daily	/usr/bin/env cat
15 4 * * * cat > in.txt; false; true%hello%50\\% of it
@reboot start-me
61 * * * * never
* * * *
0 6 * * * echo again
"""


@pytest.mark.feature("N7")
def test_a_crontab_becomes_tasks_and_what_cannot_is_told(root: Path) -> None:
    """B32."""
    adopted = read_crontab(CRONTAB, "Asia/Tokyo")
    assert adopted.tasks == ["echo", "cat", "cat-2", "echo-2"]
    raw = tomllib.loads(adopted.text)["tasks"]
    assert raw["echo"]["cron"] == "0 6 * * mon-fri"
    assert raw["echo"]["timezone"] == "Europe/Berlin"
    assert raw["cat"]["cron"] == "0 0 * * *"
    assert "# nightly report\n# (for Ada)\n[tasks.echo]" in adopted.text
    said = "\n".join(adopted.notes)
    for words in ("line 3: MAILTO", "line 11 was not taken", "line 12 was not taken", "line 13 was not taken"):
        assert words in said
    assert len(adopted.notes) == 4
    (root / "procession.toml").write_text('[project]\nname = "c"\n')
    write_adopted(root, "crontab", adopted.text)
    assert len(definitions.read(root).tasks) == 4


@pytest.mark.feature("N7")
def test_a_cron_line_does_what_cron_does_with_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the home directory, past failures, with its variables, its percent signs and its input."""
    monkeypatch.setenv("HOME", str(root))
    (root / "procession.toml").write_text('[project]\nname = "c"\n')
    write_adopted(root, "crontab", read_crontab(CRONTAB, "UTC").text)
    tasks = {task.name: task for task in definitions.read(root).tasks}
    for name in ("echo", "cat-2"):
        done = subprocess.run(tasks[name].steps[0].command.words, cwd="/", check=False, timeout=20)
        assert done.returncode == 0
    lines = (root / "out.txt").read_text().splitlines()
    assert lines[0] == "a b"
    assert lines[1].isdigit()
    assert (root / "in.txt").read_text() == "hello\n50% of it\n"


def test_the_time_zone_of_the_host_is_that_of_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    (tmp_path / "localtime").symlink_to("/usr/share/zoneinfo/Europe/Vienna")
    assert local_zone(str(tmp_path / "localtime")) == "Europe/Vienna"
    assert local_zone(str(tmp_path / "none")) is None
    monkeypatch.setenv("TZ", ":Asia/Tokyo")
    assert local_zone() == "Asia/Tokyo"
