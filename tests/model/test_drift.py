"""A change of level is told, noise is not; what failures have in common is told, what everything has is not."""

import random

import pytest

from procession.model.common import Fact, apart
from procession.model.drift import LEAST, shift

pytestmark = pytest.mark.feature("M118", "N8")


def noisy(n: int, level: float, seed: int) -> list[float]:
    dice = random.Random(seed)
    return [level * dice.uniform(0.8, 1.2) for _ in range(n)]


@pytest.mark.parametrize("seed", range(5))
def test_a_step_that_takes_longer_is_told_with_its_moment(seed: int) -> None:
    found = shift(list(enumerate(noisy(100, 60, seed) + noisy(60, 83, seed + 100))))
    assert found is not None and abs(found.at - 100) <= 5
    assert found.change == pytest.approx(0.38, abs=0.1)


def test_one_that_becomes_quicker_is_told_as_well() -> None:
    found = shift(list(enumerate(noisy(60, 60, 1) + noisy(60, 30, 2))))
    assert found is not None and found.change == pytest.approx(-0.5, abs=0.1)


@pytest.mark.parametrize("seed", range(20))
def test_noise_tells_nothing(seed: int) -> None:
    assert shift(list(enumerate(noisy(200, 60, seed)))) is None


def test_a_few_slow_ones_or_too_few_at_all_tell_nothing() -> None:
    assert shift(list(enumerate(noisy(100, 60, 1) + [6000.0] * 3))) is None
    assert shift(list(enumerate(noisy(LEAST, 60, 1) + noisy(LEAST - 1, 120, 1)))) is None
    assert shift([]) is None and shift([(n, 0.0) for n in range(100)]) is None


def test_what_all_failures_have_and_few_good_ones_is_what_they_have_in_common() -> None:
    gain, tile, host = Fact("param", "gain", "v14"), Fact("param", "tile", "36UUA"), Fact("host", "", "node5")
    failed = [{gain, tile, host}] * 9 + [{gain, tile}]
    good = [{tile, Fact("param", "gain", "v13")}] * 8 + [{tile, host}, {tile, gain}]
    found = apart(failed, good)
    assert [each.fact for each in found] == [gain, host], "the tile is everywhere"
    assert (found[0].failed, found[0].good) == (1.0, 0.1)
    assert apart(failed, []) == [] and apart([], good) == []
