"""Steps that ask a person: every key right, and wrong with a sentence that names the place."""

from pathlib import Path

import pytest

from procession.definitions import read
from procession.model.question import Question
from procession.model.task import Task
from tests.definitions.written import mistakes, write

pytestmark = pytest.mark.feature("P28", "P2")


def project(root: Path, steps: str) -> Path:
    return write(root, f'[tasks.t]\non = "e"\ntimeout = "1 s"\nsteps = [{steps}]\n', "one.sh")


def test_a_question_is_kept_in_the_definition_and_takes_nothing(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        '"./one.sh", { ask = "Is {sat} of {one.day} good?" }, '
        '{ name = "stars", ask = "Stars?", type = "number", min = 0, max = 5, timeout = "2 d", default = 3 }, '
        '{ name = "go", ask = "Go?", choices = ["go", "wait", "stop"], fail_on = ["stop"], skip_on = ["wait"] }',
    )
    (task,) = read(root).tasks
    again = Task.from_json(task.to_json())
    assert again.steps == task.steps
    _, ask, stars, go = task.steps
    assert [(each.kind, each.cpus, each.rests) for each in (ask, stars, go)] == [("ask", 0.0, True)] * 3
    assert (ask.name, ask.timeout, ask.question) == ("ask", None, Question(("yes", "no")))
    assert (stars.timeout, stars.question) == (172_800.0, Question((), "number", 0, 5, 3))
    assert go.question == Question(("go", "wait", "stop"), fail_on=("stop",), skip_on=("wait",))
    assert task.parameters() == {"sat"}


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ('{ ask = "Good?", run = "./one.sh" }', "stands beside ask; a step that asks a person runs nothing"),
        ('{ ask = "Good?", function = "a.b" }', "stands beside ask"),
        ('{ ask = "Good?", wait = "children" }', "stands beside ask"),
        ('{ ask = "Good?", cpus = 2 }', "stands beside ask"),
        ('{ ask = "  " }', "must be a question in one line of 1 to 1000 characters"),
        ('{ ask = "a\\nb" }', "must be a question in one line"),
        ('{ ask = 7 }', "ask"),
        ('{ ask = "{lone?" }', "a lone {"),
        ('{ ask = "{later.x}?" }', "names no earlier step"),
        ('{ ask = "Good?", choices = [] }', "choices"),
        ('{ ask = "Good?", choices = ["yes", "yes"] }', "yes stands there twice; keep one"),
        ('{ ask = "Good?", choices = ["yes", "Yes"] }', "Yes stands there twice, as yes too; keep one"),
        ('{ ask = "Good?", choices = ["yes", ""] }', "must be words of 1 to 100 characters"),
        ('{ ask = "Good?", choices = ["a"], type = "text" }', "stands beside choices"),
        ('{ ask = "Good?", type = "colour" }', "type"),
        ('{ ask = "Good?", min = 3 }', 'is for numbers; write type = "number"'),
        ('{ ask = "Good?", type = "number", min = 3, max = 2 }', "3 is more than max = 2"),
        ('{ ask = "Good?", fail_on = ["No"] }', "No is no choice; there are yes, no"),
        ('{ ask = "Good?", type = "text", skip_on = ["no"] }', "no is no choice; there are none"),
        ('{ ask = "Good?", fail_on = ["no"], skip_on = ["no"] }', "no stands in fail_on as well"),
        ('{ ask = "Good?", default = "no" }', 'counts when the time is over; write timeout = "2 d" beside it'),
        ('{ ask = "Good?", timeout = "1 h", default = "so" }', "must be one of yes, no, not so"),
        ('{ ask = "Good?", timeout = "1 h", type = "number", max = 3, default = 4 }', "must be a number of at most 3"),
        ('{ run = "./one.sh", choices = ["a"] }', "is for a step that asks a person"),
        ('{ wait = "children", fail_on = ["a"] }', "is for a step that asks a person"),
        ('{ ask = "Good?" }, "./one.sh {ask.answer}"', "{ask.answer} has no value: an answer is {ask.value}"),
        ('{ asks = "Good?" }', "did you mean ask"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_question_is_said_at_its_place(tmp_path: Path, step: str, said: str) -> None:
    found = mistakes(project(tmp_path, step))
    assert any(said in line for line in found), found
