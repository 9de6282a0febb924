"""Hold, release, run now; on both databases."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from procession.commands import events, holds, processings, reasons
from procession.errors import Refused
from procession.model.event import NewEvent
from tests.commands.asking import ask, balanced
from tests.flow.both import drive  # noqa: F401  pytest finds it by its name
from tests.flow.driven import Driven

Drive = Callable[..., Driven]

CHAIN = """
[tasks.t]
on = "e"
at_once = 1
steps = ["./one.sh", "./two.sh"]
retry = { soft_attempts = 2, delay = "0 s" }
"""


@pytest.fixture
def d(drive: Drive) -> Driven:  # noqa: F811
    return drive(CHAIN)


@pytest.mark.feature("P15")
def test_what_is_held_starts_nothing_keeps_its_place_and_holds_up_nobody(d: Driven) -> None:
    first, second, third = d.born(), d.born(), d.born()
    ask(d, holds.hold_one, first, reason="wrong table")
    d.turn()
    assert d.claimed() == [second]
    why = reasons.why(d.project, first)
    assert (why.code, "held by somebody: wrong table" in why.sentence) == ("held", True)
    ask(d, holds.release_one, first)
    d.end(second)
    d.end(second)
    assert d.claimed() == [first]
    assert d.state(third) == "waiting"


@pytest.mark.feature("P15")
def test_of_a_running_one_what_runs_goes_on_and_nothing_more_starts(d: Driven) -> None:
    pid = d.born()
    d.turn()
    d.begin()
    ask(d, holds.hold_one, pid)
    d.end(pid)
    assert (d.state(pid), d.states(pid)) == ("running", ["succeeded", "ready"])
    d.after(1000)
    assert d.states(pid) == ["succeeded", "ready"]
    assert reasons.why(d.project, pid).code == "held"
    ask(d, holds.release_one, pid)
    d.turn()
    d.end(pid)
    assert d.state(pid) == "succeeded"


@pytest.mark.feature("P15")
@pytest.mark.parametrize("step", ["one", "two"])
def test_a_step_that_is_held_does_not_start_and_does_not_stand_before_others(d: Driven, step: str) -> None:
    pid, other = d.born(), d.born()
    ask(d, holds.hold_one, pid, step)
    d.turn()
    if step == "two":
        d.end(pid)
        assert d.states(pid) == ["succeeded", "ready"]
        assert reasons.why(d.project, pid).code == "held"
        assert d.claimed() == []
    else:
        assert d.claimed() == [other]
        d.end(other)
        d.end(other)
        d.turn()
        assert d.states(pid) == ["pending", "pending"]
    ask(d, holds.release_one, pid, step)
    assert d.get(pid).held_at is None
    d.turn()
    assert d.latest(pid)


GRAPH = """
[tasks.t]
on = "e"
[[tasks.t.steps]]
run = "./one.sh"
[[tasks.t.steps]]
run = "./two.sh"
needs = []
"""


@pytest.mark.feature("P15")
def test_of_two_first_steps_only_the_one_that_is_held_waits(drive: Drive) -> None:  # noqa: F811
    d = drive(GRAPH)
    pid = d.born()
    ask(d, holds.hold_one, pid, "one")
    d.turn()
    assert d.states(pid) == ["pending", "running"]
    d.end(pid)
    assert d.states(pid) == ["ready", "succeeded"]
    ask(d, holds.release_one, pid, "one")
    d.turn()
    d.end(pid)
    assert d.state(pid) == "succeeded"


def test_a_hold_is_kept_over_a_retry_and_the_whole_is_held_with_its_next_step(d: Driven) -> None:
    pid, other = d.born(), d.born()
    d.turn()
    d.begin()
    ask(d, holds.hold_one, pid, "one")
    d.end(pid, 1)
    d.end(other)
    d.end(other)
    processings.retry(d.project, pid)
    d.turn()
    assert (d.state(pid), d.claimed()) == ("waiting", [])
    third = d.born()
    d.turn()
    assert d.claimed() == [third]
    ask(d, holds.release_one, pid)
    d.end(third)
    d.end(third)
    d.turn()
    assert d.claimed() == [pid]
    assert balanced(d)


def test_a_hold_is_refused_twice_and_a_release_where_nothing_is_held(d: Driven) -> None:
    pid = d.born()
    with pytest.raises(Refused, match="is not held"):
        ask(d, holds.release_one, pid)
    with pytest.raises(Refused, match="step two of processing 1 is not held"):
        ask(d, holds.release_one, pid, "two")
    ask(d, holds.hold_one, pid)
    ask(d, holds.hold_one, pid, "two")
    for step in (None, "two"):
        with pytest.raises(Refused, match="held already"):
            ask(d, holds.hold_one, pid, step)
    ask(d, holds.release_one, pid)
    assert d.step(pid, 2).held_at is None
    d.turn()
    d.end(pid)
    with pytest.raises(Refused, match="step one of processing 1 cannot be held: it has ended"):
        ask(d, holds.hold_one, pid, "one")


@pytest.mark.feature("M18")
def test_run_now_clears_the_moment_before_which_it_would_not_begin(d: Driven) -> None:
    later = d.clock.now() + timedelta(hours=3)
    (pid,) = events.submit(d.project, NewEvent("e", source="test", not_before=later)).processings
    d.turn()
    assert (d.state(pid), d.get(pid).due_at) == ("waiting", later)
    assert reasons.why(d.project, pid).code == "not_before"
    assert "starts as soon" in ask(d, holds.run_one_now, pid, reason="now or never").text
    d.turn()
    assert d.latest(pid)
    assert "processing run-now" in d.verbs(pid)


@pytest.mark.feature("M18")
def test_a_moment_that_nobody_can_mean_is_clamped(d: Driven) -> None:
    """B42."""
    long_ago, never = d.clock.now().replace(year=1970), d.clock.now().replace(year=9999)
    (past,) = events.submit(d.project, NewEvent("e", source="test", not_before=long_ago)).processings
    (far,) = events.submit(d.project, NewEvent("e", source="test", not_before=never)).processings
    assert d.get(past).due_at is None
    due = d.get(far).due_at
    assert due is not None
    assert due.year < 2130


@pytest.mark.feature("M18")
def test_run_now_does_not_wait_for_the_next_try_of_a_step(d: Driven) -> None:
    pid = d.born()
    d.turn()
    d.end(pid, 75, left={"retry_after": "3600"})
    assert d.states(pid) == ["ready", "pending"]
    ask(d, holds.run_one_now, pid)
    d.turn()
    assert d.states(pid) == ["running", "pending"]
    with pytest.raises(Refused, match="waits for no moment"):
        ask(d, holds.run_one_now, pid)
