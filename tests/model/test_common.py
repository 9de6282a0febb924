"""What tells failed ones from good ones: differences that chance would make of so few tell nothing."""

import pytest

from procession.model.common import Fact, apart

S1, S2 = Fact("param", "sat", "S1"), Fact("param", "sat", "S2")


@pytest.mark.feature("N8")
@pytest.mark.parametrize(
    ("failed", "good", "told"),
    [
        ([[S2]] * 4 + [[S1]] * 4, [[S1]], []),  # one good one
        ([[S2]] * 8, [[S1]] * 2, []),
        ([[S2]] * 2 + [[S1]] * 2, [[S1]] * 3, []),  # chance
        ([[S2]] * 8, [[S1]] * 3, [S2]),
        ([[S2]] * 4 + [[S1]] * 4, [[S1]] * 20, [S2]),
        ([[S2]], [[S1]] * 4, [S2]),
        ([], [[S1]] * 4, []),
    ],
)
def test_what_is_told_is_more_than_chance(failed: list[list[Fact]], good: list[list[Fact]], told: list[Fact]) -> None:
    assert [each.fact for each in apart(failed, good)] == told
