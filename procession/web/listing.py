"""A list of processings behind a filter: its rows, how many they are, and what to do where there are none.

*In:* an `Ask` with ``?query=…`` (or ``?q=…``), ``&sort=…`` and ``&cursor=…``, perhaps a task of which all are. *Out:*
the values of ``macros/rows.html``. *Always:* so many rows by their keys, a count that stops at ten thousand, and no
offset; a filter that cannot be read stays as it was typed, and what is wrong is said beside it.
"""

from __future__ import annotations

from typing import Any

from procession.errors import Invalid, NotFound
from procession.model.wording import TIMETABLE
from procession.store import submitters
from procession.web import filters, words
from procession.web.page import Ask
from procession.web.url import joined

ROWS = 50
LOOKS = 4
"""So often a short page is filled up; the rest is one link away."""
TRIED = 12
"""Terms that are left out, one at a time, to see which of them hides everything."""
LONGEST_COMPLETED = 500
"""Characters of a filter to which terms are offered: each offer repeats it."""
QUEUED = frozenset({"waiting", "running"})
PASSING = frozenset({"starting", "behind", "running", "not_before", "retry_at", "scheduled", "children", "foreground"})
"""Reasons for which one waits although nothing is in the way."""


def typed(ask: Ask) -> str:
    """The filter as it stands in the address."""
    return (ask.query.get("query") or ask.query.get("q") or "").strip()


def meant(text: str, task: str) -> str:
    """The filter, of this task alone where one is given."""
    return f"task:{task} {text}".strip() if task else text


def listing(ask: Ask, task: str = "", most: int | None = None) -> dict[str, Any]:
    """All that is drawn of a filtered list, with so many rows (else `ROWS`); of 0, what is drawn around a picture."""
    most = ROWS if most is None else most
    text = filters.ranged(typed(ask)) if sorted_by(ask) == "duration" else typed(ask)
    there = ask.verb("tasks")["items"]
    values: dict[str, Any] = {
        "query": text, "whole": meant(text, task), "of_task": task, "error": "", "rows": [], "next": None,
        "sort": sorted_by(ask),
        "count": None, "any": False, "hiding": [], "queued": False,
        "chips": filters.chips(text), "states": filters.states(text),
        "quiet": _quiet(ask, text, there, task),
        "tasks": sorted(each["name"] for each in there), "first": "cursor" not in ask.query,
        "completions": _completions(ask, text),
    }  # fmt: skip
    try:
        items, values["next"] = _items(ask, values["whole"], most, values["sort"]) if most else ([], None)
        values["count"] = count(ask, values["whole"])
    except (Invalid, NotFound) as error:
        return {**values, "error": str(error)}
    values["any"] = bool(items or (not most and values["count"]["n"]))
    if not values["any"] and values["first"] and text:
        values["hiding"] = _hiding(ask, text, task)
    values["queued"] = set(filters.of_field(text, "state").split(",")) <= QUEUED
    by = _submitters(ask, items) if values["queued"] else {}
    values["rows"] = [_row(ask, each, by.get(each["id"], "")) for each in items]
    return values


def _quiet(ask: Ask, text: str, there: list[dict[str, Any]], task: str) -> dict[str, Any] | None:
    """Are runs of timetables that found nothing left out, and the list in which it is the other way round; None where
    nothing runs by a timetable."""
    hidden = filters.LOUD in filters.terms(text)
    timed = any(each["on"].startswith(TIMETABLE) and task in ("", each["name"]) for each in there)
    if not timed and not hidden:
        return None
    query, sort = filters.loud(text, hidden=not hidden), ask.query.get("sort")
    pieces, tab = (("t", task), "list") if task else (("p",), None)
    return {"hidden": hidden, "turned": joined(*pieces, tab=tab, query=query, sort=sort)}


def data(values: dict[str, Any]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "query": values["query"], "sort": values["sort"], "problem": values["error"] or None, "next": values["next"],
        "count": values["count"],
        "items": [row["item"] for row in values["rows"]],
    }  # fmt: skip


def sorted_by(ask: Ask) -> str:
    """The order as it stands in the address."""
    return ask.query.get("sort") or "id"


def _items(ask: Ask, text: str, most: int, sort: str) -> tuple[list[dict[str, Any]], int | str | None]:
    """A page of them, filled up where so few are found at once."""
    cursor, found = ask.argument("list", "cursor"), list[dict[str, Any]]()
    for _ in range(LOOKS):
        got = ask.verb("list", query=text, limit=most - len(found), cursor=cursor, sort=sort)
        found += got["items"]
        cursor = got["next"]
        if cursor is None or len(found) >= most:
            break
    return found, cursor


def count(ask: Ask, text: str) -> dict[str, Any]:
    """How many are meant of what the caller may see, as ``n`` and ``exact``."""
    found: dict[str, Any] = ask.verb("count", query=text)
    return found


def _hiding(ask: Ask, text: str, task: str) -> list[tuple[filters.Chip, dict[str, Any]]]:
    """Terms without which something would be found, and how much."""
    found = []
    for chip in filters.chips(text)[:TRIED]:
        try:
            counted = count(ask, meant(chip.without, task))
        except (Invalid, NotFound):
            continue
        if counted["n"]:
            found.append((chip, counted))
    return found


def _completions(ask: Ask, text: str) -> list[str]:
    """Whole filters that this one may become: a term more, of every kind that there is."""
    before = f"{text} " if text else ""
    if len(before) > LONGEST_COMPLETED:
        return []
    return [before + each["text"] for each in ask.verb("complete", whole=True)["items"]]


def _submitters(ask: Ask, items: list[dict[str, Any]]) -> dict[int, str]:
    with ask.project.store.read() as tx:
        return submitters.of(tx, [each["id"] for each in items])


def _row(ask: Ask, item: dict[str, Any], by: str) -> dict[str, Any]:
    """One line: what is drawn of a processing."""
    of = _telling(item["steps"])
    last = of["attempts"][-1] if of and of["attempts"] else None
    kind = words.whole(item)
    why = item["why"] or {"code": "", "text": ""}
    if kind == "waiting":
        kind = "will-retry" if why["code"] == "retry_at" else kind if why["code"] in PASSING else "blocked"
    ended = item["state"] not in QUEUED
    return {
        "item": item, "id": item["id"], "task": item["task"], "kind": kind, "by": by,
        "title": item["title"] or item["key"] or item["event_name"],
        "params": words.brought(item["event_name"], item["params"], item["created_at"]),
        "steps": [
            {"step": step, "named": step is of, "kind": _drawn(step, ended=ended)} for step in item["steps"]
        ],
        "at": item["started_at"] or item["created_at"], "seconds": words.took(item, ask.project.clock.now()),
        "tries": max((len(step["attempts"]) for step in item["steps"]), default=0),
        "host": (last["worker"] or last["host"] or "") if last else "",
        "text": (item["reason"] or "") if ended else words.unasked(why["text"]),
    }  # fmt: skip


def _drawn(step: dict[str, Any], *, ended: bool) -> str:
    """How a step is drawn; what is left of a processing that has ended was not run."""
    return "not-run" if ended and step["state"] in ("pending", "ready") else words.state(step)


def _telling(steps: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The step that one wants to read the name of: what failed, what runs, what is next, else the last that ran."""
    for states in (("failed", "cancelled"), ("running",), ("ready",)):
        for step in steps:
            if step["state"] in states:
                return step
    return next((step for step in reversed(steps) if step["attempts"]), None)
