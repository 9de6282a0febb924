"""Variables of a task, sets of them, and what a processing is born with; on both databases."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from procession.commands import events, runs, variable_sets, variables
from procession.commands.reruns import Wish
from procession.errors import Invalid, NotFound, Refused
from procession.model.event import NewEvent
from procession.store.events import known_keys
from tests.commands.adjusting import DECLARED, DEFAULTS, FROM_FILE, WHO, add, chosen, defaults
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven
from tests.verbs.calling import ask

Drive = Callable[..., Driven]


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(DECLARED)


@pytest.fixture
def f(drive: Drive, tmp_path: Path) -> Driven:  # noqa: F811
    defaults(tmp_path / "p0")
    return drive(FROM_FILE)


@pytest.mark.feature("M59", "M60")
def test_the_variables_of_a_script_are_read_with_their_types_and_help(f: Driven) -> None:
    found = variables.declared(f.project, "t")
    assert {v.name: (v.type, v.advanced, v.default) for v in found.variables} == {
        "wavelength": ("number", False, 1.8),
        "title": ("text", False, "gem"),
        "live": ("boolean", False, False),
        "spectra": ("list_number", True, [1, 2, 3]),
        "masks": ("list_text", True, ["a"]),
        "path": ("other", True, None),
    }
    assert found.variables[0].help == "In angstroms."


@pytest.mark.feature("M62", "M63", "M59")
def test_a_set_by_runs_is_what_a_processing_of_such_a_run_is_born_with(f: Driven) -> None:
    made = add(f, 100, 150, wavelength=2.5)
    inside, outside = f.born(run=120, path="x"), f.born(run=151, path="x")
    assert chosen(f, inside).sections() == {"standard_vars": {"wavelength": 2.5}, "advanced_vars": {}}
    assert chosen(f, inside).origin == {"wavelength": f"set {made.listed.found.id} (runs 100 to 150)"}
    assert f.get(outside).variables is None
    assert (f.get(inside).run, f.get(outside).run) == (120, 151)


@pytest.mark.feature("M62")
def test_a_set_of_the_group_goes_before_one_of_the_run_which_goes_before_one_by_filter(d: Driven) -> None:
    by_filter = add(d, where='inst == "gem"', threshold=0.1)
    by_run = add(d, 10, threshold=0.2)
    by_group = add(d, group="RB1", threshold=0.3)
    for params, made, value in (
        ({"run": 10, "rb": "RB1", "inst": "gem"}, by_group, 0.3),
        ({"run": 10, "rb": "RB2", "inst": "gem"}, by_run, 0.2),
        ({"run": 9, "rb": "RB2", "inst": "gem"}, by_filter, 0.1),
    ):
        found = chosen(d, d.born(**params))
        assert (found.set_id, found.flat()) == (made.listed.found.id, {"threshold": value})
    assert d.get(d.born(run=9)).variables is None


@pytest.mark.feature("M59", "M62")
def test_variables_of_the_task_file_are_parameters_and_the_event_goes_before_the_set(d: Driven) -> None:
    add(d, 10, threshold=2, spectra=[7])
    by_set, by_event, plain = d.born(run=10), d.born(run=11, threshold=0.9), d.born(run=1)
    d.turn()
    jobs = {pid: d.executor.job(d.key(pid)) for pid in (by_set, by_event, plain)}
    assert {pid: job.argv[1] for pid, job in jobs.items()} == {by_set: "2", by_event: "0.9", plain: "0.5"}
    assert jobs[by_set].env_set["PROCESSION_PARAM_SPECTRA"] == "[7]"
    assert jobs[by_event].env_set["PROCESSION_PARAM_SPECTRA"] == "[7]"
    assert jobs[plain].env_set["PROCESSION_PARAM_METHOD"] == "fast"


@pytest.mark.feature("M62", "M61")
def test_the_values_of_a_message_go_before_those_of_a_set(f: Driven) -> None:
    made = add(f, 10, wavelength=2.5, title="set")
    told = {"standard_vars": {"title": "message"}, "advanced_vars": {"spectra": [9]}}
    found = chosen(f, f.born(run=10, reduction_arguments=told))
    assert found.standard_vars == {"wavelength": 2.5, "title": "message"}
    assert found.advanced_vars == {"spectra": [9]}
    assert found.origin["title"] == "the event"
    assert found.set_id == made.listed.found.id


@pytest.mark.feature("M63")
def test_a_set_in_the_way_is_named_and_gives_way_only_where_it_is_said(d: Driven) -> None:
    upcoming = add(d, 200, threshold=1).listed.found
    with pytest.raises(Refused, match=rf"conflicts with set {upcoming.id} \(runs from 200\)"):
        add(d, 100, 300, threshold=2)
    made = add(d, 100, 300, replacing=True, threshold=2)
    assert (made.removed, made.cut) == ((), (upcoming.id,))
    assert [chosen(d, d.born(run=run)).set_id for run in (99, 100, 300, 301)] == [
        None, made.listed.found.id, made.listed.found.id, upcoming.id,
    ]  # fmt: skip
    inside = add(d, 110, 120, threshold=3).listed.found  # lies over it, and it resumes
    assert [chosen(d, d.born(run=run)).set_id for run in (109, 115, 121)] == [
        made.listed.found.id, inside.id, made.listed.found.id,
    ]  # fmt: skip


@pytest.mark.feature("M63")
def test_sets_are_listed_with_those_of_runs_to_come_and_deleted(d: Driven) -> None:
    past, covered, now = add(d, 1, 5, threshold=1), add(d, 10, threshold=3), add(d, 20, 30, threshold=2)
    later = add(d, 500, threshold=4)
    d.born(run=25)
    stands = {each.found.id: each.standing for each in variable_sets.listed(d.project, "t")}
    assert stands == {
        past.listed.found.id: "past", covered.listed.found.id: "covered", now.listed.found.id: "current",
        later.listed.found.id: "upcoming",
    }  # fmt: skip
    variable_sets.remove(d.project, "t", now.listed.found.id, WHO)
    assert chosen(d, d.born(run=26)).set_id == covered.listed.found.id
    with pytest.raises(NotFound, match="has no set"):
        variable_sets.remove(d.project, "t", now.listed.found.id, WHO)


@pytest.mark.feature("M64")
def test_what_a_set_does_not_fix_follows_the_script_and_what_no_longer_fits_is_shown(f: Driven) -> None:
    follows, fixed = add(f, 1, 9, wavelength=2.0), add(f, 10, 19, fix_all=True, wavelength=2.0)
    assert follows.listed.follows == ("title", "live", "spectra", "masks", "path")
    assert fixed.listed.follows == ("path",)
    defaults(f.root, DEFAULTS.replace('"title": "gem"', '"added": 4').replace("[1, 2, 3]", '["now", "texts"]'))
    one, two = (variables.preview(f.project, "t", run=run) for run in (5, 15))
    assert {v.name: value for v, value, _ in one.effective()} == {
        "wavelength": 2.0, "added": 4, "live": False, "spectra": ["now", "texts"], "masks": ["a"], "path": None,
    }  # fmt: skip
    assert one.unfit() == []
    assert two.unfit() == [
        "variable title: standard_vars has none of this name any more",
        "variable spectra: must be a list of texts, not [1, 2, 3]",
    ]
    listed = variable_sets.listed(f.project, "t")
    assert [each.script_changed for each in listed] == [True, True]
    assert listed[1].unfit == tuple(two.unfit())


@pytest.mark.feature("M66")
def test_the_preview_says_what_a_run_would_get_and_why(d: Driven) -> None:
    by_run, by_group = add(d, 10, threshold=2).listed.found, add(d, group="RB1", method="exact").listed.found
    found = variables.preview(d.project, "t", run=12, group="RB1")
    assert [(v.name, value, origin) for v, value, origin in found.effective()][:2] == [
        ("threshold", 0.5, "default"), ("method", "exact", f"set {by_group.id} (group RB1)"),
    ]  # fmt: skip
    assert [(each.id, why) for each, why in found.looks] == [
        (by_group.id, "it applies"), (by_run.id, f"set {by_group.id} is for its group, which goes before"),
    ]  # fmt: skip


@pytest.mark.feature("M66")
def test_the_script_to_take_away_runs_by_hand_with_the_values_of_the_run(drive: Drive, tmp_path: Path) -> None:  # noqa: F811
    root = tmp_path / "p0"
    defaults(root, "import math\nstandard_vars = {'x': math.floor(2.5)}\nadvanced_vars = {'y': [1]}\n")
    (root / "reduce.py").write_text(
        "def main(input_file, output_dir):\n"
        "    return (input_file, output_dir, web_var.standard_vars, web_var.advanced_vars)\n"
    )
    d = drive('[tasks.t]\non = "e"\nrun = "python reduce.py"\nvariables_from = "reduce_vars.py"\nrun_by = "{run}"\n')
    add(d, 3, x=7)
    files = variables.script(d.project, variables.preview(d.project, "t", run=4))
    assert sorted(files) == ["reduce.py", "reduce_vars.py", "run.py"]
    away = tmp_path / "away"
    away.mkdir()
    for name, text in files.items():
        (away / name).write_text(text)
    said = subprocess.run([sys.executable, "run.py", "in", "out"], cwd=away, capture_output=True, text=True, check=True)
    assert said.stdout == "('in', 'out', {'x': 7}, {'y': [1]})\n"


@pytest.mark.feature("M60")
@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("treshold", 1, "variable 'treshold': the task has none of this name; did you mean 'threshold'?"),
        ("threshold", "a lot", "variable threshold: must be a number, not 'a lot'"),
        ("threshold", True, "variable threshold: must be a number, not True"),
        ("threshold", float("nan"), "variable threshold: must be a finite number, not nan"),
        ("threshold", float("inf"), "variable threshold: must be a finite number, not inf"),
        ("threshold", 2**64, "variable threshold: a whole number of more than 64 bits"),
        ("method", "slow", "variable method: must be one of fast, exact, not 'slow'"),
        ("spectra", [[1], [2]], "variable spectra: must be a list of numbers, not [[1], [2]]"),
        ("spectra", [1, "2"], "variable spectra: must be a list of numbers"),
        ("spectra", [1] * 1001, "variable spectra: must have at most 1000 elements, not 1001"),
        ("title", "x" * 10_001, "variable title: must have at most 10000 characters, not 10001"),
        ("title", "a\0b", "variable title contains a NUL character"),
        ("title", None, "variable title: must be a text, not None"),
        ("title", {"a": 1}, "variable title: must be a text"),
        ("live", 1, "variable live: must be true or false, not 1"),
    ],
)  # fmt: skip
def test_a_value_that_a_variable_cannot_have_is_refused_with_the_variable_and_the_rule(
    d: Driven, name: str, value: object, says: str
) -> None:
    with pytest.raises(Invalid) as refused:
        add(d, 1, **{name: value})
    assert says in str(refused.value)
    assert d.rows("SELECT * FROM variable_set") == []


@pytest.mark.feature("M63")
def test_a_set_that_makes_no_sense_is_refused(d: Driven) -> None:
    for scope, says in (
        ({"first": 5, "last": 4}, "the end comes before the start"),
        ({"first": -1}, "a run is a whole number from 0"),
        ({}, "say exactly one"),
        ({"first": 1, "group": "RB1"}, "say exactly one"),
        ({"last": 4, "group": "RB1"}, "says nothing without the first"),
        ({"group": ""}, "1 to 200 characters"),
        ({"where": "import os"}, "condition"),
    ):
        with pytest.raises(Invalid, match=says):
            add(d, **scope, threshold=1)  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="there is no task"):
        add(d, 1, task="u", threshold=1)


@pytest.mark.feature("M63", "M67")
def test_a_set_that_nothing_could_ever_have_is_refused(drive: Drive) -> None:  # noqa: F811
    other = '[tasks.u]\non = "f"\nrun = "./one.sh"\n'
    d = drive(f'[tasks.t]\non = "e"\nrun = "./one.sh"\nvariables = {{ threshold = 1 }}\n{other}')
    with pytest.raises(Refused, match="does not say run_by"):
        add(d, 1, threshold=2)
    with pytest.raises(Refused, match="does not say group_by"):
        add(d, group="RB1", threshold=2)
    with pytest.raises(Refused, match="task u has no variables"):
        add(d, 1, task="u", threshold=2)
    assert add(d, where="x == 1", threshold=2).listed.found.id
    with pytest.raises(Refused, match="does not say run_by"):
        runs.rerun_runs(d.project, "t", "1", Wish({}, {}), WHO, 50)


@pytest.mark.feature("M63")
def test_sets_of_a_task_that_is_gone_are_there_and_can_be_deleted(d: Driven) -> None:
    made = add(d, 1, threshold=1).listed.found
    d.write('[tasks.other]\non = "f"\nrun = "./one.sh"\n')
    d.crash()
    (listed,) = variable_sets.listed(d.project, "t")
    assert listed.standing == "removed"
    with pytest.raises(NotFound):
        add(d, 20, threshold=1)
    with pytest.raises(NotFound):
        variables.preview(d.project, "t", run=1)
    variable_sets.remove(d.project, "t", made.id, WHO)
    assert d.rows("SELECT * FROM variable_set") == []


@pytest.mark.feature("M60")
def test_an_event_that_brings_what_a_variable_cannot_have_is_refused(d: Driven) -> None:
    with pytest.raises(Invalid, match="task t: variable threshold: must be a number, not 'much'"):
        d.submit(threshold="much")
    with pytest.raises(Invalid, match="must be an object"):
        d.submit(reduction_arguments={"standard_vars": [1]})
    with pytest.raises(Invalid, match="variable method: must be one of"):
        d.submit(reduction_arguments={"standard_vars": {"method": "slow"}})
    assert d.born(threshold="0.25", title="<script>alert(1)</script>")  # a text is a text


@pytest.mark.feature("M59")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("standard_vars = {", "no Python that can be read"),
        ("standard_vars = [1]", "standard_vars must be a dictionary"),
        ("standard_vars = dict(a=1)\nraise ValueError('no mantid')", "no mantid"),
        ("import sys\nstandard_vars = dict(a=1)\nsys.exit(3)", "exit code 3"),
        ("standard_vars = {1: 2}", "the name of a variable is a text"),
    ],
)
def test_a_file_of_defaults_that_cannot_be_read_says_why_and_changes_nothing(f: Driven, text: str, says: str) -> None:
    defaults(f.root, text)
    found = variables.declared(f.project, "t")
    assert says in str(found.problem)
    with pytest.raises(Invalid, match="are not known"):
        add(f, 1, wavelength=1)
    assert f.born(run=1)  # what comes is processed all the same


@pytest.mark.feature("M59")
def test_a_file_whose_defaults_are_computed_is_asked_of_a_child_and_never_runs_here(f: Driven) -> None:
    defaults(
        f.root,
        "import os\nprint('noise')\nstandard_vars = dict(pid=os.getpid())\nstandard_vars['nan'] = float('nan')\n",
    )
    found = variables.declared(f.project, "t").need().variables
    assert [v.name for v in found] == ["pid", "nan"]
    assert found[0].default != os.getpid()
    assert found[1].type == "other"


@pytest.mark.feature("M59", "M60")
@pytest.mark.parametrize(
    "odd", ["b'x'", "{1, 2}", "{'a': 1e999}", "1j", "...", "{(1, 2): 3}", "{'k': '\\ud800'}", "[['a'], {'b'}]"]
)
def test_a_default_that_no_json_can_show_is_the_business_of_the_script_and_ends_nothing(
    tmp_path: Path, odd: str
) -> None:
    defaults(tmp_path / "p", f"standard_vars = {{'odd': {odd}, 'plain': 1}}\n")
    d = Driven(tmp_path / "p", FROM_FILE)
    try:
        for found in (ask(d, "variables", task="t")["items"], ask(d, "variables-preview", task="t")["variables"]):
            assert [(each["type"], each["default"]) for each in found] == [("other", None), ("number", 1)]
        made = ask(d, "variable-set-add", task="t", first_run=1, fix_all=True)
        assert made["standard_vars"] == {"plain": 1}
    finally:
        d.close()


@pytest.mark.feature("M59")
def test_the_help_of_a_variable_is_text_that_everybody_can_be_shown(tmp_path: Path) -> None:
    text = "standard_vars = {'a': 1}\nvariable_help = {'standard_vars': {'a': '<b>\\ud800\\0'}}\n"
    defaults(tmp_path / "p", text)
    d = Driven(tmp_path / "p", FROM_FILE)
    try:
        assert ask(d, "variables", task="t")["items"][0]["help"] == "<b>?"
    finally:
        d.close()


@pytest.mark.feature("M60", "M62")
def test_a_rule_for_a_variable_of_the_script_makes_no_parameter_of_it_so_its_set_holds(
    drive: Drive, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    defaults(tmp_path / "p0")
    d = drive(FROM_FILE + '[tasks.t.variables]\nwavelength = { type = "number", min = 0 }\n')
    add(d, 10, wavelength=2.5)
    assert chosen(d, d.born(run=12, wavelength=7)).flat() == {"wavelength": 2.5}
    brought = {"standard_vars": {"wavelength": 7}}
    assert chosen(d, d.born(run=12, reduction_arguments=brought)).flat() == {"wavelength": 7}


LIMITED = """
[tasks.t]
on = "e"
run = "./one.sh {threshold}"
run_by = "{run}"
uses = ["room:{title}"]
[limits]
"room:{title}" = 1
[tasks.t.variables]
title = "a"
threshold = 1
"""


@pytest.mark.feature("M60", "M62")
def test_an_event_whose_set_makes_no_limit_is_refused_before_anything_of_it_is_written(drive: Drive) -> None:  # noqa: F811
    """G4: a watch goes on in the same transaction."""
    d = drive(LIMITED)
    made = add(d, 10, title="x" * 5_000)
    with d.project.store.begin() as tx, pytest.raises(Invalid, match=f"with set {made.listed.found.id} of its var"):
        events.submit_all(d.project, tx, [NewEvent("e", {"run": 12}, "k")])
    with d.project.store.read() as tx:
        assert known_keys(tx, [{"name": "e", "key": "k"}]) == {}
    assert d.get(d.born(run=9)).state == "waiting"


@pytest.mark.feature("M60", "M65")
def test_values_that_a_person_asks_for_are_refused_where_no_command_can_be_made_of_them(drive: Drive) -> None:  # noqa: F811
    d = drive(LIMITED)
    pid = d.born(run=1)
    d.turn()
    d.end(pid)
    for verb in ("rerun", "trial"):
        with pytest.raises(Invalid, match="starts with -"):
            ask(d, verb, id=pid, values={"threshold": -1})
        with pytest.raises(Invalid, match="task t"):
            ask(d, verb, id=pid, values={"title": "x" * 5_000})
    assert d.get(pid).replaced_by is None
