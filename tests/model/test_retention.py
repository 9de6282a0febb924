"""What must stay stays, what may go goes in the order of its value, and the budget is never promised twice."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.model.retention import (
    DAY,
    LEARN_FROM,
    Budget,
    Keep,
    Kept,
    expired,
    learned,
    logs_expired,
    rows_expired,
    to_free,
)
from procession.model.states import PROCESSING, State

pytestmark = pytest.mark.feature("N3", "M75", "M76", "P21")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def kept(number: int, state: str, days: float, size: int = 10, task: str = "scene", **more: Any) -> Kept:
    """A processing that ended so many days ago."""
    return Kept(number, task, State(state), NOW - timedelta(days=days), size, **more)


# ── by age ─────────────────────────────────────────────────────────────────────────────────────────


def test_working_files_go_when_they_have_outlived_their_retention() -> None:
    rows = [kept(1, "succeeded", 1.9), kept(2, "succeeded", 2.1), kept(3, "cancelled", 9), kept(4, "skipped", 3)]
    assert expired(rows, Keep(), NOW) == [3, 4, 2], "the oldest first"
    assert expired(rows, Keep(succeeded=None, cancelled=None, skipped=None), NOW) == []


@pytest.mark.parametrize("span", [None, 0, -1])
def test_nothing_or_less_is_for_ever(span: float | None) -> None:
    rows = [kept(1, "succeeded", 9999, cleaned=True), kept(2, "succeeded", 9999)]
    keep = Keep(succeeded=span, logs=span, rows=span)
    assert expired(rows, keep, NOW) == logs_expired(rows, keep, NOW) == rows_expired(rows, keep, NOW) == []


def test_the_newest_failures_of_each_task_stay_whatever_their_age() -> None:
    rows = [kept(n, "failed", 100 + n, task=task) for n, task in enumerate(["a", "b"] * 4)]
    keep = Keep(failed_at_least=3)
    assert expired(rows, keep, NOW) == [7, 6], "the oldest of a and of b"
    assert to_free(rows, keep, 10**9) == [7, 6]
    assert expired(rows, replace(keep, failed_at_least=0), NOW) == [7, 6, 5, 4, 3, 2, 1, 0]
    gone = [replace(row, cleaned=True) if row.id < 4 else row for row in rows]
    assert expired(gone, keep, NOW) == [], "those without files keep no place from those with"


def test_logs_and_rows_outlive_the_working_files() -> None:
    rows = [kept(1, "succeeded", 400), kept(2, "succeeded", 400, cleaned=True), kept(3, "succeeded", 40, cleaned=True)]
    assert (expired(rows, Keep(), NOW), logs_expired(rows, Keep(), NOW), rows_expired(rows, Keep(), NOW)) == (
        [1],
        [2, 3],
        [2],
    )
    failure = [kept(1, "failed", 4000, cleaned=True)]
    assert logs_expired(failure, Keep(), NOW) == rows_expired(failure, Keep(), NOW) == [], "one of the newest failures"


def test_what_ended_in_the_future_of_a_clock_that_was_set_back_stays() -> None:
    assert expired([kept(1, "succeeded", -4000)], Keep(), NOW) == []


# ── for space ──────────────────────────────────────────────────────────────────────────────────────


def test_space_is_made_in_the_order_of_value() -> None:
    rows = [
        kept(1, "failed", 50),
        kept(2, "failed", 40),
        kept(3, "cancelled", 1),
        kept(4, "skipped", 2),
        kept(5, "succeeded", 0.1),
        kept(6, "succeeded", 0.5),
        kept(7, "running", 99),
    ]
    keep = Keep(failed_at_least=1)
    assert to_free(rows, keep, 10**9) == [6, 5, 4, 3, 1]
    assert to_free(rows, keep, 11) == [6, 5], "not more than is wanted"
    assert to_free(rows, keep, 10) == [6]
    assert to_free(rows, keep, 0) == to_free(rows, keep, -5) == []
    assert to_free([kept(1, "succeeded", 3, size=0)], keep, 1) == [], "what takes no space"


# ── properties ─────────────────────────────────────────────────────────────────────────────────────

moments = st.datetimes(datetime(2025, 1, 1), datetime(2026, 4, 1), timezones=st.just(UTC))
some_rows = st.lists(
    st.builds(
        Kept,
        st.integers(1, 10**6),
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(PROCESSING.states),
        st.none() | moments,
        st.integers(0, 1000),
        pinned=st.booleans(),
        entered=st.booleans(),
        cleaned=st.booleans(),
    ),
    max_size=40,
    unique_by=lambda row: row.id,
)
spans = st.none() | st.floats(-1, 400 * DAY)
keeps = st.builds(Keep, spans, spans, spans, spans, st.integers(0, 4), spans, spans)
ANSWERS = (expired, logs_expired, rows_expired, lambda rows, keep, now: to_free(rows, keep, 10**9))


@given(some_rows, keeps, st.sampled_from(ANSWERS))
def test_what_is_active_pinned_or_entered_never_goes(rows: list[Kept], keep: Keep, answer: Any) -> None:
    """G30."""
    found = answer(rows, keep, NOW)
    chosen = [row for row in rows if row.id in found]
    assert len(found) == len(set(found)) == len(chosen)
    for row in chosen:
        assert row.state in PROCESSING.terminal and row.finished_at is not None
        assert not row.pinned and not row.entered
        assert row.cleaned == (answer in (logs_expired, rows_expired)), "files that are gone are not deleted again"


@given(some_rows, keeps, st.sampled_from(ANSWERS))
def test_the_newest_failures_of_a_task_never_go(rows: list[Kept], keep: Keep, answer: Any) -> None:
    """N3: the last N failed directories are still there."""
    found = answer(rows, keep, NOW)
    for task in "abc":
        failures = [row for row in rows if (row.task, row.state) == (task, "failed") and row.finished_at]
        if answer not in (logs_expired, rows_expired):
            failures = [row for row in failures if not row.cleaned]
        gone = [row for row in failures if row.id in found]
        left = [row for row in failures if row.id not in found]
        assert len(left) >= min(keep.failed_at_least, len(failures))
        for row in gone:
            newer = [other for other in left if (other.finished_at, other.id) > (row.finished_at, row.id)]
            assert len(newer) >= keep.failed_at_least


@given(some_rows, keeps, st.integers(-10, 20_000))
def test_space_is_made_if_there_is_any_way_and_not_more_than_needed(rows: list[Kept], keep: Keep, wanted: int) -> None:
    sizes = {row.id: row.bytes for row in rows}
    everything, found = to_free(rows, keep, 10**9), to_free(rows, keep, wanted)
    freed = sum(sizes[each] for each in found)
    assert freed >= min(wanted, sum(sizes[each] for each in everything))
    assert not found or freed - sizes[found[-1]] < wanted
    assert found == everything[: len(found)], "always the least valuable ones"


@given(some_rows, keeps)
def test_less_value_goes_first_and_of_equal_value_the_oldest(rows: list[Kept], keep: Keep) -> None:
    by_id = {row.id: row for row in rows}
    found = [by_id[each] for each in to_free(rows, keep, 10**9)]
    ranks = {"succeeded": 0, "skipped": 1, "cancelled": 1, "failed": 2}
    order = [(ranks[row.state], row.finished_at) for row in found]
    assert order == sorted(order, key=lambda each: (each[0], each[1] or NOW))


@given(some_rows, keeps, keeps)
def test_the_rules_of_now_hold_for_what_is_already_there(rows: list[Kept], before: Keep, after: Keep) -> None:
    """P21: retroactive; stricter rules take at least as much, whatever was in force when it ended."""
    stricter = Keep(
        *(
            min((span for span in pair if span is not None and span > 0), default=None)
            for pair in (
                (before.succeeded, after.succeeded),
                (before.failed, after.failed),
                (before.cancelled, after.cancelled),
                (before.skipped, after.skipped),
            )
        ),
        failed_at_least=min(before.failed_at_least, after.failed_at_least),
    )
    both = set(expired(rows, before, NOW)) | set(expired(rows, after, NOW))
    assert both <= set(expired(rows, stricter, NOW))
    assert set(expired(rows, before, NOW)) <= set(expired(rows, before, NOW + timedelta(days=9))), "and time only adds"


# ── the budget ─────────────────────────────────────────────────────────────────────────────────────


def test_the_strictest_rule_says_how_much_room_there_is() -> None:
    assert Budget(reserve=100).room(free=1000, used=0, committed=0) == 900
    assert Budget(keep_free=300, reserve=100).room(free=1000, used=0, committed=50) == 650
    assert Budget(keep_free=50, reserve=100).room(free=1000, used=0, committed=0) == 900, "the reserve is the floor"
    assert Budget(max_total=500, reserve=0).room(free=1000, used=450, committed=20) == 30
    assert Budget(keep_free=980, max_total=500, reserve=0).room(free=1000, used=450, committed=0) == 20
    assert Budget(max_total=500, reserve=0).room(free=1000, used=600, committed=0) == -100, "so much too much"


amounts = st.integers(0, 10**12)


@given(st.none() | amounts, st.none() | amounts, amounts, amounts, amounts, st.lists(amounts, max_size=30))
def test_what_is_let_in_while_there_is_room_never_breaks_a_rule(
    keep_free: int | None, max_total: int | None, reserve: int, free: int, used: int, wanted: list[int]
) -> None:
    """N3: expectations that are met, however many start together."""
    budget, committed = Budget(keep_free, max_total, reserve), 0
    for each in wanted:
        if each <= budget.room(free, used, committed):
            committed += each
    if committed:
        assert free - committed >= max(reserve, keep_free or 0)
        assert max_total is None or used + committed <= max_total


def test_the_largest_of_the_last_ones_and_a_tenth_is_expected() -> None:
    assert learned([]) == 0
    assert learned([10, 1000, 400]) == 1100
    assert learned([1]) == 2, "never less than a byte more"
    assert learned([5] * LEARN_FROM + [10**9]) == 6, "one that was far too large is forgotten in time"


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=60))
def test_what_is_expected_is_more_than_any_of_the_last_ones_took(sizes: list[int]) -> None:
    newest = sizes[:LEARN_FROM]
    assert all(size <= learned(sizes) for size in newest)
    assert learned(sizes) <= max(newest) * 11 / 10 + 1
