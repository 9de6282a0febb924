"""Events: everything that came, what each task made of it, what was refused; and ways to let something come.

*In:* which of them, a name. *Out:* events with every task's decision, refused messages as they came, sets that are
being collected, when events arrived and from where. *Always:* a bounded number of rows by their keys; what came from
outside is text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from procession.errors import Denied, Invalid, NotFound
from procession.model.wording import TIMETABLE
from procession.web.page import Ask, Gone, Shown, page
from procession.web.url import joined
from procession.web.words import state

ROWS = 50
TABS = ("all", "unmatched", "refused", "sets")
MOST_IN_LINK = 4_000
"""Characters of parameters that a link to the form carries."""


@page("/events")
def events(ask: Ask) -> Shown | Gone:
    """All of them, those that no task took, what was refused, or the sets."""
    if ask.prefers.quiet == "hidden" and not {"timetables", "name", "cursor", "tab"} & ask.query.keys():
        return Gone(joined("events", **{**ask.query, "timetables": "hidden"}))
    tab = ask.query.get("tab", "")
    tab = tab if tab in TABS else TABS[0]
    name = ask.query.get("name", "").strip()
    values: dict[str, Any] = {
        "tab": tab, "name": name, "problem": "", "items": [], "next": None, "states": {},
        "first": "cursor" not in ask.query, "hidden": ask.query.get("timetables") == "hidden",
        "timed": any(each["on"].startswith(TIMETABLE) for each in ask.verb("tasks")["items"]), **_around(ask),
    }  # fmt: skip
    try:
        found = _found(ask, tab, name)
    except Invalid as error:
        values["problem"], found = str(error), {"items": [], "next": None}
    values |= found
    if tab in ("all", "unmatched"):
        values["states"] = _states(ask, (pid for each in found["items"] for pid in each["processings"]))
    return Shown(
        "pages/events.html", values, "Events", live="all setting", command="procession events",
        status=400 if values["problem"] else 200,
        data={"items": found["items"], "next": found["next"], "problem": values["problem"] or None},
    )  # fmt: skip


def _found(ask: Ask, tab: str, name: str) -> dict[str, Any]:
    if tab == "sets":
        try:
            found = ask.verb("sets", name=name or None, limit=ROWS)
        except NotFound:  # a name of events that are not collected in sets
            found = {"items": [], "next": None}
    elif tab == "refused":
        found = ask.verb("refused", limit=ROWS, cursor=ask.argument("refused", "cursor"))
    else:
        found = ask.verb("events", name=name or None, unmatched=tab == "unmatched" or None, limit=ROWS,
                         no_timetables=ask.query.get("timetables") == "hidden" or None,
                         cursor=ask.argument("events", "cursor"))  # fmt: skip
    return {"items": found["items"], "next": found["next"]}


def _around(ask: Ask) -> dict[str, Any]:
    """When events came, from where, and the sources that can be paused; nothing for whoever sees some groups alone."""
    try:
        came = ask.verb("arrivals", hours=24)
        sources = ask.verb("sources", limit=20)["items"]
    except Denied:
        return {"arrived": None, "sources": []}
    return {"arrived": _arrived(came), "sources": sources}


def _arrived(came: dict[str, Any]) -> dict[str, Any]:
    """Ten minutes after ten minutes, oldest first, and what the most of them had."""
    since = datetime.fromisoformat(came["since"])
    spans = {
        int((datetime.fromisoformat(each["at"]) - since).total_seconds() // 600): each["n"] for each in came["spans"]
    }
    counts = [spans.get(n, 0) for n in range(24 * 6 + 1)]  # and the ten minutes that are not over yet
    return {
        "since": came["since"],
        "counts": counts,
        "most": max(counts),
        "total": sum(counts),
        "from": came["sources"],
    }


def _states(ask: Ask, ids: Iterable[int]) -> dict[int, dict[str, str]]:
    """Id → task and how it is drawn, of processings that are there still."""
    wanted = sorted(set(ids))
    found: dict[int, dict[str, str]] = {}
    for at in range(0, len(wanted), 200):
        some = ",".join(map(str, wanted[at : at + 200]))
        for each in ask.verb("list", query=f"id:{some}", limit=200)["items"]:
            found[each["id"]] = {"task": each["task"], "kind": state(each), "title": each["reason"] or ""}
    return found


@page("/e/{id}")
def event(ask: Ask) -> Shown:
    """One event: what it brought, who brought it, and every task's decision."""
    found = ask.verb("event", id=ask.number("id"))
    params = json.dumps(found["params"], ensure_ascii=False, indent=2)
    values = {
        "event": found, "params": params, "states": _states(ask, found["processings"]),
        "again": params if len(params) <= MOST_IN_LINK else "",
    }  # fmt: skip
    title = found["title"] or found["key"] or found["name"]
    return Shown(
        "pages/event.html", values, f"Event {found['id']}", live="all", crumbs=(("Events", "events"),),
        command=f"procession events {found['id']}", data={**found, "shown_as": title},
    )  # fmt: skip
