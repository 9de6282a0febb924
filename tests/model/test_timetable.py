"""Nominal times: one after the other, each once, never silenced by a clock (G25, G26)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.model.timetable import LATE_AFTER, Every, Occurrence

pytestmark = pytest.mark.feature("M34")
START = datetime(2026, 3, 1, tzinfo=UTC)
PERIODS = st.timedeltas(timedelta(seconds=1), timedelta(days=40))


def test_the_first_time_is_now() -> None:
    assert Every(timedelta(hours=1)).due(None, START) == [Occurrence(START, late=False)]
    assert Every(timedelta(hours=1)).next_after(None, START) == START


@given(PERIODS, st.lists(st.timedeltas(timedelta(0), timedelta(days=100)), min_size=1, max_size=60))
def test_nominal_times_only_grow_and_stay_in_step(period: timedelta, waits: list[timedelta]) -> None:
    """G25: each at most once, whenever it is asked; never ahead of time; counted from start to start."""
    every, now, last = Every(period), START, START
    for wait in waits:
        now += wait
        if not (found := every.due(last, now)):
            assert now < last + period
            assert every.next_after(last, now) == last + period > now
            continue
        (due,) = found
        assert last < due.nominal_at <= now
        assert now - due.nominal_at < period, "the newest one: what was missed before is one run"
        assert (due.nominal_at - last) % period == timedelta(0)
        assert every.due(due.nominal_at, now) == [], "never twice"
        last = due.nominal_at


@given(PERIODS, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_whoever_sleeps_until_the_next_one_finds_it_due_then_and_not_before(
    period: timedelta, since: timedelta
) -> None:
    every = Every(period)
    upcoming = every.next_after(START, START + since)
    assert upcoming is not None
    assert every.due(START, upcoming)
    assert not every.due(START, upcoming - timedelta(microseconds=1))


@given(PERIODS, st.integers(2, 50))
def test_after_downtime_there_is_one_run_marked_late(period: timedelta, missed: int) -> None:
    """G25: the newest nominal time."""
    now = START + missed * period
    assert Every(period).due(START, now) == [Occurrence(now, late=True)]
    assert Every(period).due(now, now) == []


@given(PERIODS, st.floats(0, 0.999))
def test_a_run_that_missed_nothing_is_not_late(period: timedelta, part: float) -> None:
    for due in Every(period).due(START, START + period + period * part):
        assert not (due.late and due.nominal_at == START + period)


def test_a_missed_run_within_the_grace_is_not_late() -> None:
    every = Every(timedelta(seconds=40))
    assert timedelta(seconds=60) == LATE_AFTER
    (due,) = every.due(START, START + timedelta(seconds=80))
    assert due.late, "half a period is shorter than the grace"


@given(PERIODS, st.timedeltas(timedelta(microseconds=1), timedelta(days=4000)))
def test_a_clock_set_back_silences_a_task_for_one_period_at_most(period: timedelta, back: timedelta) -> None:
    """G26: in no case is there a nominal time ahead of now."""
    every, now = Every(period), START - back
    upcoming = every.next_after(START, now)
    assert upcoming is not None
    if back > period:
        assert every.due(START, now) == [Occurrence(now, late=False)]
        assert upcoming == now
    else:
        assert every.due(START, now) == []
        assert upcoming - now <= 2 * period


@given(PERIODS, st.timedeltas(timedelta(days=1), timedelta(days=4000)))
def test_a_clock_set_forward_makes_one_run_at_most(period: timedelta, jump: timedelta) -> None:
    """G26: however far."""
    every, last, runs = Every(period), START, 0
    now = START + jump
    while found := every.due(last, now):
        last, runs = found[-1].nominal_at, runs + 1
    assert runs <= 1


# ── counted from the end ───────────────────────────────────────────────────────────────────────────


@given(PERIODS, st.timedeltas(timedelta(0), timedelta(days=40)), st.timedeltas(timedelta(0), timedelta(days=80)))
def test_counted_from_the_end_the_pause_between_two_runs_is_the_period(
    period: timedelta, lasted: timedelta, waited: timedelta
) -> None:
    every, ended = Every(period, from_end=True), START + lasted
    now = ended + waited
    found = every.due(START, now, ended)
    assert every.next_after(START, now, ended) == ended + period
    if waited < period:
        assert found == []
    else:
        assert found == [Occurrence(ended + period, late=waited - period > LATE_AFTER)]


def test_counted_from_the_end_nothing_is_due_while_the_run_before_lives() -> None:
    every = Every(timedelta(hours=1), from_end=True)
    assert every.due(None, START) == [Occurrence(START, late=False)]
    assert every.next_after(None, START) == START
    assert every.due(START, START + timedelta(days=9)) == []
    assert every.next_after(START, START + timedelta(days=9)) is None


@given(PERIODS, st.timedeltas(timedelta(microseconds=1), timedelta(days=4000)))
def test_counted_from_the_end_too_a_clock_set_back_silences_for_one_period_at_most(
    period: timedelta, back: timedelta
) -> None:
    """G26."""
    every, now = Every(period, from_end=True), START - back
    upcoming = every.next_after(START, now, START)
    assert upcoming is not None
    assert upcoming - now <= 2 * period
    assert bool(every.due(START, now, START)) == (back > period)
