"""Who may start: never too many, never held up by another, and the reason is the rule (G24)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procession.model.admission import admit, shims
from procession.model.capacity import Candidate, Capacity, Live

SIZES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 8.0])


def one(pid: int, cpus: float = 1.0, task: str = "t", at_once: int = 0, begun: bool = False, **more: int) -> Candidate:
    return Candidate(pid, more.pop("ordinal", 1), task, cpus, at_once, begun, **more)


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Candidate], Capacity, Live]:
    limits = {task: draw(st.integers(0, 3)) for task in "abc"}
    found = []
    for pid in range(draw(st.integers(0, 12))):
        task, begun = draw(st.sampled_from("abc")), draw(st.booleans())
        found += [one(pid, draw(SIZES), task, limits[task], begun, ordinal=n) for n in range(draw(st.integers(1, 3)))]
    sizes = draw(st.lists(SIZES, max_size=4))
    processings = {task: draw(st.integers(0, 3)) for task in "ab"}
    live = Live(sum(sizes), len(sizes), sum(size != 1 for size in sizes), processings)
    return found, Capacity(draw(st.sampled_from([0.5, 1.0, 2.0, 4.0])), draw(st.integers(0, 5))), live


def copy(live: Live) -> Live:
    return Live(live.cpus, live.count, live.odd, dict(live.processings))


@pytest.mark.feature("M38", "P17")
@settings(max_examples=150)
@given(situations())
def test_no_limit_is_ever_exceeded(situation: tuple[list[Candidate], Capacity, Live]) -> None:
    """G24: cpus with what is queued ahead; processings of a task at once."""
    found, capacity, live = situation
    before = copy(live)
    admitted, obstacles = admit(found, capacity, live)
    cpus = before.cpus + sum(c.cpus for c in admitted)
    if any(c.cpus for c in admitted):
        assert cpus <= capacity.cpus + capacity.ahead + 1e-9
    if live.cpus > capacity.cpus + 1e-9 and not before.odd and before.cpus <= capacity.cpus:
        assert all(c.cpus in (0, 1) for c in admitted), "only equal steps are queued ahead"
        assert shims(capacity, live) <= max(1, capacity.cpus), "and never run beyond the processors"
    for task in "abc":
        at_once = next((c.at_once for c in found if c.task == task), 0)
        fresh = {c.processing_id for c in admitted if c.task == task and not c.begun}
        assert live.processings.get(task, 0) >= before.processings.get(task, 0)
        if at_once and fresh:
            assert live.processings[task] <= max(at_once, before.processings.get(task, 0))
    assert live.cpus == pytest.approx(cpus)
    assert set(obstacles) | {(c.processing_id, c.ordinal) for c in admitted} == {
        (c.processing_id, c.ordinal) for c in found
    }
    assert not set(obstacles) & {(c.processing_id, c.ordinal) for c in admitted}, "one answer for each"


@pytest.mark.feature("M15", "M16")
@settings(max_examples=100)
@given(situations())
def test_room_is_given_away_in_the_given_order_and_nobody_holds_up_the_next(
    situation: tuple[list[Candidate], Capacity, Live],
) -> None:
    """Greedy: whoever was refused would still not fit where its turn was; whoever fits is taken."""
    found, capacity, live = situation
    start = copy(live)
    admitted, _ = admit(found, capacity, copy(live))
    taken: list[Candidate] = []
    for candidate in found:
        alone, _ = admit([*taken, candidate], capacity, copy(start))
        if candidate in admitted:
            assert alone == [*taken, candidate]
            taken.append(candidate)
        else:
            assert alone == taken
    assert taken == admitted


@pytest.mark.feature("M16")
def test_the_turn_is_priority_then_what_has_begun_then_age() -> None:
    fresh = [one(1), one(2, begun=True), one(3, priority=5), one(2, begun=True, ordinal=2), one(4, begun=True)]
    assert [(c.processing_id, c.ordinal) for c in sorted(fresh, key=lambda c: c.turn)] == [
        (3, 1), (2, 1), (2, 2), (4, 1), (1, 1),
    ]  # fmt: skip


@pytest.mark.feature("N5")
def test_a_step_larger_than_the_host_is_named_so_and_lets_the_others_pass() -> None:
    admitted, obstacles = admit([one(1, cpus=8), one(2), one(3)], Capacity(4), Live())
    assert [c.processing_id for c in admitted] == [2, 3]
    assert obstacles[1, 1].code == "too_many_cpus"
    assert "needs 8 cpus and this host may use 4" in obstacles[1, 1].sentence


@pytest.mark.feature("N5", "P17")
def test_a_step_that_waits_for_room_says_how_much_is_in_use_and_lets_smaller_ones_pass() -> None:
    admitted, obstacles = admit([one(1, 3), one(2, 1)], Capacity(4), Live(2.5, 1, 1))
    assert [c.processing_id for c in admitted] == [2]
    assert obstacles[1, 1].code == "cpus"
    assert "needs 3 cpus; 2.5 of 4 are in use" in obstacles[1, 1].sentence


@pytest.mark.feature("M38", "N5")
def test_a_full_task_says_how_many_run_and_lets_other_tasks_pass() -> None:
    live = Live(processings={"t": 1})
    admitted, obstacles = admit([one(n, at_once=2) for n in (1, 2)] + [one(9, task="u", at_once=1)], Capacity(9), live)
    assert [c.processing_id for c in admitted] == [1, 9]
    assert obstacles[2, 1].code == "at_once"
    assert "2 of 2 processings of task t are running" in obstacles[2, 1].sentence


@pytest.mark.feature("M38")
def test_a_processing_counts_once_however_many_of_its_steps_start() -> None:
    live = Live(processings={"t": 0})
    admitted, _ = admit([one(1, at_once=1, ordinal=n) for n in (1, 2, 3)] + [one(2, at_once=1)], Capacity(9), live)
    assert [(c.processing_id, c.ordinal) for c in admitted] == [(1, 1), (1, 2), (1, 3)]
    assert live.processings == {"t": 1}
    admitted, _ = admit([one(5, at_once=1, begun=True)], Capacity(9), Live(processings={"t": 1}))
    assert len(admitted) == 1, "what has begun goes on, also where the limit was lowered meanwhile"


def test_queues_ahead_are_for_steps_of_one_processor_only() -> None:
    small, _ = admit([one(n) for n in range(9)], Capacity(2, ahead=3), Live())
    assert len(small) == 5
    large, _ = admit([one(1, 2), *(one(n) for n in range(2, 9))], Capacity(2, ahead=3), Live())
    assert [c.processing_id for c in large] == [1]
    beside, _ = admit([one(n) for n in range(9)], Capacity(4, ahead=3), Live(2.0, 1, 1))
    assert len(beside) == 2
    after, _ = admit([*(one(n) for n in range(3)), one(8, 2)], Capacity(2, ahead=3), Live())
    assert [c.processing_id for c in after] == [0, 1, 2]


def test_what_costs_nothing_always_has_room() -> None:
    admitted, _ = admit([one(n, 0) for n in range(100)], Capacity(1), Live(1.0, 1))
    assert len(admitted) == 100


def test_many_small_parts_fill_a_processor_exactly() -> None:
    """Sums of tenths do not lose one."""
    admitted, _ = admit([one(n, 0.1) for n in range(30)], Capacity(2), Live())
    assert len(admitted) == 20


def test_every_live_step_runs_unless_some_are_queued_ahead() -> None:
    """Steps that take less than a processor all run; of those that are queued ahead one for each processor."""
    live = Live()
    admit([one(n, 0.1) for n in range(30)], Capacity(2), live)
    assert shims(Capacity(2), live) == 20
    live = Live()
    admit([one(n) for n in range(9)], Capacity(2, ahead=3), live)
    assert (live.count, shims(Capacity(2, ahead=3), live)) == (5, 2)
