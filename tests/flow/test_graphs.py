"""Graphs: branches, joins, conditions, skips, and what becomes of the whole when one branch ends badly (P3)."""

# ruff: noqa: F811  the fixture of both databases

import json
from collections.abc import Callable
from typing import Any

import pytest

from procession.commands import processings, reasons
from procession.errors import Invalid
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven

Drive = Callable[..., Driven]
pytestmark = pytest.mark.feature("P3")

DIAMOND = """
    [tasks.t]
    on = "e"
    steps = [
      "./one.sh",
      { run = "./two.sh", needs = ["one"] },
      { run = "./three.sh", needs = ["one"] },
      { run = "./four.sh", needs = ["two", "three"] },
    ]
"""
APART = """
    [tasks.t]
    on = "e"
    steps = [
      { run = "./one.sh", needs = [] },
      { run = "./two.sh", needs = [] },
      { run = "./three.sh", needs = ["one"] },
    ]
"""


def end(d: Driven, pid: int, ordinal: int, code: int = 0, **left: str) -> None:
    """Let this step's live attempt run and end, and take a turn."""
    key = d.key(pid, ordinal, d.step(pid, ordinal).attempt)
    if key in d.executor.queue:
        d.executor.begin(key)
    d.executor.end(key, code, left=left or None)
    d.turn()


def running(d: Driven, pid: int) -> list[int]:
    return [step.ordinal for step in d.get(pid).steps if step.state == "running"]


def test_branches_run_beside_each_other_and_join(drive: Drive) -> None:
    d = drive(DIAMOND)
    pid = d.born()
    d.turn()
    assert running(d, pid) == [1]
    end(d, pid, 1)
    assert running(d, pid) == [2, 3]
    end(d, pid, 3)
    assert running(d, pid) == [2], "the join waits for both"
    end(d, pid, 2)
    assert running(d, pid) == [4]
    end(d, pid, 4)
    assert d.state(pid) == "succeeded"


def test_branches_that_end_in_one_turn_are_settled_together(drive: Drive) -> None:
    d = drive(DIAMOND)
    pid = d.born()
    d.turn()
    end(d, pid, 1)
    for ordinal in (2, 3):
        d.executor.begin(d.key(pid, ordinal))
        d.executor.end(d.key(pid, ordinal))
    d.turn()
    assert running(d, pid) == [4]


def test_other_branches_go_on_beside_one_that_failed_and_the_reason_is_that_of_the_failure(drive: Drive) -> None:
    d = drive(APART)
    pid = d.born()
    d.turn()
    end(d, pid, 2, 3)
    assert (d.state(pid), running(d, pid)) == ("running", [1])
    end(d, pid, 1)
    assert running(d, pid) == [3]
    end(d, pid, 3)
    assert d.state(pid) == "failed"
    assert d.get(pid).reason == "two: exit code 3", "whatever ended last"
    processings.retry(d.project, pid)
    d.turn()
    assert running(d, pid) == [2]
    end(d, pid, 2)
    assert d.state(pid) == "succeeded"
    assert [d.step(pid, n).attempt for n in (1, 2, 3)] == [1, 2, 1]


@pytest.mark.feature("M69")
@pytest.mark.parametrize("first", [1, 2])
def test_a_script_that_skips_the_rest_ends_the_processing_as_skipped_in_whatever_order_branches_end(
    drive: Drive, first: int
) -> None:
    d = drive(APART)
    pid = d.born()
    d.turn()
    if first == 1:
        end(d, pid, 1, 77, log="nothing to do\n")
        assert d.states(pid) == ["skipped", "running", "skipped"]
        end(d, pid, 2)
    else:
        end(d, pid, 2)
        end(d, pid, 1, 77, log="nothing to do\n")
    assert (d.state(pid), d.get(pid).reason) == ("skipped", "one: nothing to do")


def test_a_failure_beside_a_skip_is_a_failure(drive: Drive) -> None:
    d = drive(APART)
    pid = d.born()
    d.turn()
    end(d, pid, 1, 77)
    end(d, pid, 2, 9)
    assert (d.state(pid), d.get(pid).reason) == ("failed", "two: exit code 9")


WHEN = """
    [variables]
    limit = 20
    [tasks.t]
    on = "e"
    steps = [
      "./one.sh",
      { run = "./two.sh", when = "one.clouds > limit" },
      { run = "./three.sh", when = "night == true", needs = ["one"] },
      { run = "./four.sh", needs = ["two", "three"] },
    ]
"""


@pytest.mark.parametrize(
    ("night", "clouds", "runs"), [(True, 50, [2, 3]), (False, 50, [2]), (True, 10, [3]), (False, 10, [4])]
)
def test_conditions_on_parameters_outputs_and_variables_decide_which_branches_run(
    drive: Drive, night: bool, clouds: int, runs: list[int]
) -> None:
    d = drive(WHEN)
    pid = d.born(night=night)
    d.turn()
    end(d, pid, 1, output=json.dumps({"clouds": clouds}) + "\n")
    assert running(d, pid) == runs
    for ordinal in runs:
        end(d, pid, ordinal)
    if runs != [4]:
        assert running(d, pid) == [4], "a need that was skipped by its condition counts as met"
        end(d, pid, 4)
    assert d.state(pid) == "succeeded"
    skipped = {n for n in (2, 3) if n not in runs}
    assert {step.ordinal for step in d.get(pid).steps if step.state == "skipped"} == skipped
    assert all(d.step(pid, n).attempt == 0 for n in skipped)


ONLY = """
    [tasks.t]
    on = "e"
    steps = [{ run = "./one.sh", when = "go == true" }, { run = "./two.sh", when = "go == true" }]
"""


def test_a_processing_of_which_no_step_applies_is_born_skipped_and_says_so(drive: Drive) -> None:
    d = drive(ONLY)
    no, yes = d.born(go=False), d.born(go=True)
    assert (d.state(no), d.states(no)) == ("skipped", ["skipped", "skipped"])
    assert "no condition (when) holds" in (d.get(no).reason or "")
    d.turn()
    assert running(d, yes) == [1]


def test_where_decides_which_events_a_task_takes(drive: Drive) -> None:
    d = drive(
        '[tasks.a]\non = "e"\nrun = "./one.sh"\nwhere = "sat == \'L8\' and row > 3"\n'
        '[tasks.b]\non = "e"\nrun = "./two.sh"\nwhere = { sat = "L9" }\n[tasks.c]\non = "e"\nrun = "./three.sh"\n'
    )

    def takers(**params: Any) -> list[str]:
        return [d.get(pid).task for pid in d.submit("e", **params).processings]

    assert takers(sat="L8", row=4) == ["a", "c"]
    assert takers(sat="L8", row=3) == ["c"]
    assert takers(sat="L9", row=3) == ["b", "c"]
    assert takers() == ["c"], "what is not there fits nothing"


def test_variables_stand_in_for_what_the_event_does_not_bring(drive: Drive) -> None:
    d = drive(
        '[variables]\narchive = "/data"\nbands = [1, 2]\n[tasks.t]\non = "e"\nrun = "./one.sh {archive} {bands}"\n'
    )
    plain, given = d.born(), d.born(archive="/tape")
    d.turn()
    jobs = [d.executor.job(d.key(pid)) for pid in (plain, given)]
    assert [job.argv[1:] for job in jobs] == [["/data", "[1,2]"], ["/tape", "[1,2]"]]
    assert [job.env_set["PROCESSION_PARAM_ARCHIVE"] for job in jobs] == ["/data", "/tape"]
    with pytest.raises(Invalid):
        d.submit("e", archive="")


def test_results_are_copied_when_every_branch_has_ended(drive: Drive) -> None:
    d = drive(
        '[tasks.t]\non = "e"\nresults = { copy = ["*.png"], to = "out/{scene}" }\n'
        'steps = [{ run = "./one.sh", needs = [] }, { run = "./two.sh", needs = [] }]\n'
    )
    pid = d.born(scene="LC08")
    d.turn()
    assert running(d, pid) == [1, 2]
    end(d, pid, 2)
    assert running(d, pid) == [1], "the other branch may still make files"
    end(d, pid, 1)
    assert running(d, pid) == [3]
    argv = d.executor.job(d.key(pid, 3)).argv
    assert str(d.root / "out/LC08") in argv
    assert reasons.why(d.project, pid).code == "running"
    end(d, pid, 3)
    assert d.state(pid) == "succeeded"
