"""A command of the file becomes absolute paths, or a mistake that says what to do."""

import json
import os
import sys
from pathlib import Path

import pytest

from procession.definitions import read
from procession.model.command import Command
from tests.definitions.written import mistakes, words, write


def task(run: str, more: str = "") -> str:
    return f"[tasks.t]\non = 'x'\nrun = {run}\n{more}\n"


def command(root: Path, run: str, *scripts: str, more: str = "") -> Command:
    return read(write(root, task(run, more), *scripts)).tasks[0].step(1).command


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of programs at the head of the PATH."""
    directory = tmp_path / "tools"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    return directory


@pytest.mark.feature("P1")
@pytest.mark.parametrize(
    ("run", "script", "name"),
    [
        ("bash load.sh {x}", "load.sh", "load"),
        ("sh -e load.sh", "load.sh", "load"),
        ("bash -euo pipefail sub/load.sh", "sub/load.sh", "load"),
        ("perl -w load.pl", "load.pl", "load"),
        ("python -u -W ignore load.py {x}", "load.py", "load"),
        ("python3 -X dev -- load.py", "load.py", "load"),
        ("./deliver.sh", "deliver.sh", "deliver"),
        ("deliver.sh", "deliver.sh", "deliver"),
        ("nice -n 5 python load.py", "load.py", "load"),
        ("env A=b ./deliver.sh", "deliver.sh", "deliver"),
        ("python -m pack.load", "pack/load.py", "load"),
    ],
)
def test_the_script_of_a_command_is_found_in_the_project(tmp_path: Path, run: str, script: str, name: str) -> None:
    definitions = read(write(tmp_path, task(f"'{run}'"), script))
    step = definitions.tasks[0].step(1)
    assert step.name == name
    assert step.command.scripts == (str(tmp_path / script),)
    assert all(word.startswith("/") for word in (step.command.words[0], *step.command.scripts))
    if "pack" not in run:
        assert str(tmp_path / script) in step.command.words


@pytest.mark.parametrize(
    ("run", "name"),
    [
        ("bash -c 'echo $1' me {x}", "bash"),
        ("python -c 'print(1)' {x}", "python"),
        ("python -", "python"),
        ("cat", "cat"),
    ],
)
def test_a_command_without_a_script_is_named_after_its_program(tmp_path: Path, run: str, name: str) -> None:
    step = read(write(tmp_path, task(f'"""{run}"""'))).tasks[0].step(1)
    assert (step.name, step.command.scripts) == (name, ())


def test_a_program_is_looked_for_in_the_project_before_the_path(tmp_path: Path) -> None:
    assert command(tmp_path, "'cat {x}'").words[0] in ("/usr/bin/cat", "/bin/cat")
    assert command(tmp_path, "'cat {x}'", "cat").words == (str(tmp_path / "cat"), "{x}")
    (tmp_path / "cat").chmod(0o644)
    assert command(tmp_path, "'cat {x}'").words[0] in ("/usr/bin/cat", "/bin/cat")


def test_values_are_literal_in_a_directory_with_braces_and_spaces(tmp_path: Path) -> None:
    """B13, B16."""
    root = tmp_path / "a {b} c"
    step = "{ name = 's', run = ['./x {{1}}.sh', '{v}', 'a b', '{{v}}'] }"
    write(root, f"[tasks.t]\non = 'x'\nsteps = [{step}]\n", "x {1}.sh")
    found = read(root).tasks[0].step(1).command
    assert found.render({"v": "; rm {b}"}, {}, {}) == [str(root / "x {1}.sh"), "; rm {b}", "a b", "{v}"]
    assert found.scripts == (str(root / "x {1}.sh"),)


@pytest.mark.parametrize(
    ("run", "mistake"),
    [
        ("{x}", "the program {x} would be chosen by an event"),
        ("./{x}.sh", "the program ./{x}.sh would be chosen by an event"),
        ("bash {x}", "the script {x} would be chosen by an event"),
        ("nice python {x}.py", "the script {x}.py would be chosen by an event"),
        ("python -m {x}", "{x} stands in what python reads as code"),
        ("bash -ec 'ls {x}'", "{x} stands in what bash reads as code"),
        ("env A=b sh -c 'ls {x}' a", "{x} stands in what sh reads as code"),
        ("perl -e{x}", "the script -e{x} would be chosen"),
    ],
)
def test_no_event_chooses_what_is_run(tmp_path: Path, run: str, mistake: str) -> None:
    """C10, C12."""
    (found,) = mistakes(write(tmp_path, task(f'"""{run}"""')))
    assert found.startswith(f"procession.toml:3: tasks.t.run: {mistake}")


@pytest.mark.parametrize(
    ("run", "mistake"),
    [
        ("./missing.sh", "program ./missing.sh is not found: there is no {root}/missing.sh; check the name"),
        ("nonesuch-program", "program nonesuch-program is neither in {root} nor on the PATH"),
        ("~/x.sh", "program ~/x.sh is not found"),
        ("bash missing.sh", "script missing.sh is not found"),
        ("./folder", "./folder is a directory; name the program in it"),
        ("bash folder", "script folder is a directory; name the file that bash is to run"),
        ("./plain.py", './plain.py is not executable; do: chmod +x {root}/plain.py, or write "python ./plain.py"'),
        ("plain.py", "plain.py is not executable"),
        ("./bare.sh", './bare.sh has no #! line, so it cannot be started directly; write "bash ./bare.sh"'),
        ("./dos.sh", "./dos.sh has Windows line ends"),
        ("./lost.sh", "the #! line of ./lost.sh names /nowhere/sh"),
        ("./env.sh", "the #! line of ./env.sh asks for nonesuch-interpreter, which is not on the PATH"),
        ("./pipe", "./pipe is not a regular file"),
        ("x" * 5000, "names no usable file (File name too long)"),
        ("./" + "x" * 5000, "names no usable file (File name too long)"),
        ("bash " + "x/" * 3000, "names no usable file (File name too long)"),
    ],
)
def test_what_would_fail_at_its_first_start_is_a_mistake(tmp_path: Path, run: str, mistake: str) -> None:
    """B21, B37."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, text in {
        "plain.py": "print()",
        "bare.sh": "echo",
        "dos.sh": "#!/bin/sh\r\necho\r\n",
        "lost.sh": "#!/nowhere/sh\n",
        "env.sh": "#!/usr/bin/env -S nonesuch-interpreter -x\n",
    }.items():
        (tmp_path / name).write_bytes(text.encode())
        (tmp_path / name).chmod(0o644 if name == "plain.py" else 0o755)
    (found,) = mistakes(write(tmp_path, task(f"'{run}'")))
    assert found.startswith("procession.toml:3: tasks.t.run: " + mistake.format(root=tmp_path))


@pytest.mark.feature("P2")
def test_what_works_but_perhaps_not_as_meant_is_a_warning(tmp_path: Path) -> None:
    root = write(tmp_path, task("'bash load.sh settings.ini'"), "load.sh", "settings.ini")
    (root / "load.sh").chmod(0o757)
    warnings = read(root).warnings
    assert warnings == (
        f"procession.toml:3: tasks.t.run: everyone may write to {root}/load.sh, and so decide what is run; "
        f"do: chmod o-w {root}/load.sh",
        "procession.toml:3: tasks.t.run: settings.ini lies in the project's directory, but the command "
        "runs in its own; if this file is meant, write {project}/settings.ini",
    )


def test_a_shell_text_is_one_word_for_bash(tmp_path: Path) -> None:
    text = "./load.sh a | wc > ${OUT}; echo {path} {7} ${path}"
    root = write(tmp_path, task(f"'{text}'", "shell = true"), "load.sh")
    definitions = read(root)
    bash, *options, last = words(definitions)
    assert (Path(bash).name, options, last) == ("bash", ["-euo", "pipefail", "-c"], text)
    assert definitions.tasks[0].step(1).command.scripts == (f"{root}/load.sh",)
    assert definitions.tasks[0].step(1).name == "load"
    (warning,) = definitions.warnings
    assert '"$PROCESSION_PARAM_PATH"' in warning
    (found,) = mistakes(write(tmp_path, task("['a', 'b']", "shell = true")))
    assert "must be one text where shell = true" in found


@pytest.mark.parametrize("run", ["cat <<E\nit's\nE", "# nothing", "x=1 && for a in 1; do echo $a; done"])
def test_what_bash_understands_is_left_to_bash(tmp_path: Path, run: str) -> None:
    toml = f'[tasks.t]\non = "x"\nsteps = [{{ name = "s", shell = true, run = """{run}""" }}]\n'
    assert words(read(write(tmp_path, toml)))[-1] == run


@pytest.mark.feature("M121")
def test_python_is_the_environment_beside_the_file_and_keeps_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    assert command(tmp_path, "'python load.py'", "load.py").words[0] == f"{tmp_path}/venv/bin/python"
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    assert command(tmp_path, "'python3 load.py'").words[0] == f"{tmp_path}/.venv/bin/python"
    assert command(tmp_path, "'python load.py'", more="python = 'venv/bin/python'").words[0] == (
        f"{tmp_path}/venv/bin/python"
    )


@pytest.mark.feature("M121")
def test_the_nearest_choice_of_python_counts(tmp_path: Path, tools: Path) -> None:
    for name in ("python-a", "python-b", "python-c"):
        (tools / name).symlink_to(os.path.realpath(sys.executable))
    toml = """
        [project]
        python = "python-a"
        [tasks.t]
        on = "x"
        steps = ["python x.py", { name = "b", run = "python x.py", python = "python-b" }]
        [tasks.u]
        on = "x"
        run = "python x.py"
        defaults.python = "python-c"
    """
    definitions = read(write(tmp_path / "p", toml, "x.py"))
    assert [words(definitions, "t", 1)[0], words(definitions, "t", 2)[0], words(definitions, "u")[0]] == [
        str(tools / "python-a"),
        str(tools / "python-b"),
        str(tools / "python-c"),
    ]


@pytest.mark.feature("M121")
def test_a_wrapper_script_is_asked_once_for_the_interpreter_behind_it(tmp_path: Path, tools: Path) -> None:
    log = tmp_path / "asked"
    (tools / "python3").write_text(f'#!/bin/sh\necho >> {log}\nexec "{sys.executable}" "$@"\n')
    (tools / "python3").chmod(0o755)
    for _ in range(2):
        assert command(tmp_path, "'python load.py'", "load.py").words[0] == sys.executable
    assert log.read_text() == "\n"


@pytest.mark.parametrize(
    ("python", "mistake"),
    [
        ("no/python", "there is no {root}/no/python; make the environment"),
        (".", "program . is neither in"),
        ("./folder", "{root}/folder is a directory; name the interpreter in it, as in ./folder/bin/python"),
        ("./false", "{root}/false does not answer as a Python interpreter"),
        ("./silent", "{root}/silent does not say which Python interpreter it is"),
        ("nonesuch", "program nonesuch is neither in {root} nor on the PATH"),
    ],
)
def test_a_wrong_choice_of_python_is_one_mistake_where_it_was_made(tmp_path: Path, python: str, mistake: str) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("false", "silent"):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {int(name == 'false')}\n")
        (tmp_path / name).chmod(0o755)
    toml = f"[project]\npython = '{python}'\n[tasks.t]\non = 'x'\nsteps = ['python a.py', 'python b.py']\n"
    (found,) = mistakes(write(tmp_path, toml, "a.py", "b.py"))
    assert found.startswith("procession.toml:2: project.python: " + mistake.format(root=tmp_path))


@pytest.mark.feature("P2")
@pytest.mark.parametrize(
    ("run", "mark"),
    [
        ("cat a | wc", "|"), ("cat a > b", ">"), ("cat a >b", ">"), ("cat a 2>&1", "2>&1"), ("sort < a", "<"),
        ("true && true", "&&"), ("echo a; echo", ";"), ("echo $HOME", "$HOME"), ("echo ${HOME}/x", "${HOME"),
        ("ls *.tif", "*"), ("cat ~/x", "~"), ("echo `date`", "`"), ("echo $(date)", "$("), ("sleep 1 &", "&"),
    ],
)  # fmt: skip
def test_shell_syntax_that_no_shell_will_see_is_told_once(tmp_path: Path, run: str, mark: str) -> None:
    write(tmp_path, f"[tasks.t]\non = 'e'\nrun = {json.dumps(run)}\n")
    (warning,) = read(tmp_path).warnings
    assert f"{mark} means nothing here" in warning
    assert "shell = true" in warning
    write(tmp_path, f"[tasks.t]\non = 'e'\nshell = true\nrun = {json.dumps(run)}\n")
    assert read(tmp_path).warnings == ()


@pytest.mark.parametrize(
    "run",
    [
        "echo 'a | b'", "echo \"*.tif\"", "sh -c 'ls | wc > $OUT'", "echo a>b", "echo {path} --x={sat} 100% a~b a&b",
        "echo https://x.org/?a=1&b=2", "awk '{{print $1}}'",
    ],
)  # fmt: skip
def test_what_is_quoted_or_means_nothing_to_a_shell_either_is_not_told(tmp_path: Path, run: str) -> None:
    write(tmp_path, f"[tasks.t]\non = 'e'\nrun = {json.dumps(run)}\n")
    assert read(tmp_path).warnings == ()
