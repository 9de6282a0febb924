"""One source, and one group of tasks: what of it came last, what waits, what is paused (M109)."""

from __future__ import annotations

from dataclasses import replace

from procession.errors import Denied, NotFound
from procession.web import standings
from procession.web.listing import data, listing, meant
from procession.web.page import Ask, Shown, page

MOST = 1_000
COUNTED = ("waiting", "succeeded", "failed")


@page("/g/{group}")
def group(ask: Ask) -> Shown:
    """The tasks of a group, and the newest processings of all of them."""
    name = ask.values["group"]
    found = [standings.line(each) for each in ask.verb("tasks")["items"] if each["group"] == name]
    if not found:
        raise NotFound(f"there is no group {name[:60]!r} of tasks")
    pause = next((each["paused"] for each in found if each["paused"]), None)
    rows = listing(_behind(ask, f"group:{name}"))
    values = {
        **rows, "of_event": "", "group": name, "tasks_of": found,
        "paused": pause if pause and pause["scope"] == f"group {name}" else None,
        "sums": {what: sum(each["now"][what] for each in found) for what in COUNTED},
        "runs": sum(each["runs"] for each in found), "asking": sum(each["asking"] for each in found),
    }  # fmt: skip
    return Shown(
        "pages/group.html", values, name, live="all setting", crumbs=(("Tasks", "tasks"),), data=data(rows),
        command=f"procession list group:{name}",
    )  # fmt: skip


@page("/s/{source}")
def source(ask: Ask) -> Shown:
    """A source: its counters, its last run, its sets of variables to come."""
    name = ask.values["source"]
    known = next((each for each in ask.verb("sources", limit=MOST)["items"] if each["name"] == name), None)
    if known is None:
        raise NotFound(f"there is no source {name[:60]!r}; see: procession sources")
    rows = listing(_behind(ask, f'source:"{name}"'))
    tasks = sorted({row["task"] for row in rows["rows"]})
    values = {**rows, "of_event": "", "source": known, "upcoming": _upcoming(ask, tasks)}
    return Shown(
        "pages/source.html", values, name, live="all setting", crumbs=(("Processings", "p"),),
        data={**data(rows), "source": known}, command=f"procession list source:{name}",
    )  # fmt: skip


def _behind(ask: Ask, text: str) -> Ask:
    """The same request for the list behind this filter."""
    return replace(ask, query={**ask.query, "query": meant(text, "")})


def _upcoming(ask: Ask, tasks: list[str]) -> list[dict[str, object]]:
    """Sets of variables of these tasks that will hold."""
    found: list[dict[str, object]] = []
    for name in tasks[:5]:
        try:
            found += [each for each in ask.verb("variable-sets", task=name)["items"] if each["standing"] == "upcoming"]
        except (Denied, NotFound):
            continue
    return found
