"""Counters of runs: a jump is a gap that is taken whole, each run once, and nothing is lost whatever the file says."""

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from procession.commands import messages, settings
from procession.commands.asked import Asked
from procession.commands.settings import Scope
from procession.errors import ConfigError
from procession.model.counting import AT_ONCE, CounterPlan, Position, advance
from procession.project import Project
from procession.store import counters
from tests.flow.both import drive  # noqa: F401
from tests.flow.driven import Driven
from tests.waiting import eventually

Drive = Callable[..., Driven]
pytestmark = pytest.mark.feature("M115")

PLAIN = """
[tasks.lrmecs]
counter = "lastrun.txt"
emit = "run"
params = { instrument = "LRMECS" }
[tasks.reduce]
on = "run"
run = "./one.sh {instrument} {run}"
"""
EXPECTING = """
[tasks.lrmecs]
counter = "lastrun.txt"
expect_path = "data/{instrument}{run:08d}.nxs"
expect_within = "1 h"
params = { instrument = "LRMECS" }
run = "./one.sh {path}"
"""


def say(d: Driven, text: str) -> None:
    (d.root / "lastrun.txt").write_text(text)


def look(d: Driven, seconds: float = 6) -> None:
    """Let a whole look pass: time goes by, it is made, and what it saw is taken in."""
    d.after(seconds)
    eventually(lambda: all(each.glances._seen or each.glances.since is None for each in d.post.counting.values()))
    d.turn()


def runs(d: Driven) -> list[int]:
    return [d.get(pid).params["run"] for (pid,) in d.rows("SELECT id FROM processing ORDER BY id")]


def position(d: Driven) -> Position:
    with d.project.store.read() as tx:
        return counters.all_of(tx)["lrmecs"]


def problems(d: Driven) -> list[str]:
    return [each.text for each in messages.newest(d.project) if each.kind == "watch"]


def arrive(d: Driven, *numbers: int) -> None:
    (d.root / "data").mkdir(exist_ok=True)
    for number in numbers:
        path = d.root / f"data/LRMECS{number:08d}.nxs"
        path.write_text("data")
        os.utime(path, (1, 1))


def test_a_jump_from_100_to_105_is_five_runs_each_once(drive: Drive) -> None:  # noqa: F811
    d = drive(PLAIN)
    say(d, "LRMECS 100 0\n")
    look(d)
    assert (runs(d), position(d)) == ([], Position(100)), "what came before is not new"
    say(d, "LRMECS 105 0\n")
    look(d)
    assert runs(d) == [101, 102, 103, 104, 105]
    look(d)
    assert runs(d) == [101, 102, 103, 104, 105]
    assert d.get(1).key == "lrmecs-101"
    assert d.get(1).params == {"instrument": "LRMECS", "run": 101}


def test_a_crash_between_any_two_looks_loses_and_doubles_nothing(drive: Drive) -> None:  # noqa: F811
    d = drive(PLAIN)
    say(d, "100")
    look(d)
    d.crash()
    say(d, "103")
    look(d)
    d.crash()
    look(d)
    d.leave()
    say(d, "106")
    d.launch()
    look(d)
    assert runs(d) == [101, 102, 103, 104, 105, 106], "also what came while nobody served"


def test_what_was_rolled_back_is_taken_again(drive: Drive) -> None:  # noqa: F811
    d = drive(PLAIN)
    say(d, "1")
    look(d)
    with pytest.raises(ZeroDivisionError), d.project.store.begin() as tx:
        assert counters.move(tx, "lrmecs", Position(1), Position(3))
        raise ZeroDivisionError
    assert position(d) == Position(1)


def test_of_two_launchers_that_look_at_once_one_moves_the_counter(drive: Drive) -> None:  # noqa: F811
    d = drive(PLAIN)
    with d.project.store.begin() as tx:
        assert counters.move(tx, "lrmecs", None, Position(1, {1: 5}))
        assert not counters.move(tx, "lrmecs", None, Position(1))
        assert counters.move(tx, "lrmecs", Position(1, {1: 5}), Position(3))
        assert not counters.move(tx, "lrmecs", Position(1, {1: 5}), Position(3))
        assert counters.move(tx, "lrmecs", Position(3), Position(4))


def test_a_look_that_comes_after_another_launchers_takes_nothing_twice(drive: Drive) -> None:  # noqa: F811
    d = drive(PLAIN)
    say(d, "1")
    look(d)
    say(d, "3")
    d.after(6)
    eventually(lambda: d.post.counting["lrmecs"].glances._seen)
    with d.project.store.begin() as tx:  # another launcher was quicker, and has submitted them
        assert counters.move(tx, "lrmecs", Position(1), Position(3))
    d.turn()
    assert runs(d) == []
    assert position(d) == Position(3)


@pytest.mark.feature("M61")
def test_a_run_waits_until_its_file_is_there_and_complete(drive: Drive) -> None:  # noqa: F811
    d = drive(EXPECTING)
    say(d, "100")
    look(d)
    arrive(d, 102)
    say(d, "103")
    look(d)
    assert runs(d) == [], "it may still be written"
    look(d)
    assert runs(d) == [102]
    assert d.get(1).params["path"] == str(d.root / "data/LRMECS00000102.nxs")
    assert sorted(position(d).pending) == [101, 103]
    d.crash()
    arrive(d, 101)
    look(d)
    look(d)
    assert runs(d) == [102, 101]
    assert problems(d) == []
    look(d, 3601)
    (problem,) = problems(d)
    assert "run 103" in problem
    arrive(d, 103)
    look(d)
    look(d)
    assert runs(d) == [102, 101, 103], "late data are taken all the same"
    assert problems(d) == []


@pytest.mark.parametrize("text", ["", "no number", "12a", "v1.2.3", "9" * 40, "-", "\0\0", "LRMECS00105", "ü" * 3000])
def test_garbage_is_told_and_loses_nothing(drive: Drive, text: str) -> None:  # noqa: F811
    d = drive(PLAIN)
    say(d, "100")
    look(d)
    say(d, text)
    look(d)
    assert problems(d) == [], "perhaps it is just being written"
    look(d)
    assert len(problems(d)) == 1
    assert position(d) == Position(100)
    say(d, "102")
    look(d)
    assert runs(d) == [101, 102]
    assert problems(d) == []


def test_a_counter_that_goes_back_or_jumps_too_far_is_told_and_loses_nothing(drive: Drive) -> None:  # noqa: F811
    d = drive(PLAIN)
    say(d, "100")
    look(d)
    say(d, "3")
    look(d)
    look(d)
    assert "went back from 100 to 3" in problems(d)[0]
    say(d, "1000000")
    look(d)
    look(d)
    assert "jumped from 100 to 1000000" in problems(d)[0]
    assert position(d) == Position(100)
    say(d, "101")
    look(d)
    assert runs(d) == [101]


def test_what_is_not_there_is_told(drive: Drive) -> None:  # noqa: F811
    d = drive(PLAIN)
    look(d)
    look(d)
    assert "lastrun.txt" in problems(d)[0]
    (d.root / "lastrun.txt").mkdir()
    look(d)
    look(d)
    assert "is no file" in problems(d)[0] or "directory" in problems(d)[0]


def test_one_that_cannot_be_an_event_waits_and_stops_no_other(drive: Drive) -> None:  # noqa: F811
    d = drive(PLAIN.replace("{instrument} {run}", "{instrument} {missing}"))
    say(d, "1")
    look(d)
    say(d, "2")
    look(d)
    look(d)
    assert runs(d) == []
    assert sorted(position(d).pending) == [2]
    assert "run 2 was not taken" in problems(d)[0]
    d.write(PLAIN)
    d.project.refresh()
    look(d)
    assert runs(d) == [2]


@pytest.mark.feature("M31")
def test_a_paused_counter_takes_what_came_meanwhile_when_it_goes_on(drive: Drive) -> None:  # noqa: F811
    d = drive(EXPECTING)
    say(d, "1")
    look(d)
    settings.pause(d.project, Scope("lrmecs"), "stop", Asked("ann"))
    say(d, "4")
    arrive(d, 2, 3, 4)
    look(d)
    look(d)
    assert runs(d) == []
    settings.resume(d.project, Scope("lrmecs"), Asked("ann"))
    look(d)
    look(d)
    look(d)
    assert runs(d) == [2, 3, 4]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('expect_path = "data/x.nxs"', "the same for every run"),
        ('expect_path = "data/{sat}{run}.nxs"', "{sat} has no value"),
        ('expect_path = "data/{run:d}.nxs"', "a brace in it"),
        ('expect_path = "data/{instrument:08d}{run}.nxs"', "only {run} has a width"),
        ('number = "(a)(b)"', "more than one group"),
        ('number = "("', "regular expression"),
        ('key = "{nothing}"', "{nothing} has no value"),
        ("gap = 0", "must be at least 1"),
        ('watch = "in/*.h5"', "stands beside"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_line(drive: Drive, line: str, said: str) -> None:  # noqa: F811
    d = drive(PLAIN)
    d.write(PLAIN.replace('emit = "run"', f'emit = "run"\n{line}'))
    with pytest.raises(ConfigError) as refused:
        Project.open(d.root, d.clock)
    assert any(said in problem for problem in refused.value.problems), refused.value.problems


def test_what_is_waited_for_is_never_more_than_a_gap() -> None:
    plan = CounterPlan("t", "f", "run", expect="{run}", gap=3)
    first = advance(plan, Position(0), 3, [], 1)
    assert sorted(first.position.pending) == [1, 2, 3]
    full = advance(plan, first.position, 6, [2], 2)
    assert (full.runs, full.position.last, sorted(full.position.pending)) == ((2,), 3, [1, 3])
    after = advance(plan, full.position, 6, [], 3)
    assert (after.position.last, sorted(after.position.pending)) == (4, [1, 3, 4]), "nothing is lost, it comes later"


def test_a_long_gap_is_taken_in_parts_and_one_that_cannot_be_an_event_holds_up_none() -> None:
    plan = CounterPlan("t", "f", "run")
    everything = range(1, 2 * AT_ONCE + 1)
    first = advance(plan, Position(0), 2 * AT_ONCE, everything, 1)
    assert first.runs == tuple(range(1, AT_ONCE + 1))
    refused = replace(first.position, pending={**first.position.pending, 1: 2})
    second = advance(plan, refused, 2 * AT_ONCE, [1, *first.position.pending], 3)
    assert second.runs == tuple(range(AT_ONCE + 1, 2 * AT_ONCE + 1))
    assert second.problem is None
    assert advance(plan, second.position, 2 * AT_ONCE, [1], 4).runs == (1,)


def test_a_jump_of_a_thousand_is_taken_soon_and_in_order(drive: Drive) -> None:  # noqa: F811
    d = drive(PLAIN)
    say(d, "0")
    look(d)
    say(d, "1100")
    for _ in range(4):
        look(d)
    assert runs(d) == list(range(1, 1101))
    assert position(d) == Position(1100)
    assert problems(d) == []
