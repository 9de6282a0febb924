"""Every key of graphs, time and limits: right, and wrong with a sentence that names the place (B32, B33, B39)."""

from pathlib import Path

import pytest

from procession.definitions import Definitions, read
from procession.model.task import Task
from tests.definitions.written import mistakes, write

pytestmark = pytest.mark.feature("P2", "P3", "P6", "M44")
SCRIPTS = ("one.sh", "two.sh", "three.sh")


def task(root: Path, text: str, head: str = "") -> Task:
    return project(root, f'{head}\n[tasks.t]\non = "e"\n{text}\n').tasks[0]


def project(root: Path, text: str) -> Definitions:
    return read(write(root, "[launcher]\ncpus = 4\nmemory = '4 GB'\n" + text, *SCRIPTS))


def wrong(root: Path, text: str, head: str = "") -> list[str]:
    write(root, f'[launcher]\ncpus = 4\nmemory = "4 GB"\n{head}\n[tasks.t]\n{text}\n', *SCRIPTS)
    return [line.partition(": ")[2] for line in mistakes(root)]


def test_needs_are_the_step_before_unless_it_says_otherwise_and_results_need_all(tmp_path: Path) -> None:
    found = task(
        tmp_path,
        'results = { copy = ["*"], to = "out" }\n'
        'steps = ["./one.sh", "./two.sh", { run = "./three.sh", needs = [] }, '
        '{ name = "join", run = "./one.sh", needs = ["three", "one"] }]',
    )
    assert [step.needs for step in found.steps] == [(), (1,), (), (1, 3), (1, 2, 3, 4)]
    assert found.steps[-1].kind == "results"


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ('[{ run = "./one.sh", needs = ["one"] }]', "one is this step itself; a step cannot need itself"),
        ('[{ run = "./one.sh", needs = ["two"] }, "./two.sh"]', "two comes later; write a step after those"),
        ('["./one.sh", { run = "./two.sh", needs = ["on"] }]', "names no step: on; did you mean one?"),
        ('["./one.sh", { run = "./two.sh", needs = "one" }]', "list"),
        ('["./one.sh", { run = "./two.sh {three.x}", needs = [] }, "./three.sh"]', "which comes later"),
        ('["./one.sh", { run = "./two.sh {one.x}", needs = [] }]', "write one into needs"),
        ('["./one.sh", { run = "./two.sh", when = "two.x > 3" }]', "this step itself"),
        ('["./one.sh", { run = "./two.sh", when = "x >" }]', "when"),
        ('["./one.sh", { run = "./two.sh", when = "__import__(1)" }]', "when"),
        ('[{ wait = "children", run = "./one.sh" }]', "stands beside wait"),
        ('[{ wait = "brothers" }]', "children"),
        ('["./one.sh", { run = "./two.sh", on_error = "ignore" }]', "is for a step that waits"),
        ('["./one.sh", { wait = "children", cpus = 2 }]', "stands beside wait"),
        ('[{ run = "./one.sh", fresh = true }]', 'needs cwd = "step"'),
        ('["./one.sh", { name = "results", run = "./two.sh" }]', "results"),
        ('[{ run = "./one.sh", soft = { output = ["("] } }]', "soft"),
        ('[{ run = "./one.sh", soft = { exit = [0] } }]', "soft"),
        ('[{ run = "./one.sh", soft = { exit = [300] } }]', "soft"),
        ('[{ run = "./one.sh", limits = { cpus = 3 } }]', "did you mean cpu"),
        ('[{ run = "./one.sh", memory = "9 GB" }]', "can never start: it asks for 9 GB of memory"),
    ],
)
def test_a_wrong_step_is_named_with_what_to_do(tmp_path: Path, steps: str, said: str) -> None:
    """B39 among them."""
    lines = wrong(tmp_path, f'on = "e"\nsteps = {steps}')
    assert len(lines) == 1, lines
    assert said in lines[0]


def test_ten_thousand_steps_are_read_or_refused_with_a_sentence_but_never_hang(tmp_path: Path) -> None:
    """B39: a cycle cannot be written, because needs stand before what needs them."""
    steps = ", ".join(f'{{ name = "s{n}", run = "./one.sh", needs = ["s{n + 1}"] }}' for n in range(500))
    lines = wrong(tmp_path, f'on = "e"\nsteps = [{steps}]')
    assert len(lines) == 500
    assert "comes later" in lines[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('cron = "* * * * * *"', "cron"),
        ('cron = "60 24 32 13 8"', "cron"),
        ('cron = "*/0 * * * *"', "cron"),
        ('cron = "@reboot"', "cron"),
        ('cron = "0 0 31 2 *"', "never"),
        (f'cron = "{"1," * 5000}1 * * * *"', "cron"),
        ('cron = "0 3 * * *"\ntimezone = "Europe/Berln"', "timezone"),
        ('cron = "0 3 * * *"\ntimezone = "../../etc/passwd"', "timezone"),
        ('cron = "0 3 * * *"\ncatch_up = "some"', "catch_up"),
        ('every = "1 h"\ntimezone = "UTC"', "says nothing without cron"),
        ('on = "e"\ncatch_up = "all"', "says nothing without every or cron"),
        ('on = "e"\nfrom = "end"', "says nothing without every"),
        ('every = "1 h"\nfrom = "middle"', "from"),
        ('every = "1 h"\ncron = "0 3 * * *"', "keep one"),
    ],
)
def test_a_wrong_timetable_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """B32."""
    lines = wrong(tmp_path, f'{text}\nrun = "./one.sh"')
    assert len(lines) == 1, lines
    assert said in lines[0]


@pytest.mark.parametrize("value", ["-1", "1e308", '"five"', "[]", "1000000000000000000", "nan", "inf"])
@pytest.mark.parametrize(
    "key", ["timeout", "grace", "delay", "no_output", "cpus", "memory", "at_once", "max_failures", "disk", "priority"]
)
def test_numbers_that_cannot_be_meant_are_refused(tmp_path: Path, key: str, value: str) -> None:
    """B33."""
    if key == "priority" and value == "-1":
        assert task(tmp_path, f'run = "./one.sh"\n{key} = {value}').priority == -1
        return
    lines = wrong(tmp_path, f'on = "e"\nrun = "./one.sh"\n{key} = {value}')
    assert len(lines) == 1, lines
    assert key in lines[0]


@pytest.mark.feature("N6")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('uses = ["fpt"]', "names no limit: fpt; did you mean ftp?"),
        ("uses = { ftp = 3 }", "it takes 3 of ftp, and there is 2"),
        ("uses = { ftp = 0 }", "ftp"),
        ("uses = { ftp = -1 }", "ftp"),
        ('uses = ["satellite:{sta}"]', "satellite:{sat}?"),
        ('uses = ["ftp"]\ndefaults = { uses = { ftp = 2 } }', "2 of ftp would be waited for while the task holds 1"),
        ('uses = ["satellite:{sat}"]\ndefaults = { uses = ["satellite:L8"] }', "the task holds satellite:{sat}"),
    ],
)
def test_wrong_uses_are_refused(tmp_path: Path, text: str, said: str) -> None:
    head = '[limits]\nftp = 2\ntape = 1\n"satellite:{sat}" = 1\n"satellite:L8" = 2\n'
    lines = wrong(tmp_path, f'on = "e"\nrun = "./one.sh"\n{text}', head)
    assert len(lines) == 1, lines
    assert said in lines[0]


@pytest.mark.feature("N6")
def test_a_task_may_hold_two_of_a_family_and_a_step_take_of_them_no_more_than_it_holds(tmp_path: Path) -> None:
    head = '[limits]\nftp = 2\n"satellite:{sat}" = 1\n"satellite:{other}" = 1\n'
    text = 'uses = ["satellite:{sat}", "satellite:{other}"]\nrun = "./one.sh"\n'
    text += 'defaults = { uses = ["satellite:{sat}", "ftp"] }'
    assert dict(task(tmp_path, text, head).uses) == {"satellite:{sat}": 1, "satellite:{other}": 1}


@pytest.mark.feature("N6")
def test_tasks_that_could_wait_for_each_other_for_ever_are_refused(tmp_path: Path) -> None:
    circle = """
        [launcher]
        cpus = 4
        [limits]
        ftp = 1
        tape = 1
        "disk:{n}" = 1
        [tasks.a]
        on = "e"
        uses = ["ftp"]
        steps = [{ run = "./one.sh", uses = ["disk:{n}"] }]
        [tasks.b]
        on = "e"
        uses = ["disk:{n}"]
        steps = [{ run = "./one.sh", uses = ["tape"] }]
        [tasks.c]
        on = "e"
        uses = ["tape"]
        steps = [{ run = "./one.sh", uses = ["%s"] }]
    """
    write(tmp_path / "wrong", circle % "ftp", *SCRIPTS)
    lines = mistakes(tmp_path / "wrong")
    assert len(lines) == 3
    assert all("for each other for ever; take both in uses of the task" in line for line in lines)
    write(tmp_path / "right", circle % "tape", *SCRIPTS)
    assert len(read(tmp_path / "right").tasks) == 3


def test_every_new_key_arrives_where_it_belongs(tmp_path: Path) -> None:
    head = '[limits]\nftp = 2\n[variables]\narchive = "/data"'
    found = task(
        tmp_path,
        'where = "x > 3"\npriority = 7\ndelay = "5 min"\ngroup = "mission"\nuses = { ftp = 2 }\nmax_failures = 3\n'
        'expect = { at_least = 2, per = "1 h" }\ndisk = "2 GB"\nlimits = { cpu = "1 h", files = 9, log = "1 MB" }\n'
        'no_output = "2 min"\nmemory = "1 GB"\nsoft = { exit = [3, 4], output = ["reset"] }\ncwd = "step"\n'
        "fresh = true\n"
        'retry = { on = ["failed", "memory"] }\nsteps = ["./one.sh", { wait = "children", on_error = "ignore" }]',
        head,
    )  # fmt: skip
    step, wait = found.steps
    assert (found.where, found.priority, found.delay, found.group) == ("x > 3", 7, 300, "mission")
    assert (found.uses, found.max_failures, found.disk) == ((("ftp", 2.0),), 3, 2_000_000_000)
    assert found.expect is not None
    assert (found.expect.at_least, found.expect.per) == (2, 3600)
    assert (step.caps.cpu, step.caps.files, step.caps.log, step.caps.quiet) == (3600, 9, 1_000_000, 120)
    assert (step.soft.exit, step.soft.output, step.fresh, step.memory) == ((3, 4), ("reset",), True, 1_000_000_000)
    assert (wait.kind, wait.on_error, wait.cpus, wait.memory, wait.uses, wait.name) == (
        "wait",
        "ignore",
        0,
        0,
        (),
        "wait",
    )
    assert Task.from_json(found.to_json()) == found
    assert dict(found.variables) == {"archive": "/data"}
