"""Watches, sets, alerts and rules: what the file may say of them, and every mistake in words."""

from pathlib import Path

import pytest

from procession.definitions import Definitions, read
from procession.model.message import Rule
from procession.model.pieces import SetPlan
from procession.model.watching import WatchPlan
from tests.definitions.written import mistakes, words, write

RIGHT = """
[tasks.arrivals]
watch = "{project}/inbox/{sat}_{n}.h5"
emit = "segment"
key = "{sat}-{n}"
quiet = "10 s"
ignore = ["*.bad"]
empty = true
group = "g"

[tasks.file]
watch = "in/*"
run = "./one.sh {path}"

[sets.slot]
pieces = { event = "segment", by = "{sat}", piece = "{n}", wanted = ["1..3"], critical = ["3"], timeout = "1 h" }
emit = "whole"
late = "emit"

[alerts]
command = "./one.sh now"

[[rules]]
task = "file"
match = "gone [0-9]+"
needs_person = true
after = "1 h"
"""


@pytest.mark.feature("P7", "N9", "M94")
def test_everything_that_may_be_said_is_read_and_kept(tmp_path: Path) -> None:
    found = read(write(tmp_path, RIGHT, "one.sh"))
    assert found.watches == (
        WatchPlan("arrivals", "{project}/inbox/{sat}_{n}.h5", "segment", "{sat}-{n}", "{name}", 10.0, ("*.bad",), True,
                  "g"),
        WatchPlan("file", "in/*", "watch:file"),
    )  # fmt: skip
    assert [(task.name, task.on) for task in found.tasks] == [("file", "watch:file")]
    assert found.sets == (SetPlan("slot", "segment", "{sat}", "{n}", "whole", ("1", "2", "3"), ("3",), 3600.0, "emit"),)
    assert found.alerts == (str(tmp_path / "one.sh"), "now")
    assert found.rules == (Rule(True, 3600.0, task="file", match="gone [0-9]+"),)
    again = Definitions.from_json(found.to_json(), found.tasks)
    assert (again.watches, again.sets, again.alerts, again.rules) == (
        found.watches, found.sets, found.alerts, found.rules,
    )  # fmt: skip


def test_what_an_older_version_kept_has_none_of_it(tmp_path: Path) -> None:
    found = read(write(tmp_path, '[tasks.t]\non = "x"\nrun = "true"\n'))
    assert (found.watches, found.sets, found.alerts, found.rules) == ((), (), (), ())


MISTAKES = {
    '[tasks.t]\nwatch = "in/*"\nemit = "e"\nrun = "true"': "t.run: stands beside emit",
    '[tasks.t]\nwatch = "in/*"\nemit = "e"\nat_once = 3': "t.at_once: stands beside emit",
    '[tasks.t]\nwatch = "in/*"\nemit = "e"\nkee = "x"': "t.kee: unknown key; did you mean key?",
    '[tasks.t]\nwatch = "in/*"': "does not say what it runs",
    '[tasks.t]\nwatch = "in/*"\non = "x"\nrun = "true"': "on",
    '[tasks.t]\nwatch = "in/../*"\nemit = "e"': "goes up by '..'",
    '[tasks.t]\nwatch = "in/{path}"\nemit = "e"': "{path}, which everything found has already",
    '[tasks.t]\nwatch = 3\nemit = "e"': "t.watch: must be a text",
    '[tasks.t]\nwatch = "in/*"\nemit = "e"\nkey = "{sat}"': "t.key: {sat} has no value; a file gives {directory}",
    '[tasks.t]\nwatch = "in/*"\nemit = "e"\nkey = "{"': "t.key: ",
    '[tasks.t]\non = "x"\nrun = "true"\nquiet = "3 s"': "t.quiet: says nothing without watch",
    '[sets.s]\npieces = { event = "e", by = "{t}", piece = "{n}" }': "sets.s.pieces.wanted: is missing",
    '[sets.s]\nemit = "x"': "sets.s.pieces: is missing",
    '[sets.s]\npieces = { event = "e", by = "{t}", piece = "{n}", wanted = 0 }': "wanted: must be how many pieces",
    '[sets.s]\npieces = { event = "e", by = "{t}", piece = "{n}", wanted = ["9..1"] }': "is no range",
    '[sets.s]\npieces = { event = "e", by = "{t}", piece = "n", wanted = 3 }': "is the same for every event",
    '[sets.s]\npieces = { event = "e", by = "{a.t}", piece = "{n}", wanted = 3 }': "is an output of a step",
    '[sets.e]\npieces = { event = "e", by = "{t}", piece = "{n}", wanted = 3 }': "a piece of it again",
    '[sets.s]\npieces = { event = "e", by = "{t}", piece = "{n}", wantd = 3 }': "did you mean wanted?",
    '[sets.s]\nemit = "watch:x"\npieces = { event = "e", by = "{t}", piece = "{n}", wanted = 3 }': "own events",
    "[alerts]": "alerts: says neither command nor to",
    '[alerts]\ncommand = "nosuchprogram"': "alerts.command",
    '[alerts]\ncommand = "true {kind}"': "{kind} has no value here",
    '[[rules]]\ntask = "x"': "rules[1].needs_person: is missing",
    '[[rules]]\nneeds_person = true\nmatch = "("': "rules[1].match: is not a regular expression",
    '[[rules]]\nneeds_person = true\nkind = "fail"': "rules[1].kind: must be 'error'",
    "rules = 3": "rules: must be a list",
    "sets = 3": "sets: must be a table",
}


@pytest.mark.feature("P7", "N9", "M94")
@pytest.mark.parametrize(("toml", "words"), MISTAKES.items(), ids=range(len(MISTAKES)))
def test_every_mistake_is_told_in_words(tmp_path: Path, toml: str, words: str) -> None:
    found = mistakes(write(tmp_path, toml))
    assert any(words in line for line in found), found


@pytest.mark.feature("N9")
def test_sets_that_would_feed_each_other_for_ever_are_a_mistake(tmp_path: Path) -> None:
    piece = 'by = "{t}", piece = "{n}", wanted = 3'
    found = mistakes(
        write(
            tmp_path,
            f'[sets.a]\nemit = "y"\npieces = {{ event = "x", {piece} }}\n'
            f'[sets.b]\nemit = "x"\npieces = {{ event = "y", {piece} }}\n',
        )
    )
    assert len([line for line in found if "for ever" in line]) == 2


@pytest.mark.feature("M116")
def test_a_check_for_missed_data_is_a_task_of_its_own(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        """
        [tasks.arrivals]
        watch = "inbox/*.h5"
        emit = "run"
        check_missed = "1 day"
        [tasks.t]
        on = "run"
        run = "./a.sh {path}"
        missed = { run = "./list.sh {project}", key = "{path}" }
        """,
        "a.sh", "list.sh",
    )  # fmt: skip
    found = read(root)
    (check,) = [task for task in found.tasks if task.name == "arrivals:missed"]
    assert (check.every, check.at_once) == (86_400, 1)
    assert words(found, "arrivals:missed")[-4:] == ["{project}", "missed", "arrivals", "--submit"]
    (listed,) = found.lists
    assert listed.argv == (str(root / "list.sh"), str(root))
    assert (listed.event, listed.key) == ("run", "{path}")
    assert Definitions.from_json(found.to_json(), found.tasks).lists == found.lists


@pytest.mark.feature("M116")
@pytest.mark.parametrize(
    ("said", "mistake"),
    [
        ('check_missed = "1 day"', "has nothing to compare"),
        ('missed = { key = "{run}" }', "needs the command and the key"),
        ('missed = { run = "./a.sh" }', "needs the command and the key"),
        ('missed = { run = "./nowhere.sh", key = "{run}" }', "nowhere.sh"),
        ('missed = { run = "./a.sh {run}", key = "{run}" }', "{run} has no value; nobody gives"),
        ('missed = { run = "./a.sh", key = "{run}", other = 1 }', "other"),
        ('missed = 7', "missed"),
    ],
)  # fmt: skip
def test_a_check_that_could_compare_nothing_is_a_mistake(tmp_path: Path, said: str, mistake: str) -> None:
    root = write(tmp_path, f'[tasks.t]\non = "run"\nrun = "./a.sh"\n{said}\n', "a.sh")
    assert any(mistake in line for line in mistakes(root)), mistakes(root)
