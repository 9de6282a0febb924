"""What a watch looks for, in the project's own directory: `WatchPlan` → `procession.watch.Pattern`."""

from __future__ import annotations

from procession.model.watching import WatchPlan
from procession.watch import IGNORE, Pattern, read_pattern


def pattern_of(plan: WatchPlan, root: str) -> Pattern:
    """The pattern of a watch in the project of this directory; Invalid says what is wrong with it."""
    ignore = IGNORE if plan.ignore is None else plan.ignore
    return read_pattern(plan.pattern, root, {"project": root}, ignore)
