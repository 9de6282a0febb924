"""A step with ``reduce``: what it may say, and what its command becomes."""

import shlex
from pathlib import Path

import pytest

from procession.definitions import read
from procession.definitions.reductions import DRIVER
from procession.model.task import Task
from tests.definitions.written import mistakes, words, write

STEP = 'reduce = "reduce.py", input = "{path}"'


def project(root: Path, step: str, task: str = "") -> Path:
    return write(root, f'[tasks.t]\non = "e"\n{task}\nsteps = [{{ {step} }}]\n', "reduce.py")


@pytest.mark.feature("M6", "M70", "M73")
def test_it_becomes_our_driver_with_the_interpreter_of_the_step(tmp_path: Path) -> None:
    found = read(project(tmp_path, f'{STEP}, output = "archive/{{run}}", logs = "/data/{{rb}}/logs", overwrite = true'))
    said = words(found)
    assert said[1] == str(DRIVER)
    assert {"--input={path}", f"--output={tmp_path}/archive/{{run}}", "--logs=/data/{rb}/logs", "--fixed=/data",
            "--overwrite", "--versions", "--delay=21600", "--into={work}/reduce-output"} <= set(said)  # fmt: skip
    plan = found.tasks[0].step(1)
    assert (plan.name, plan.kind, plan.script, plan.python) == ("reduce", "reduce", f"{tmp_path}/reduce.py", said[0])
    assert plan.defaults == f"{tmp_path}/reduce_vars.py"
    assert plan.command.scripts == (plan.script, plan.defaults)
    assert (plan.retry.soft_attempts, plan.retry.on) == (5, ())
    assert found.tasks[0].parameters() == {"path", "run", "rb"}
    assert Task.from_json(found.tasks[0].to_json()) == found.tasks[0]


@pytest.mark.feature("M73", "M85", "M81")
def test_every_option_reaches_it(tmp_path: Path) -> None:
    step = (
        f'name = "gem", {STEP}, versions = false, artifacts = [], environment_delay = "10 min", '
        'retry = { attempts = 2 }, timeout = "1 h", cpus = 2'
    )
    found = read(project(tmp_path, step))
    assert "--versions" not in words(found)
    assert not [word for word in words(found) if word.startswith(("--artifact", "--output", "--fixed"))]
    plan = found.tasks[0].step(1)
    assert (plan.name, plan.retry.soft_attempts, plan.timeout, plan.cpus) == ("gem", 2, 3600, 2)
    assert "--into={work}/gem-output" in words(found)


@pytest.mark.feature("M6")
def test_names_with_braces_and_blanks_are_no_templates(tmp_path: Path) -> None:
    root = tmp_path / "a {b} c"
    found = read(project(root, STEP))
    assert f"--script={root}/reduce.py" in found.tasks[0].step(1).command.render({"path": "/x"}, {}, {"work": "/w"})
    assert shlex.join(words(found)).count("{{b}}") > 2


@pytest.mark.feature("M6")
@pytest.mark.parametrize(
    ("step", "mistake"),
    [
        ('reduce = "other.py", input = "{path}"', "script other.py is not found: there is no"),
        ('reduce = "reduce.py"', 'does not say what main gets; write input = "{path}"'),
        (f'{STEP}, run = "true"', "stands beside reduce; a step has one of them, keep one"),
        (f'{STEP}, function = "a.b"', "stands beside reduce; a step has one of them, keep one"),
        (f'{STEP}, wait = "children"', "stands beside wait"),
        (f"{STEP}, shell = true", "shell is for commands; a reduction script is called, not run as a command"),
        (f'{STEP}, vars = "nowhere.py"', "script nowhere.py is not found: there is no"),
        (f'{STEP}, output = "archive/{{}}"', '"{}" in "archive/{}" is not a valid name'),
        (f'{STEP}, output = "archive/{{before.x}}"', "names no earlier step"),
        ('reduce = "reduce.py", input = []', 'must be a path, such as "{path}", or a list of 1 to 100 paths'),
        ('reduce = "reduce.py", input = 3', 'must be a path, such as "{path}", or a list of 1 to 100 paths'),
        (f'{STEP}, environment_delay = "soon"', "soon"),
        ('run = "true", output = "archive"', 'is for a reduction: { reduce = "reduce.py", input = "{path}", ... }'),
        ('input = "{path}"', "has no command; write run = "),
    ],
)  # fmt: skip
def test_what_is_wrong_with_it_is_said(tmp_path: Path, step: str, mistake: str) -> None:
    found = mistakes(project(tmp_path, step))
    assert [line for line in found if mistake in line], found


@pytest.mark.feature("M70")
def test_a_mount_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    found = read(project(tmp_path, f'{STEP}, output = "/nowhere/{{run}}"'))
    assert [line for line in found.warnings if "/nowhere is not there now, and is not made" in line]


@pytest.mark.feature("M7", "M69")
def test_what_a_task_says_of_its_reductions(tmp_path: Path) -> None:
    found = read(project(tmp_path / "a", STEP, 'accept_scripts = true\nskip_when = "run == 3"')).tasks[0]
    assert found.accept_scripts
    assert found.skips({"run": 3})
    assert not found.skips({"run": 4})
    assert not found.skips({})
    (line,) = mistakes(write(tmp_path / "b", '[tasks.t]\non = "e"\nrun = "./a.sh"\naccept_scripts = true\n', "a.sh"))
    assert "says nothing without a step" in line
    assert any("skip_when" in line for line in mistakes(project(tmp_path / "c", STEP, 'skip_when = "run =="')))
