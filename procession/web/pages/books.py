"""The books: everything that came, and where it is now; both sides balance, and numbers lead to what they count."""

from __future__ import annotations

from typing import Any

from procession.web.page import Ask, Shown, page
from procession.web.url import joined

OF_EVENTS = {"there": "all", "refused": "refused"}
"""Part of an account of events → the tab that shows it."""


@page("/books")
def books(ask: Ask) -> Shown:
    """By the sums that were written with what they count, in one picture."""
    found = ask.verb("books", quick=True)
    values = {
        "balanced": found["balanced"], "events": [_account(each, _of_event) for each in found["events"]],
        "tasks": [_account(each, _of_task) for each in found["tasks"]],
    }  # fmt: skip
    return Shown("pages/books.html", values, "Books", crumbs=(("Events", "events"),), data=found)


def _account(each: dict[str, Any], link: Any) -> dict[str, Any]:
    parts = [{"name": name, "n": n, "place": link(each["name"], name)} for name, n in each["parts"].items()]
    return {**each, "parts": parts, "missing": each["came"] - sum(part["n"] for part in parts)}


def _of_event(name: str, part: str) -> str:
    if part not in OF_EVENTS:
        return ""
    tab = OF_EVENTS[part]
    return joined("events", tab=tab if tab != "all" else None, name=name if tab == "all" else None)


def _of_task(name: str, part: str) -> str:
    return "" if part == "deleted" else joined("p", query=f'task:"{name}" state:{part}')
