"""Runs: numbers and ranges as people write them, ``1,4-6``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from procession.errors import Invalid
from procession.model.variable_set import LARGEST_RUN

_PART = re.compile(r"\s*([0-9]{1,19})\s*(?:-\s*([0-9]{1,19})\s*)?")


def read_runs(text: str, most: int, what: str = "run") -> list[int]:
    """The runs that are meant, in their order; Invalid where they cannot be read or one is named twice, or where there
    are more than `most`."""
    ranges = sorted(_range(part, what) for part in text.split(",")) if text.strip() else []
    if not ranges:
        raise Invalid(f"no {what} is named; write numbers and ranges, as in 1,4-6")
    for (_, end), (start, _) in pairwise(ranges):
        if start <= end:
            raise Invalid(f"{what} {start} is named twice in {text[:60]!r}; let the ranges not overlap")
    if (total := sum(end - start + 1 for start, end in ranges)) > most:
        raise Invalid(f"{total} {what}s are too many in one go; take at most {most}, or ask an administrator")
    return [run for start, end in ranges for run in range(start, end + 1)]


def _range(part: str, what: str) -> tuple[int, int]:
    found = _PART.fullmatch(part)
    if found is None:
        raise Invalid(
            f"{part.strip()[:40]!r} is no {what} and no range of {what}s; write numbers and ranges, as in 1,4-6"
        )
    start, end = int(found[1]), int(found[2] or found[1])
    if end < start:
        raise Invalid(f"{part.strip()}: the range ends before it starts; turn it round")
    if end >= LARGEST_RUN:
        raise Invalid(f"{what} {end} is too large")
    return start, end


MAX_WRITTEN = 60
"""Characters; a longer list is named by its ends."""


def write_runs(runs: Sequence[int]) -> str:
    """The same as text, for titles and paths: ``1,4-6``; of many that lie apart ``1..99``."""
    parts: list[str] = []
    start = 0
    for n, run in enumerate(runs):
        if n + 1 == len(runs) or runs[n + 1] != run + 1:
            parts.append(str(run) if n == start else f"{runs[start]}-{run}")
            start = n + 1
    text = ",".join(parts)
    return text if len(text) <= MAX_WRITTEN else f"{runs[0]}..{runs[-1]}"
