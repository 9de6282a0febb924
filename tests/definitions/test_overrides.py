"""What holds over the file: this host's tables, the environment, --set; each told with where it comes from."""

import os
from pathlib import Path

import pytest

from procession import definitions
from procession.definitions.overrides import given, of_host
from procession.errors import ConfigError
from procession.model.task import Task
from procession.project import Project

HOST = os.uname().nodename
TOML = f"""\
[project]
name = "p"
[launcher]
cpus = 1
[limits]
ftp = 1
"satellite:{{sat}}" = 1
[variables]
quality = "low"
[hosts.{HOST!r}.launcher]
cpus = 2
memory = "1 GB"
[hosts.elsewhere.launcher]
cpus = 64
[tasks.scene-a]
on = "e"
run = "true"
at_once = 1
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "procession.toml").write_text(TOML)
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/other.toml").write_text('[tasks.other]\nevery = "1 h"\nrun = "true"\n')
    return tmp_path


def task(found: definitions.Definitions, name: str) -> Task:
    return next(task for task in found.tasks if task.name == name)


@pytest.mark.feature("M119")
def test_set_goes_before_the_environment_before_the_host_before_the_file(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert definitions.read(root).cpus == 2
    assert definitions.read(root).memory == 10**9
    monkeypatch.setenv("PROCESSION_LAUNCHER__CPUS", "3")
    assert definitions.read(root).cpus == 3
    found = definitions.read(root, ["launcher.cpus=4"])
    assert (found.cpus, found.memory) == (4, 10**9)
    assert [line for line in found.overrides if "cpus" in line] == [
        f"launcher.cpus = 2 ([hosts.{HOST}.launcher])", "launcher.cpus = 3 (PROCESSION_LAUNCHER__CPUS)",
        "launcher.cpus = 4 (--set launcher.cpus)",
    ]  # fmt: skip


@pytest.mark.feature("M119")
def test_every_section_can_be_set_and_names_from_the_environment_are_found(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROCESSION_TASKS__SCENE_A__AT_ONCE", "5")
    monkeypatch.setenv("PROCESSION_TASKS__OTHER__EVERY", "10 min")
    monkeypatch.setenv("PROCESSION_LIMITS__FTP", "7")
    monkeypatch.setenv("PROCESSION_PROJECT__VAR", "elsewhere")
    monkeypatch.setenv("PROCESSION_PARAM_A__B", "of a script")
    found = definitions.read(root, ['limits."satellite:{sat}"=2', "variables.quality=high", 'environment.set={A="b"}'])
    assert task(found, "scene-a").at_once == 5
    assert task(found, "other").every == 600
    assert dict(found.limits) == {"ftp": 7, "satellite:{sat}": 2}
    assert task(found, "other").variables == {"quality": "high"}
    assert found.environment_set == (("A", "b"),)
    assert found.var == definitions.whereabouts(root).var == root / "elsewhere"


@pytest.mark.feature("M119")
@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("launchr.cpus=4", "--set launchr.cpus: unknown section launchr; did you mean launcher?"),
        ("launcher.cpuss=4", "--set launcher.cpuss: launcher.cpuss: unknown key; did you mean cpus?"),
        ("launcher.cpus=many", "--set launcher.cpus: launcher.cpus: must be a number"),
        ("tasks.scene.at_once=4", "--set tasks.scene.at_once: unknown task scene; did you mean scene-a?"),
        ("tasks.other.at_onc=4", "--set tasks.other.at_onc: tasks.other.at_onc: unknown key; did you mean at_once?"),
        ("tasks.other=4", "says no key"),
        ("cpus=4", "is no SECTION.KEY=VALUE"),
        ("launcher.cpus", "is no SECTION.KEY=VALUE"),
        ("launcher.cpus=4\n[tasks]=1", "must be a number"),
    ],
)
def test_what_is_not_known_is_told_with_where_it_comes_from(root: Path, option: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        definitions.read(root, [option])
    assert words in "\n".join(caught.value.problems)


@pytest.mark.feature("M119")
def test_mistakes_of_the_environment_and_of_other_hosts_are_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROCESSION_LAUNCHER__CPUS", "0")
    with pytest.raises(ConfigError) as caught:
        definitions.read(root)
    assert caught.value.problems[0].startswith("PROCESSION_LAUNCHER__CPUS: launcher.cpus: must be greater than 0")
    monkeypatch.setenv("PROCESSION_LAUCHER__CPUS", "1")
    with pytest.raises(ConfigError, match="over the file") as caught:
        definitions.fingerprint(root)
    monkeypatch.delenv("PROCESSION_LAUCHER__CPUS")
    monkeypatch.delenv("PROCESSION_LAUNCHER__CPUS")
    (root / "procession.toml").write_text(TOML + "[hosts.far.launcher]\ncpsu = 1\n[hosts.far.task]\n")
    with pytest.raises(ConfigError) as caught:
        definitions.read(root)
    assert [line.partition(": ")[2] for line in caught.value.problems] == [
        "hosts.far.launcher.cpsu: unknown key; did you mean cpus?",
        "hosts.far.task: unknown key; did you mean tasks?",
    ]


def test_a_host_is_known_by_its_whole_name_or_its_first_part() -> None:
    tables = {"hosts": {"alpha": {"launcher": {"cpus": 1}}, "alpha.example.org": {"launcher": {"cpus": 2}}}}
    assert [o.value for o in of_host(tables, "alpha.example.org")] == [1, 2]
    assert [o.value for o in of_host(tables, "alpha")] == [1]
    assert of_host(tables, "beta") == []
    assert of_host({"hosts": 7}, "alpha") == []


def test_values_are_those_of_toml_and_a_bare_word_is_a_text() -> None:
    values = {o.keys[1]: o.value for o in given(
        ["launcher.a=4", "launcher.b=4.5", "launcher.c=true", 'launcher.d=["x"]', "launcher.e=x y", 'launcher.f="4"',
         "launcher.g="], {},
    )}  # fmt: skip
    assert values == {"a": 4, "b": 4.5, "c": True, "d": ["x"], "e": "x y", "f": "4", "g": ""}


@pytest.mark.feature("M119")
def test_what_is_set_changes_the_fingerprint_of_whoever_reads_with_it(root: Path) -> None:
    plain, over = definitions.fingerprint(root), definitions.fingerprint(root, ["launcher.cpus=4"])
    assert plain != over
    assert definitions.of_files(plain) == definitions.of_files(over)
    project = Project.open(root, options=["launcher.cpus=4"])
    assert project.settings.cpus == 4
    project.close()
    project = Project.open(root)  # nobody serves: the files hold again
    assert project.settings.cpus == 2
    project.close()
