"""Statistics: how much came and how it ended, by the day, and what that is of each task (M118)."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from procession.clock import micros, moment
from procession.commands.statistics import share
from procession.errors import Invalid
from procession.store import tallies
from procession.verbs.bounds import up_to
from procession.web import glance
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
    by_day, by_task, by_both = _table(), _table(), _table()
    with ask.project.store.read() as tx:
        since = micros(today - timedelta(days=days - 1))
        for each in tallies.by_day(tx, "task", tasks, ("matched", *ENDS), since):
            date = f"{moment(each.hour):%Y-%m-%d}"
            for counts in (by_day[date], by_task[each.name], by_both[f"{each.name} {date}"]):
                counts[each.what] += int(each.n)
                counts[f"{each.what}_seconds"] += each.seconds
    values = {
        "days": [_line(date, by_day[date]) for date in dates], "n": days, "choices": CHOICES,
        "tasks": [
            _line(name, by_task[name]) | _trend([by_both[f"{name} {date}"] for date in reversed(dates)])
            for name in tasks if by_task[name]
        ],
        "bars": _bars(today, [by_day[date] for date in dates]), "hours": glance.glances(ask.project, tasks).hours,
    }  # fmt: skip
    return Shown("pages/stats.html", values, "Statistics", command=f"procession stats --days {days}")


def _table() -> defaultdict[str, defaultdict[str, float]]:
    return defaultdict(lambda: defaultdict(float))


def _bars(today: datetime, found: list[defaultdict[str, float]]) -> list[dict[str, Any]]:
    """The days as bars, the oldest first; `found` begins today."""
    ended = [glance.ended_so(counts) for counts in found]
    most = max((sum(each.values()) for each in ended), default=0)
    days = [glance.bar(today - timedelta(days=n), each, most, day=True) for n, each in enumerate(ended) if most]
    return days[::-1]


def _trend(days: list[defaultdict[str, float]]) -> dict[str, Any]:
    """How many of a task ended on each day, the oldest first, and how long those that succeeded took on average."""
    means = [round(each["succeeded_seconds"] / each["succeeded"], 3) if each["succeeded"] else 0 for each in days]
    return {"by_day": [_ended(each) for each in days], "means": means}


def _ended(counts: dict[str, float]) -> int:
    return int(sum(counts[state] for state in ENDS))


def _line(name: str, counts: dict[str, float]) -> dict[str, Any]:
    ended, ok = _ended(counts), int(counts["succeeded"])
    well = share({state: int(counts[state]) for state in ENDS})
    return {
        "name": name, "came": int(counts["matched"]), "ended": ended, **{state: int(counts[state]) for state in ENDS},
        "share": None if well is None else round(100 * well),
        "mean": counts["succeeded_seconds"] / ok if ok else None,
    }  # fmt: skip
