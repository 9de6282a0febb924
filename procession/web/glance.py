"""The Overview's picture of time: the last hours as bars that lead to their rows, today and yesterday in numbers.

*In:* names of tasks. *Out:* a `Glance`. *Always:* one query of the hours that `store/tallies` keeps; days are those of
UTC.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from procession.clock import iso, micros, moment
from procession.project import Project
from procession.store import tallies

HOURS = 24
HIGH = 40
"""Height of the largest bar, in units of its picture."""
LEAST = 1.5
"""Of one that is not empty."""


@dataclass(frozen=True, slots=True)
class Glance:
    """Hours and days."""

    hours: tuple[dict[str, Any], ...]
    """Oldest first; none where nothing has ended in them."""
    days: tuple[dict[str, Any], ...]


def glances(project: Project, names: Collection[str]) -> Glance:
    """How many processings of these tasks ended well and badly, and when."""
    now = project.clock.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = {"today": today, "yesterday": today - timedelta(days=1)}
    with project.store.read() as tx:
        counted = tallies.by_hour(tx, "task", micros(days["yesterday"]), names)
    hour = now.replace(minute=0, second=0, microsecond=0)
    shown = [hour - timedelta(hours=back) for back in range(HOURS - 1, -1, -1)]
    ended = [ended_so(counted.get(micros(each), {})) for each in shown]
    most = max(sum(each.values()) for each in ended)
    return Glance(
        tuple(bar(at, counts, most) for at, counts in zip(shown, ended, strict=True)) if most else (),
        tuple({"name": name, "at": f"{at:%Y-%m-%d}", **_of_day(counted, at)} for name, at in days.items()),
    )


def ended_so(counts: Mapping[str, float]) -> dict[str, int]:
    """What a bar is made of."""
    return {"ok": max(0, int(counts.get("succeeded", 0))), "failed": max(0, int(counts.get("failed", 0)))}


def bar(at: datetime, counts: Mapping[str, int], most: int, *, day: bool = False) -> dict[str, Any]:
    """An hour, or a day, as the macro ``bars`` draws it; `most` is the largest of those beside it."""
    tall = {what: max(LEAST, HIGH * n / most) if n else 0 for what, n in counts.items()}
    begin, end = iso(at), iso(at + timedelta(days=1) if day else at + timedelta(hours=1))
    return {
        "when": f"{at:%Y-%m-%d}" if day else f"{at:%Y-%m-%d %H}:00", "clock": f"{at:%d}" if day else f"{at:%H}",
        "month": f"{at:%b}" if day else "", **counts, "query": f"ended-after:{begin} ended-before:{end}",
        "ok_at": round(HIGH - tall["ok"], 2), "ok_high": round(tall["ok"], 2),
        "failed_at": round(max(0, HIGH - tall["ok"] - tall["failed"]), 2), "failed_high": round(tall["failed"], 2),
    }  # fmt: skip


def _of_day(counted: Mapping[int, Mapping[str, int]], begin: datetime) -> dict[str, int]:
    sums = {"ok": 0, "failed": 0}
    for hour, counts in counted.items():
        if moment(hour).date() == begin.date():
            for what, n in ended_so(counts).items():
                sums[what] += n
    return sums
