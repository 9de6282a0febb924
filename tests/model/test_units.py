"""Durations and sizes are read as people write them, and written as people read them."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procession.errors import Invalid
from procession.units import MAX_BYTES, MAX_SECONDS, duration, size, to_bytes, to_seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("2 h", 7200),
        ("10 min", 600),
        ("1.5 days", 129600),
        ("2 h 5 min", 7500),
        ("1 week", 604800),
        ("250 ms", 0.25),
        ("0 s", 0),
        (" 5m ", 300),
        (90, 90),
        (0.5, 0.5),
    ],
)
def test_a_duration_is_read(text: Any, seconds: float) -> None:
    assert to_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("20GB", 20 * 10**9),
        ("50 GB", 50 * 10**9),
        ("1 GiB", 2**30),
        ("512 MB", 512 * 10**6),
        ("1.5 kb", 1500),
        ("0.5 KiB", 512),
        ("7 B", 7),
        (1024, 1024),
    ],
)
def test_a_size_is_read(text: Any, count: int) -> None:
    assert to_bytes(text) == count


ABSURD = [-1, -0.5, math.nan, math.inf, -math.inf, 1e308, 10**18, 10**400, -(10**400), None, True, [], "", " "]


@pytest.mark.parametrize("value", [*ABSURD, "5", "20 mins?", "-5 s", "1e3 s", "s", "2 H", "٣ s", "9" * 500 + " s"])
def test_what_is_no_duration_is_refused_in_one_line(value: Any) -> None:
    """B33."""
    with pytest.raises(Invalid) as refused:
        to_seconds(value)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


@pytest.mark.parametrize("value", [*ABSURD, "5", "50G", "1 GB 2 MB", "-1 GB", "1 XB", "10000000 TB"])
def test_what_is_no_size_is_refused_in_one_line(value: Any) -> None:
    """B33."""
    with pytest.raises(Invalid) as refused:
        to_bytes(value)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 200


def test_a_refusal_shows_how_to_write_it() -> None:
    with pytest.raises(Invalid, match=r'^"20 mins[?]" is not a duration; write e.g. "20 min"$'):
        to_seconds("20 mins?")
    with pytest.raises(Invalid, match=r'"5" is not a duration; write e.g. "5 s"'):
        to_seconds("5")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.004, "4 ms"),
        (0.25, "0.25 s"),
        (1.04, "1 s"),
        (9.96, "10 s"),
        (42, "42 s"),
        (59.7, "1 min"),
        (90, "1 min 30 s"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
        (86399, "1 day"),
        (86400, "1 day"),
        (129600, "1 day 12 h"),
        (864000, "10 days"),
        (-90, "-1 min 30 s"),
    ],
)
def test_a_duration_is_written_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (999_600, "1 MB"), (1_500_000_000, "1.5 GB"), (-5, "-5 B")],
)
def test_a_size_is_written_with_three_digits(count: int, text: str) -> None:
    assert size(count) == text


@given(st.floats(0, MAX_SECONDS / 2))
def test_what_is_written_reads_back_as_nearly_the_same_duration(seconds: float) -> None:
    assert to_seconds(duration(seconds)) == pytest.approx(seconds, rel=0.05, abs=0.006)
    assert duration(to_seconds(duration(seconds))) == duration(seconds)


@given(st.integers(0, MAX_BYTES // 2))
def test_what_is_written_reads_back_as_nearly_the_same_size(count: int) -> None:
    assert to_bytes(size(count)) == pytest.approx(count, rel=0.006)
    assert size(to_bytes(size(count))) == size(count)


def test_a_number_of_thousands_of_digits_is_refused_like_any_other() -> None:
    """B33."""
    for value in (10**5000, -(10**5000)):
        for read in (to_seconds, to_bytes):
            with pytest.raises(Invalid, match="more than 30 digits"):
                read(value)
