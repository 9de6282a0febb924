"""What has ended is processed anew with other variables: one, a list of runs, several as one, a trial."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from procession.commands import deletions, reruns, runs, versions
from procession.commands.reruns import Wish
from procession.errors import Invalid, NotFound, Refused
from tests.commands.adjusting import DECLARED, DEFAULTS, WHO, add, chosen, defaults
from tests.commands.asking import ask, balanced
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven

Drive = Callable[..., Driven]

WITH_RESULTS = """
[tasks.t]
on = "e"
run_by = "{run}"
steps = ["./one.sh {x}"]
results = { copy = ["*.out"], to = "archive" }
[tasks.t.variables]
x = 1
"""
SCRIPTED = """
[tasks.t]
on = "e"
run = "python reduce.py reduce_vars.py"
variables_from = "reduce_vars.py"
run_by = "{run}"
"""


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(DECLARED)


def wish(how: dict[str, Any] | None = None, **values: Any) -> Wish:
    return Wish(values, {}, **(how or {}))


def ended(d: Driven, **params: Any) -> int:
    """A processing of these that has ended."""
    pid = d.born(**params)
    d.turn()
    d.end(pid)
    return pid


def rerun(d: Driven, pid: int, how: dict[str, Any] | None = None, **values: Any) -> int:
    return reruns.rerun(d.project, pid, wish(how, **values), WHO).id


@pytest.mark.feature("M57", "M59")
def test_a_rerun_is_the_next_version_with_its_description_and_changed_variables(d: Driven) -> None:
    made = add(d, 1, threshold=2, method="exact").listed.found
    first = ended(d, run=5)
    second = rerun(d, first, {"description": "less <b>noise</b>"}, threshold=3)
    found = d.get(second)
    assert (found.version, found.first_id, found.description) == (2, first, "less <b>noise</b>")
    assert chosen(d, second).flat() == {"threshold": 3, "method": "exact"}
    assert chosen(d, second).origin == {"threshold": "changed by ada", "method": f"set {made.id} (runs from 1)"}
    assert d.get(first).replaced_by == second
    d.turn()
    d.end(second)
    assert d.state(second) == "succeeded"
    assert balanced(d)


@pytest.mark.feature("M65")
def test_values_are_kept_or_those_of_the_first_version_or_those_of_a_new_run(d: Driven) -> None:
    add(d, 1, threshold=2)
    first = ended(d, run=5)
    second = rerun(d, first, threshold=3)
    d.turn()
    d.end(second)
    add(d, 1, replacing=True, threshold=4)
    values = {}
    for version, variables in enumerate(("kept", "original", "current"), 3):
        pid = rerun(
            d, max(found.processing.id for found in versions.versions(d.project, first)), {"variables": variables}
        )
        d.turn()
        d.end(pid)
        assert d.get(pid).version == version
        values[variables] = chosen(d, pid).flat()
    assert values == {"kept": {"threshold": 3}, "original": {"threshold": 2}, "current": {"threshold": 4}}


@pytest.mark.feature("M65")
def test_the_original_values_are_those_of_the_script_as_the_first_version_ran_it(
    drive: Drive,  # noqa: F811
    tmp_path: Path,
) -> None:
    defaults(tmp_path / "p0")
    (tmp_path / "p0" / "reduce.py").write_text("print(1)\n")
    d = drive(SCRIPTED.replace('"python reduce.py reduce_vars.py"', '"python reduce_vars.py"'))
    first = ended(d, run=5)
    defaults(tmp_path / "p0", DEFAULTS.replace("1.8", "2.2"))
    now = rerun(d, first)
    d.turn()
    d.end(now)
    assert d.get(now).variables is None
    original = rerun(d, now, {"variables": "original"})
    assert chosen(d, original).sections() == {"standard_vars": {"wavelength": 1.8}, "advanced_vars": {}}
    assert chosen(d, original).origin == {"wavelength": "default of version 1"}
    d.turn()
    d.end(original)
    script = rerun(d, original, {"script": "original"})
    assert d.get(script).code_of == first


@pytest.mark.feature("M57", "M60")
def test_a_rerun_with_what_a_variable_cannot_have_is_refused_and_changes_nothing(d: Driven) -> None:
    pid = ended(d, run=5)
    with pytest.raises(Invalid, match="variable threshold: must be a number"):
        rerun(d, pid, threshold="x")
    with pytest.raises(Invalid, match="has none of this name"):
        rerun(d, pid, other=1)
    with pytest.raises(Invalid, match="variable live: must be true or false, not 'perhaps'"):
        reruns.rerun(d.project, pid, Wish({}, {"live": "perhaps"}), WHO)
    with pytest.raises(Refused, match="cannot be restarted: it is waiting"):
        rerun(d, d.born(run=6), threshold=1)
    assert d.get(pid).replaced_by is None


@pytest.mark.feature("M66", "M57")
def test_a_trial_is_no_version_and_nothing_leaves_its_directory(drive: Drive) -> None:  # noqa: F811
    d = drive(WITH_RESULTS)
    pid = d.born(run=5)
    d.turn()
    d.end(pid)
    d.end(pid)
    assert d.states(pid) == ["succeeded", "succeeded"]
    tried = reruns.trial(d.project, pid, wish({"description": "what if"}, x=9), WHO).id
    assert (d.get(tried).version, d.get(pid).replaced_by) == (1, None)
    assert chosen(d, tried).trial
    assert chosen(d, tried).flat() == {"x": 9}
    d.turn()
    d.end(tried, left={"events": '{"event": "e", "params": {"run": 77}}\n'})
    assert (d.state(tried), d.states(tried)) == ("succeeded", ["succeeded", "skipped"])
    assert d.rows("SELECT id FROM processing WHERE run_number = 77") == []
    for how in ("kept", "original", "current"):
        tried = rerun(d, tried, {"variables": how})
        assert chosen(d, tried).trial  # a trial stays one, and publishes nothing
        d.turn()
        d.end(tried)
    again = runs.rerun_runs(d.project, "t", "5", wish(), WHO, 10)  # the run is that of the version, not of the trial
    assert [each.id for each in again] == [pid]
    assert balanced(d)


# ── versions ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M57")
def test_the_history_of_versions_and_what_is_different_between_two(d: Driven) -> None:
    first = ended(d, run=5)
    second = rerun(d, first, {"description": "again"}, threshold=3)
    d.turn()
    d.end(second, 3)
    third = rerun(d, second, threshold=4)
    found = versions.versions(d.project, second)
    assert [(v.processing.id, v.processing.version, v.by) for v in found] == [
        (first, 1, "test"), (second, 2, "ada"), (third, 3, "ada"),
    ]  # fmt: skip
    told = {(c.kind, c.name): (c.before, c.after) for c in versions.difference(d.project, second).changes}
    assert told["variable", "threshold"] == ("0.5 (default)", "3")
    assert told["outcome", ""][0] == "succeeded"
    assert told["description", ""] == (None, "again")
    assert versions.difference(d.project, third, 1).before.processing.id == first
    with pytest.raises(NotFound, match="has no version 9; it has: 1, 2, 3"):
        versions.difference(d.project, third, 9)
    with pytest.raises(NotFound, match="is the first version"):
        versions.difference(d.project, first)


@pytest.mark.feature("M57")
def test_of_what_a_version_has_not_begun_nothing_is_told_to_be_different(drive: Drive) -> None:  # noqa: F811
    d = drive('[tasks.t]\non = "e"\nsteps = ["sh one.sh", "sh two.sh"]\n')
    for name in ("one.sh", "two.sh"):
        (d.root / name).write_text("true\n")
    first = ended(d)
    d.turn()
    d.end(first)
    second = rerun(d, first)
    assert d.state(first) == "succeeded" and d.state(second) == "waiting"
    assert versions.difference(d.project, second).changes == ()
    (d.root / "one.sh").write_text("false\n")
    d.turn()
    (change,) = versions.difference(d.project, second).changes
    assert (change.kind, change.name) == ("code", str(d.root / "one.sh"))
    d.end(second, 1)
    kinds = [(c.kind, c.name) for c in versions.difference(d.project, second).changes]
    assert kinds == [("outcome", ""), ("code", str(d.root / "one.sh"))], "it never ran the other"


@pytest.mark.feature("M98")
def test_chosen_versions_or_all_of_them_are_deleted(d: Driven) -> None:
    first = ended(d, run=5)
    ids = [first]
    for n in range(3):
        ids.append(rerun(d, ids[-1], threshold=n))
        d.turn()
        d.end(ids[-1])
    with pytest.raises(NotFound, match="has no version 7"):
        ask(d, deletions.delete_one, first, versions="2,7")
    ask(d, deletions.delete_one, ids[-1], versions="2-3")
    assert [v.processing.version for v in versions.versions(d.project, first)] == [1, 4]
    assert d.get(first).replaced_by == ids[3]
    assert balanced(d)
    ask(d, deletions.delete_one, ids[-1], versions="all")
    assert d.rows("SELECT id FROM processing") == []
    assert balanced(d)


# ── runs ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.feature("M67")
def test_runs_of_a_list_are_processed_anew_all_of_them_or_none(d: Driven) -> None:
    there = {run: ended(d, run=run, rb="RB1") for run in (1, 4, 5, 6)}
    waiting = d.born(run=7, rb="RB1")
    other = ended_after(d, waiting, run=9, rb="RB2")
    with pytest.raises(Refused) as refused:
        runs.rerun_runs(d.project, "t", "1,3-7,9", wish(threshold=3), WHO, 50)
    said = str(refused.value)
    assert "run 3: task t has not processed it" in said
    assert "run 9: it is of group RB2, the others of RB1" in said
    assert d.rows("SELECT id FROM processing WHERE version > 1") == []
    tried = runs.rerun_runs(d.project, "t", "1,4-6", wish(threshold=3), WHO, 50, dry_run=True)
    assert [each.run for each in tried] == [1, 4, 5, 6]
    assert d.rows("SELECT id FROM processing WHERE version > 1") == []
    done = runs.rerun_runs(d.project, "t", "1,4-6", wish(threshold=3), WHO, 50)
    assert [(each.run, each.id) for each in done] == list(there.items())
    assert {str(chosen(d, each.now or 0).flat()) for each in done} == {"{'threshold': 3}"}
    with pytest.raises(Refused, match=rf"run 1: processing {done[0].now} is waiting"):
        runs.rerun_runs(d.project, "t", "1", wish(), WHO, 50)
    assert d.state(other) == "succeeded"


def ended_after(d: Driven, before: int, **params: Any) -> int:
    d.turn()
    d.end(before)
    return ended(d, **params)


@pytest.mark.feature("M67")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no run is named"),
        ("1,,2", "is no run"),
        ("6-4", "the range ends before it starts"),
        ("1-5,3", "run 3 is named twice"),
        ("1-51", "51 runs are too many in one go"),
        ("1-99999999999", "are too many"),
        ("-1", "is no run"),
        ("1e3", "is no run"),
        ("9223372036854775807", "too large"),
    ],
)
def test_a_list_of_runs_that_cannot_be_meant_is_refused(d: Driven, text: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        runs.rerun_runs(d.project, "t", text, wish(), WHO, 50)
    assert says in str(refused.value)


@pytest.mark.feature("M68")
def test_several_runs_are_one_processing_that_knows_all_their_files(d: Driven) -> None:
    made = add(d, group="RB1", threshold=7).listed.found
    for run in (1, 4, 5):
        ended(d, run=run, rb="RB1", path=f"/data/{run}.nxs", inst="gem")
    done = runs.rerun_runs(
        d.project, "t", "1,4-5", wish({"description": "all"}, method="exact"), WHO, 50, together=True
    )
    (pid,) = {each.now for each in done}
    assert pid is not None
    found = d.get(pid)
    files = ["/data/1.nxs", "/data/4.nxs", "/data/5.nxs"]
    assert found.params == {
        "rb": "RB1", "inst": "gem", "run": "1,4-5", "runs": [1, 4, 5], "inputs": files, "path": files,
    }  # fmt: skip
    assert (found.run, found.group, found.version, found.description) == (None, "RB1", 1, "all")
    assert chosen(d, pid).set_id == made.id
    assert chosen(d, pid).flat() == {"threshold": 7, "method": "exact"}
    d.turn()
    d.end(pid)
    assert d.state(pid) == "succeeded"
    assert d.get(rerun(d, pid)).version == 2
