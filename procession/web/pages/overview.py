"""The Overview: is everything fine, and if not, take me there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from procession.clock import iso, micros, moment
from procession.errors import Denied
from procession.model.grid import Mark
from procession.model.states import PROCESSING
from procession.store import tallies
from procession.web import standings
from procession.web.grids import DRAWN
from procession.web.page import Ask, Shown, page

HOURS = 24
TOLD = 5
"""Messages that are shown."""
BAR = 40
"""Height of the largest bar, in units of its picture."""


@page("/")
def overview(ask: Ask) -> Shown:
    """Tiles that are links to the rows that they count, the hours, and every task in one line."""
    found = ask.verb("overview")
    kinds = {each["name"]: standings.kind(each) for each in ask.verb("tasks")["items"]}
    rows = [_row(each, kinds.get(each["task"], "event")) for each in found["tasks"]]
    problems = ask.query.get("order") == "problems"
    worst: list[dict[str, Any]] = sorted(rows, key=_trouble)
    values = {
        "groups": [{"name": "", "tasks": worst}] if problems else _grouped(rows),
        "problems_first": problems, "known": found,
        "totals": {what: sum(row[what] for row in rows) for what in ("waiting", "running", "ok", "failed")},
        **_hours(ask, [row["name"] for row in rows]), "messages": _messages(ask),
        "free": found["disk"]["free"],
    }  # fmt: skip
    return Shown("pages/overview.html", values, "Overview", live="all setting", command="procession status")


def _grouped(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: (row["group"], row["name"])):
        groups.setdefault(row["group"], []).append(row)
    return [{"name": name, "tasks": some} for name, some in groups.items()]


def _trouble(row: Mapping[str, Any]) -> tuple[int, bool, int, str]:
    """Most failures first, then what is paused, then what waits."""
    return -row["failed"], row["paused"] is None, -row["waiting"], row["name"]


def _row(task: Mapping[str, Any], kind: str) -> dict[str, Any]:
    stands = {"paused": task["paused"], "now": {"running": task["running"], "waiting": task["waiting"]}}
    return {
        "name": task["task"], "group": task["group"], "kind": kind, "paused": task["paused"],
        "state": standings.state(stands), "waiting": task["waiting"], "running": task["running"],
        "at_once": task["at_once"], "ok": task["ended"]["succeeded"], "failed": task["ended"]["failed"],
        "recent": [{"id": each["id"], "kind": DRAWN[Mark[each["mark"].upper()]]} for each in reversed(task["recent"])],
        "latest": _latest(task["newest"]), "oldest": task["oldest_waiting"],
    }  # fmt: skip


def _latest(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The newest processing for its chips; what is left of one that has ended was not run."""
    if found is None:
        return None
    over = found["state"] in PROCESSING.terminal
    steps = [
        {
            "name": step["name"], "attempts": range(step["attempt"]),
            "state": "skipped" if over and step["state"] in ("pending", "ready") else step["state"],
        }
        for step in found["steps"]
    ]  # fmt: skip
    return {"id": found["id"], "steps": [{**step, "attempts": list(step["attempts"])} for step in steps]}


def _hours(ask: Ask, names: list[str]) -> dict[str, Any]:
    """The last hours as bars that lead to their processings; today and yesterday in numbers."""
    now = ask.project.clock.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    with ask.project.store.read() as tx:
        counted = tallies.by_hour(tx, "task", micros(today - timedelta(days=1)), names)
    hour = now.replace(minute=0, second=0, microsecond=0)
    shown = [hour - timedelta(hours=back) for back in range(HOURS - 1, -1, -1)]
    ended = [_ended(counted.get(micros(each), {})) for each in shown]
    most = max((sum(each.values()) for each in ended), default=0)
    days = {"today": today, "yesterday": today - timedelta(days=1)}
    return {
        "hours": [_bar(at, counts, most) for at, counts in zip(shown, ended, strict=True)] if most else [],
        "days": [{"name": name, "at": f"{at:%Y-%m-%d}", **_of_day(counted, at)} for name, at in days.items()],
    }  # fmt: skip


def _ended(counts: Mapping[str, int]) -> dict[str, int]:
    return {"ok": max(0, counts.get("succeeded", 0)), "failed": max(0, counts.get("failed", 0))}


def _bar(at: datetime, counts: Mapping[str, int], most: int) -> dict[str, Any]:
    tall = {what: max(1.5, BAR * n / most) if n else 0 for what, n in counts.items()}
    begin, end = iso(at), iso(at + timedelta(hours=1))
    return {
        "at": begin, "clock": f"{at:%H}", **counts, "query": f"ended-after:{begin} ended-before:{end}",
        "ok_at": round(BAR - tall["ok"], 2), "ok_high": round(tall["ok"], 2),
        "failed_at": round(max(0, BAR - tall["ok"] - tall["failed"]), 2), "failed_high": round(tall["failed"], 2),
    }  # fmt: skip


def _of_day(counted: Mapping[int, Mapping[str, int]], begin: datetime) -> dict[str, int]:
    sums = {"ok": 0, "failed": 0}
    for hour, counts in counted.items():
        if moment(hour).date() == begin.date():
            for what, n in _ended(counts).items():
                sums[what] += n
    return sums


def _messages(ask: Ask) -> list[dict[str, Any]]:
    """What needs a person and is not over, newest first; nothing for who may see some groups only."""
    try:
        found = ask.verb("messages", limit=100)["items"]
    except Denied:
        return []
    wanted = [each for each in found if each["needs_person_at"] and each["state"] == "occurs"]
    return sorted(wanted, key=lambda each: (each["read_at"] is not None, each["last_at"]))[:TOLD]
