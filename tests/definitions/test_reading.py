"""A project's files become tasks, or one list of every mistake with its line."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from procession.definitions import Definitions, read
from procession.model.task import RetryPolicy, Task
from tests.definitions.written import mistakes, words, write

WRONG = """\
[project]
name = "la nd"
pyton = "x"
database = "mysql://me:secret@host"

[launcher]
cpus = 2

[environment]
set = { LD_PRELOAD = "x", foo = "y", OK = 3 }
drop = ["", "a=b", "LD_PRELOAD"]

[tasks.scene]
on = "scene"
every = "0.5 s"
at_once = -1
timeot = "3 s"
defaults = { cpus = 8, timeout = "5", retry = { attemps = 3 } }
steps = [
  "sh load.sh {path}",
  { run = "./calib.sh", timeout = "20 mins?" },
  { name = "rgb", run = "sh nope.sh {rgb.y}" },
  { run = "bash -c 'rm {x}'" },
  { run = "sh load.sh" },
  { name = "../x", run = ["true", "{load.bands}"] },
  { run = "{prog} x", retry = { attempts = 0, on = ["lost"] }, cwd = "here" },
]

[tasks.order]
on = "x"
steps = ["sh load.sh {laod.x}", "true {given.day} {", { name = "last" }, 42]

[tasks.later]
on = "x"
run = "sh load.sh {x}"
timeout = "5 s"
defaults.timeout = "6 s"
steps = []

[tasks.reference]
on = "x"
steps = ["sh load.sh {laod.x}", "true {lod.x} {last.y}", { name = "last", run = "true", python = "no/python" }]

[tasks."b d"]
[tasks.given]
every = 1e308
run = "sh load.sh {dat}"
[work]
keep = 1
max_totl = "1 GB"
reserve = 0
"""

LINES = """\
2: project.name: is not a name
3: project.pyton: unknown key; did you mean python?
4: project.database: must be the URL of a PostgreSQL database
10: environment.set.LD_PRELOAD: decides which code programs load
10: environment.set.OK: must be a text, in quotes
10: environment.set.foo: is not a name for the environment
11: environment.drop[1]: is not a name for the environment
11: environment.drop[2]: is not a name for the environment
15: tasks.scene.every: is less than a second
14: tasks.scene.on: stands beside every
16: tasks.scene.at_once: must be at least 0
17: tasks.scene.timeot: unknown key; did you mean timeout?
18: tasks.scene.defaults.cpus: can never start: it asks for 8 cpus, and the launcher has 2
18: tasks.scene.defaults.retry.attemps: unknown key; did you mean attempts?
18: tasks.scene.defaults.timeout: "5" is not a duration; write e.g. "5 s"
21: tasks.scene.steps[2].run: ./calib.sh is not executable; do: chmod +x
21: tasks.scene.steps[2].timeout: "20 mins?" is not a duration; write e.g. "20 min"
22: tasks.scene.steps[3].run: script nope.sh is not found
22: tasks.scene.steps[3].run: {rgb.y} is an output of this step itself
23: tasks.scene.steps[4].run: {x} stands in what bash reads as code
24: tasks.scene.steps[5]: steps 1 and 5 are both called "load"
25: tasks.scene.steps[6].name: is not a name
26: tasks.scene.steps[7].cwd: must be 'processing' or 'step'
26: tasks.scene.steps[7].retry.attempts: must be at least 1
26: tasks.scene.steps[7].retry.on[1]: must be 'failed'
26: tasks.scene.steps[7].run: the program {prog} would be chosen by an event
31: tasks.order.steps[2]: a lone { in "{"; write {{ for a literal brace
31: tasks.order.steps[2]: {given.day} is not a given name
31: tasks.order.steps[3]: has no command; write run = "..."
31: tasks.order.steps[4]: must be a command, a list of words, or a table
37: tasks.later.defaults.timeout: timeout stands in the task as well; keep one
38: tasks.later.steps: must not be empty
38: tasks.later.steps: stands beside run
42: tasks.reference.steps[1]: {laod.x} names no earlier step
42: tasks.reference.steps[2]: {last.y} is an output of step 3, which comes later
42: tasks.reference.steps[2]: {lod.x} names no earlier step; did you mean {load.x}?
42: tasks.reference.steps[3].python: there is no
44: tasks."b d": does not say what it runs; write run = ... or steps = ...
44: tasks."b d": does not say when it runs; write every = ... or cron = ...
44: tasks."b d": is not a name
46: tasks.given.every: 1e+308 is longer than a hundred years
47: tasks.given.run: {dat} has no value: nobody gives a periodic task parameters; did you mean {date}?
49: work.keep: must be a table
50: work.max_totl: unknown key; did you mean max_total?
51: work.reserve: must be more than nothing; leave it out where there is no limit
"""


@pytest.mark.feature("P2")
def test_every_mistake_is_reported_at_once_with_its_line(tmp_path: Path) -> None:
    """C13, C27, B17, B25, B33, B37."""
    write(tmp_path, WRONG, "load.sh", "calib.sh")
    (tmp_path / "calib.sh").chmod(0o644)
    found = mistakes(tmp_path)
    expected = [f"procession.toml:{line}" for line in LINES.splitlines()]
    missing = [line for line in expected if not any(each.startswith(line) for each in found)]
    surplus = [each for each in found if not any(each.startswith(line) for line in expected)]
    assert (missing, surplus) == ([], [])
    assert len(found) == len(expected)
    assert "secret" not in "".join(found)


@pytest.mark.feature("M5", "M35")
def test_a_chain_of_scripts_is_one_task(tmp_path: Path) -> None:
    toml = """
        [tasks.t]
        on = "scene"
        at_once = 4
        timeout = "1 h"
        steps = [
          "sh load.sh {path}",
          ["sh", "calibrate.sh", "a b", "{load.bands}"],
          { name = "rgb", run = "./rgb.sh", cpus = 0.5, timeout = "20 min", grace = 5, cwd = "step" },
        ]
    """
    task = read(write(tmp_path, toml, "load.sh", "calibrate.sh", "rgb.sh")).tasks[0]
    assert (task.name, task.on, task.every, task.at_once) == ("t", "scene", None, 4)
    assert [(step.ordinal, step.name, step.needs) for step in task.steps] == [
        (1, "load", ()),
        (2, "calibrate", (1,)),
        (3, "rgb", (2,)),
    ]
    assert [step.timeout for step in task.steps] == [3600, 3600, 1200]
    assert (task.steps[2].cpus, task.steps[2].grace, task.steps[2].cwd) == (0.5, 5, "step")
    assert task.step(2).command.words[1:] == (str(tmp_path / "calibrate.sh"), "a b", "{load.bands}")
    assert task.parameters() == {"path"}
    assert Task.from_json(task.to_json()) == task


@pytest.mark.feature("M34")
def test_a_periodic_task_takes_its_own_timetable(tmp_path: Path) -> None:
    toml = '[tasks.t]\nevery = "10 min"\nrun = "sh look.sh {project}/inbox {date}"\n'
    task = read(write(tmp_path, toml, "look.sh")).tasks[0]
    assert (task.on, task.every, len(task.steps), task.step(1).name) == ("timetable:t", 600, 1, "look")


@pytest.mark.feature("P10")
@pytest.mark.parametrize(
    ("defaults", "step", "policy"),
    [
        ("{}", "{}", RetryPolicy()),
        ("{}", "{ attempts = 5 }", RetryPolicy(attempts=5, soft_attempts=5)),
        ("{}", "{ attempts = 5, soft_attempts = 2 }", RetryPolicy(attempts=5, soft_attempts=2)),
        ("{ soft_attempts = 7, delay = 1 }", "{ attempts = 5 }", RetryPolicy(5, 5, 1.0)),
        ("{ attempts = 5 }", "{ soft_attempts = 7 }", RetryPolicy(5, 7)),
        (
            '{ on = ["failed"], factor = 3 }',
            '{ delay = "2 min", max_delay = "1 day" }',
            RetryPolicy(3, 10, 120.0, 3.0, 86400.0, ("failed",)),
        ),
    ],
)
def test_retry_is_merged_key_by_key(tmp_path: Path, defaults: str, step: str, policy: RetryPolicy) -> None:
    toml = f'[tasks.t]\non = "x"\nsteps = [{{ run = "true", retry = {step} }}]\ndefaults.retry = {defaults}\n'
    assert read(write(tmp_path, toml)).tasks[0].step(1).retry == policy


def test_tasks_can_live_in_files_of_their_own(tmp_path: Path) -> None:
    write(tmp_path, '[tasks.one]\non = "x"\nrun = "true"\n')
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "b.toml").write_text('[tasks.two]\non = "x"\nrun = "sh load.sh"\n')
    (tmp_path / "load.sh").touch()
    assert [task.name for task in read(tmp_path).tasks] == ["one", "two"]
    (tmp_path / "tasks" / "a.toml").write_text('[project]\n\n[tasks.one]\non = "y"\nrun = "treu"\n')
    found = mistakes(tmp_path)
    assert found[0] == "tasks/a.toml:1: project: unknown key; known here: tasks"
    assert found[1] == "tasks/a.toml:3: tasks.one: is defined in procession.toml:1 as well; rename or remove one"
    assert found[2].startswith("tasks/a.toml:5: tasks.one.run: program treu is neither in")


def test_a_project_that_says_nothing_has_defaults_and_a_warning(tmp_path: Path) -> None:
    definitions = read(write(tmp_path / "my project", ""))
    assert (definitions.name, definitions.database, definitions.tasks) == ("my-project", None, ())
    assert definitions.var == tmp_path / "my project" / "var"
    assert definitions.cpus > 0
    assert definitions.warnings == ("procession.toml:1: defines no task yet; write one as [tasks.NAME]",)


@pytest.mark.parametrize(
    ("toml", "mistake"),
    [
        ('tasks = "x"', "procession.toml:1: tasks: must be a table"),
        ("project = 3", "procession.toml:1: project: must be a table"),
        ("[[tasks]]\n", "procession.toml:1: tasks: must be a table"),
        ("[tasks]\nt = 3", "procession.toml:2: tasks.t: must be a table"),
        ("[tasks.t]\non = 1979-05-27\nrun = 'true'", "procession.toml:2: tasks.t.on: must be a text, in quotes"),
        ("[tasks.t]\non = 'x'\nrun = []", "procession.toml:3: tasks.t.run: must be a command"),
        ("[tasks.t]\non = 'x'\nrun = '  '", "procession.toml:3: tasks.t.run: must be a command"),
        ("[tasks.t]\non = 'x'\nrun = 'true \"'", "procession.toml:3: tasks.t.run: cannot be split into words"),
        ("[tasks.t]\non = 'x'\nrun = \"true a\\u0000b\"", "procession.toml:3: tasks.t.run: contains a NUL"),
        ("[tasks.t]\non = 'x'\nsteps = 'true'", "procession.toml:3: tasks.t.steps: must be a list"),
        ("[tasks.t]\non = 'x'\nrun = 'true'\nat_once = 1.5", "procession.toml:4: tasks.t.at_once: must be a whole"),
        ("[tasks.t]\non = 'x'\nrun = 'true'\ntimeout = 0", "procession.toml:4: tasks.t.timeout: must be longer than"),
        ("[tasks.t]\non = 'x'\nrun = 'true'\ntimeout = -1", "procession.toml:4: tasks.t.timeout: -1 is not a dur"),
        ("[tasks.t]\non = 'x'\nrun = 'true'\ngrace = nan", "procession.toml:4: tasks.t.grace: nan is not a dur"),
        ("[tasks.t]\non = 'x'\nrun = 'true'\ncpus = -1", "procession.toml:4: tasks.t.cpus: must be at least 0"),
        ("[tasks.t]\non = 'x'\nrun = 'true'\ncpus = inf", "procession.toml:4: tasks.t.cpus: must be a number"),
        ("[tasks.t]\non = 'x'\nrun = 'true'\ncpus = true", "procession.toml:4: tasks.t.cpus: must be a number"),
        ("[tasks.t]\non = 'x'\nrun = 'true'\nretry = 3", "procession.toml:4: tasks.t.retry: must be a table"),
        ("[launcher]\ncpus = 0", "procession.toml:2: launcher.cpus: must be greater than 0"),
        ("[project]\nvar = ''", "procession.toml:2: project.var: must be a path"),
        (f"[project]\nname = '{'x' * 129}'", "procession.toml:2: project.name: is not a name"),
        ("[tasks.'<b>']\non = 'x'\nrun = 'true'", 'procession.toml:1: tasks."<b>": is not a name'),
        ("[tasks.'-rf']\non = 'x'\nrun = 'true'", "procession.toml:1: tasks.-rf: is not a name"),
        (f"[tasks.'{'x' * 10_000}']\non = 'x'\nrun = 'true'", 'procession.toml:1: tasks.xxx'),
        ("[tasks.t]\non = 'a\\nb'\nrun = 'true'", "procession.toml:2: tasks.t.on: is not a name"),
        ("[tasks.t]\non = 'x'\nrun = ['nowhere']", "procession.toml:3: tasks.t.run: program nowhere is neither"),
        ("[tasks.t]\non = 'x'\nrun = '[ x ]'", "procession.toml:3: tasks.t.run: needs a name"),
        ("[tasks.t]\non = 'x'\nsteps = [{ name = 'given', run = 'true' }]", "procession.toml:3: tasks.t.steps[1]: can"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, toml: str, mistake: str) -> None:
    """B25, B33."""
    (found,) = mistakes(write(tmp_path, toml))
    assert found.startswith(mistake)


def test_definitions_survive_the_database_without_their_password(tmp_path: Path) -> None:
    toml = """
        [project]
        database = "postgresql://me:secret@host/db"
        var = "../elsewhere"
        [launcher]
        cpus = 1.5
        [environment]
        set = { OMP_NUM_THREADS = "1", EMPTY = "" }
        drop = ["DISPLAY", "http_proxy"]
        [tasks.t]
        on = "x"
        run = "true"
        cpus = 64
    """
    before = read(write(tmp_path, toml))
    assert before.warnings == (
        "procession.toml:13: tasks.t.cpus: 64 cpus are more than the 1.5 of this host; only a larger host can start it",
    )
    text = before.to_json()
    assert "secret" not in text
    assert Definitions.from_json(text, before.tasks, before.database) == before
    assert before.environment_set == (("OMP_NUM_THREADS", "1"), ("EMPTY", ""))


def test_a_chain_has_at_most_a_thousand_steps(tmp_path: Path) -> None:
    """B39."""
    many = ", ".join(['"true"'] * 2000)
    (found,) = mistakes(write(tmp_path, f'[tasks.t]\non = "x"\nsteps = [{many}]\n'))
    assert found == "procession.toml:3: tasks.t.steps: must not have more than 1000 elements"


def test_the_light_questions_do_not_load_the_schema(tmp_path: Path) -> None:
    write(tmp_path, '[tasks.t]\non = "x"\nrun = "true"\n')
    code = (
        "import sys; from pathlib import Path; from procession import definitions as d;"
        "root = d.find(Path(sys.argv[1])); d.fingerprint(root); d.whereabouts(root);"
        "sys.exit('pydantic' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path], timeout=60, check=True)


def test_a_name_is_used_again_only_with_another_name(tmp_path: Path) -> None:
    toml: Any = '[tasks.t]\non = "x"\nsteps = ["true", { name = "again", run = "true" }]\n'
    assert [step.name for step in read(write(tmp_path, toml)).tasks[0].steps] == ["true", "again"]
    assert words(read(tmp_path), step=2) == words(read(tmp_path))
