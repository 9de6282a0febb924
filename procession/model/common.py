"""Common: what things that failed have in common, and things that went well have not.

*In:* facts of each (kind, name, value). *Out:* those facts that tell the two apart, the most telling first. *Always:*
pure; a fact that all of both have tells nothing and is not among them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

MOST = 12
LEAST_SHARE = 0.5
"""Of those that failed, so many must have it."""
LEAST_APART = 0.25
"""The shares differ by so much."""
LEAST_GOOD = 3
"""Fewer good ones tell nothing."""
SURE = 2.0
"""The shares differ by so many times what chance makes of samples of these sizes."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is so of a processing."""

    kind: str
    """``param``, ``variable``, ``host`` or ``definition``."""
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Shared:
    """A fact, and which shares have it."""

    fact: Fact
    failed: float
    good: float


def apart(failed: Sequence[Collection[Fact]], good: Sequence[Collection[Fact]]) -> list[Shared]:
    """What tells those that failed from the good ones; nothing where there are too few to tell."""
    if not failed or len(good) < LEAST_GOOD:
        return []
    bad, well = Counter(f for each in failed for f in set(each)), Counter(f for each in good for f in set(each))
    found = [Shared(fact, n / len(failed), well[fact] / len(good)) for fact, n in bad.items()]
    telling = [each for each in found if each.failed >= LEAST_SHARE and each.failed - each.good >= LEAST_APART]
    telling = [each for each in telling if each.failed - each.good >= SURE * _chance(each, len(failed), len(good))]
    return sorted(telling, key=lambda each: (each.good - each.failed, each.fact.kind, each.fact.name))[:MOST]


def _chance(shared: Shared, failed: int, good: int) -> float:
    """By how much the two shares of samples of these sizes would differ by chance: one standard deviation."""
    share = (shared.failed * failed + shared.good * good) / (failed + good)
    return math.sqrt(share * (1 - share) * (1 / failed + 1 / good))
