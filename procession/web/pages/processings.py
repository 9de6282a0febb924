"""Processings of all tasks: find anything, act on many; and the whole of what was found as a file."""

from __future__ import annotations

from typing import Any

from procession.web import export, filters
from procession.web.anonymous import is_anonymous
from procession.web.listing import data, listing, sorted_by, typed
from procession.web.page import Ask, Gone, Piece, Shown, page
from procession.web.url import joined


@page("/p")
def processings(ask: Ask) -> Shown | Gone:
    """The list behind the filter that stands in the address."""
    if added := ask.query.get("add"):
        field = added.partition(":")[0]
        return Gone(joined("p", query=filters.replaced(typed(ask), field, added), sort=ask.query.get("sort")))
    if ask.prefers.quiet == "hidden" and not {"query", "q", "cursor"} & ask.query.keys():
        return Gone(joined("p", **{**ask.query, "query": filters.LOUD}))
    values, order = {**listing(ask), "of_event": "", "views": _views(ask)}, sorted_by(ask)
    command = f"procession list {typed(ask)}{'' if order == 'id' else f' --sort {order}'}"
    return Shown(
        "pages/processings.html", values, "Processings", live="all setting", command=command,
        status=400 if values["error"] else 200, data=data(values),
    )  # fmt: skip


def _views(ask: Ask) -> list[dict[str, Any]]:
    """Filters that whoever asks has saved; nobody keeps any who has not logged in."""
    return [] if is_anonymous(ask.caller) else list(ask.verb("views")["items"])


@page("/p/export.csv")
def as_csv(ask: Ask) -> Piece:
    """Everything that is found, as a table."""
    return export.csv(ask, typed(ask))


@page("/p/export.json")
def as_json(ask: Ask) -> Piece:
    """Everything that is found, one JSON object in each line."""
    return export.json_lines(ask, typed(ask))
