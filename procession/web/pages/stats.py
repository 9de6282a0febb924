"""Statistics: how much came and how it ended, by the day, and what that is of each task (M118)."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

from procession.clock import micros, moment
from procession.errors import Invalid
from procession.store import tallies
from procession.verbs.bounds import up_to
from procession.web.page import Ask, Shown, page

MOST_DAYS = 14
USUAL = 7
ENDS = ("succeeded", "failed", "cancelled", "skipped")
CHOICES = (7, 14)


@page("/stats")
def stats(ask: Ask) -> Shown:
    """Counts of each day and of each task, with how long they took on average."""
    given = ask.query.get("days", "")
    if given and not (given.isascii() and given.isdigit()):
        raise Invalid(f"days is a whole number, not {given[:40]!r}")
    days = up_to("days", int(given[:9]) if given else USUAL, MOST_DAYS)
    tasks = sorted(each["name"] for each in ask.verb("tasks")["items"])
    today = ask.project.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    dates = [f"{today - timedelta(days=back):%Y-%m-%d}" for back in range(days)]
    by_day, by_task = _table(), _table()
    with ask.project.store.read() as tx:
        since = micros(today - timedelta(days=days - 1))
        for each in tallies.by_day(tx, "task", tasks, ("matched", *ENDS), since):
            for counts in (by_day[f"{moment(each.hour):%Y-%m-%d}"], by_task[each.name]):
                counts[each.what] += int(each.n)
                counts[f"{each.what}_seconds"] += each.seconds
    values = {
        "days": [_line(date, by_day[date]) for date in dates], "n": days, "choices": CHOICES,
        "tasks": [_line(name, by_task[name]) for name in tasks if by_task[name]],
        "most": max((_ended(by_day[date]) for date in dates), default=0),
    }  # fmt: skip
    return Shown("pages/stats.html", values, "Statistics", command=f"procession stats --days {days}")


def _table() -> defaultdict[str, defaultdict[str, float]]:
    return defaultdict(lambda: defaultdict(float))


def _ended(counts: dict[str, float]) -> int:
    return int(sum(counts[state] for state in ENDS))


def _line(name: str, counts: dict[str, float]) -> dict[str, Any]:
    ended, ok = _ended(counts), int(counts["succeeded"])
    counted = ok + int(counts["failed"])
    return {
        "name": name, "came": int(counts["matched"]), "ended": ended, **{state: int(counts[state]) for state in ENDS},
        "share": round(100 * ok / counted) if counted else None,
        "mean": round(counts["succeeded_seconds"] / ok) if ok else None,
    }  # fmt: skip
