"""Drift: has a step become slower, or quicker, and since when?

*In:* when attempts ended, and how long they took. *Out:* a `Shift`, or None. *Always:* pure. The rule: the moment is
the one that divides the logarithms of the durations best into two levels; it is told only if the medians on both sides
differ by a fifth, if there are enough attempts on both, and if three quarters of the later ones are beyond the middle
of the earlier ones. So noise, and a single slow attempt, tell nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import median

LEAST = 20
"""Attempts on each side."""
LEAST_CHANGE = 0.2
MOST_AGREE = 0.75


@dataclass(frozen=True, slots=True)
class Shift:
    """From this moment on it takes longer, or shorter."""

    at: int
    """Microseconds: the end of the first attempt of the new level."""
    before: float
    """Seconds, the median."""
    after: float

    @property
    def change(self) -> float:
        """0.38: it takes 38 % longer."""
        return self.after / self.before - 1


def shift(points: Sequence[tuple[int, float]]) -> Shift | None:
    """The one change of level that tells most; `points` are moments and seconds, by their moments."""
    some = [(at, seconds) for at, seconds in points if seconds > 0]
    if len(some) < 2 * LEAST:
        return None
    cut = _best_cut([math.log(seconds) for _, seconds in some])
    before, after = ([seconds for _, seconds in part] for part in (some[:cut], some[cut:]))
    found = Shift(some[cut][0], median(before), median(after))
    if abs(found.change) < LEAST_CHANGE:
        return None
    beyond = sum((seconds > found.before) == (found.change > 0) for seconds in after)
    return found if beyond >= MOST_AGREE * len(after) else None


def _best_cut(values: Sequence[float]) -> int:
    """Where to cut, so that the squares of what is left on both sides are least."""
    sums = [0.0, *accumulate(values)]
    whole, n = sums[-1], len(values)
    return max(range(LEAST, n - LEAST + 1), key=lambda cut: sums[cut] ** 2 / cut + (whole - sums[cut]) ** 2 / (n - cut))
