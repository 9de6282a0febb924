"""The tests themselves: in which order they are run."""

from pathlib import Path

import pytest

from tests import order

ROOT = Path(__file__).parents[1]


def test_within_a_week_every_story_has_been_the_first_and_none_is_forgotten() -> None:
    week = [order.today(day) for day in range(20_000, 20_007)]
    assert {stories[0] for stories in week} == set(order.STORIES)
    assert all(set(stories) == set(order.STORIES) for stories in week)


def test_what_is_named_long_is_there() -> None:
    assert not [name for name in order.LONG if not (ROOT / name.partition("::")[0]).exists()]


@pytest.mark.parametrize("shares", [1, 2, 3, 4, 7])
def test_every_share_begins_with_long_ones_and_each_test_is_in_one_share(shares: int) -> None:
    long, others = list(range(100, 115)), list(range(50))
    found = order.spread(long, others, shares)
    assert sorted(found) == sorted(long + others)
    left, at = len(found), 0
    for share in range(shares):
        size = left // (shares - share)
        mine = found[at : at + size]
        count = len(long[share::shares])
        assert sorted(mine[:count]) == long[share::shares]
        assert set(mine[count:]) <= set(others)
        at, left = at + size, left - size
