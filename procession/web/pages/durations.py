"""The tab Durations of a task: how long each step takes, since when one takes longer, and the points of a chart.

*In:* a number of days. *Out:* for each step the median and ninetieth percentile of what succeeded, failures, a change
of level in words; for the chart all points. *Always:* each number says of how many it is; what is said of a change is
what `model/drift.py` says.
"""

from __future__ import annotations

from datetime import datetime
from statistics import median
from typing import Any

from procession.commands.spans import NO_FAILURES
from procession.errors import NotFound
from procession.units import duration
from procession.web.page import Ask, Piece, page, told
from procession.web.pages.task import TABS
from procession.web.url import joined, rel

DAYS = (1, 7, 30, 90)


def durations(ask: Ask, task: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The tab."""
    days = _days(ask)
    found = ask.verb("durations", name=task["name"], days=days)
    return "tabs/durations.html", {
        "days": days, "spans": DAYS, "since": found["since"], "looked_at": found["looked_at"],
        "complete": found["complete"], "rows": [_row(each) for each in found["steps"]],
    }  # fmt: skip


def _days(ask: Ask) -> int:
    said = ask.query.get("days", "")
    return int(said) if said in {str(each) for each in DAYS} else 7


def _row(each: dict[str, Any]) -> dict[str, Any]:
    shift = each["shift"]
    said = None
    if shift is not None:
        share = round(100 * abs(shift["change"]))
        said = {
            "slower": shift["change"] > 0, "share": share, "at": shift["at"], "before": duration(shift["before"]),
            "after": duration(shift["after"]), "times": f"{shift['after'] / shift['before']:.1f}",
            "only": _only(each["points"], shift),
        }  # fmt: skip
    return {"name": each["name"], "median": each["median"], "p90": each["p90"], "failures": each["failures"],
            "n": sum(point["outcome"] == "succeeded" for point in each["points"]), "shift": said,
            "by_host": _by_host(each["points"])}  # fmt: skip


def _only(points: list[dict[str, Any]], shift: dict[str, Any]) -> str:
    """The one host on which it takes longer, where the others are as before; empty where that cannot be said."""
    since = datetime.fromisoformat(shift["at"])
    later: dict[str, list[float]] = {}
    for point in points:
        if point["outcome"] == "succeeded" and point["host"] and datetime.fromisoformat(point["at"]) >= since:
            later.setdefault(point["host"], []).append(point["seconds"])
    middle = (shift["before"] * shift["after"]) ** 0.5
    beyond = {host: (median(some) > middle) == (shift["change"] > 0) for host, some in later.items() if len(some) >= 5}
    return (
        next((host for host, changed in beyond.items() if changed), "")
        if sum(beyond.values()) == 1 < len(beyond)
        else ""
    )


def _by_host(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Host → the median there."""
    found: dict[str, list[float]] = {}
    for point in points:
        if point["outcome"] == "succeeded" and point["host"]:
            found.setdefault(point["host"], []).append(point["seconds"])
    return [{"host": host, "median": median(some), "n": len(some)} for host, some in sorted(found.items())]


@page("/t/{task}/durations.json")
def points(ask: Ask) -> Piece:
    """One step as ``x-chart`` draws it: what succeeded and what did not, and the median and percentile of all."""
    found = ask.verb("durations", name=ask.values["task"], days=_days(ask))
    wanted = ask.query.get("step", "")
    step = next((each for each in found["steps"] if each["name"] == wanted), None)
    if step is None:
        raise NotFound(f"task {ask.values['task'][:60]} has no step {wanted[:60]!r} that has ended in these days")
    at = [round(datetime.fromisoformat(each["at"]).timestamp(), 3) for each in step["points"]]
    series = [
        {"name": name, "values": [each["seconds"] if _came(each) == name else None for each in step["points"]],
         "color": colour, "points": True}
        for name, colour in (("succeeded", "run"), ("failed", "fail"), ("skipped or cancelled", "wait"))
        if name == "succeeded" or any(_came(each) == name for each in step["points"])
    ]  # fmt: skip
    for name, key, colour in (("median", "median", "ok"), ("90 % within", "p90", "retry")):
        if step[key] is not None and at:
            series.append({"name": name, "values": [step[key]] * len(at), "color": colour})
    tab = joined("t", ask.values["task"])  # where the chart stands, from which the links go
    links = [rel(tab, joined("p", each["processing"], "s", step["name"])) for each in step["points"]]
    return told({"x": at, "series": series, "links": links})


def _came(point: dict[str, Any]) -> str:
    """What came of a point, as the chart tells them apart."""
    if point["outcome"] == "succeeded":
        return "succeeded"
    return "skipped or cancelled" if point["outcome"] in NO_FAILURES else "failed"


TABS["durations"] = ("Durations", durations)
