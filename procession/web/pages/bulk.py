"""Many at once: what would happen, how far it is, and what was done before.

*In:* rows that were ticked, or a filter and all that it means. *Out:* the dialog of ``batch-add`` with its dry run, and
the page of a batch. *Always:* the server does it, over the query that the audit has; the page only looks, so closing it
or starting the server anew changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from procession.errors import Invalid
from procession.model.states import PROCESSING
from procession.web import acting, dialogs, words
from procession.web.page import Ask, Shown, page

MOST_IDS = 1_000
"""Of one query by ids: what stands on a page, and more."""
DONE = {
    "retry": "retried", "restart": "run again", "cancel": "cancelled", "hold": "held", "release": "released",
    "run-now": "started as soon as there is room", "accept": "accepted", "delete": "deleted",
}  # fmt: skip
"""Verb → what becomes of one."""


@page("/bulk/new", scope="operate")
def new(ask: Ask) -> Shown:
    """The dialog for what was ticked."""
    given = {"verb": ask.query.get("verb", ""), "query": chosen(ask), "back": ask.query.get("back", "")}
    if not given["query"]:
        raise Invalid("no processing is ticked: go back and tick rows, or choose all that match a filter")
    return dialogs.dialog(replace(ask, query=given), acting.verb_named("batch-add"))


def chosen(ask: Ask) -> str:
    """The query that is meant: the filter, or the ids that were ticked."""
    if any(ask.every.get("all", ())):
        return ask.query.get("query", "")
    ids = [each for each in ask.query.get("ids", "").split(",") if each] or ask.every.get("id", [])
    if len(ids) > MOST_IDS or not all(each.isascii() and each.isdigit() for each in ids):
        raise Invalid(f"ids of processings are whole numbers, at most {MOST_IDS} of them")
    return f"id:{','.join(ids)}" if ids else ""


@page("/bulk")
def bulks(ask: Ask) -> Shown:
    """Batches, newest first."""
    items = [_told(each) for each in ask.verb("batches", limit=100)["items"]]
    return Shown(
        "pages/bulks.html", {"items": items}, "Bulk actions", live="all batch", crumbs=(("Processings", "p"),),
        command="procession batches",
    )  # fmt: skip


@page("/bulk/{id}")
def bulk(ask: Ask) -> Shown:
    """How far one is."""
    found = ask.verb("batch", id=ask.number("id"))
    again = ",".join(str(each["id"]) for each in found["problems"][:MOST_IDS])
    values = {
        "batch": _told(found),
        "again": f"id:{again}" if again else "",
        "became": _became(found),
        "counted": found["became"],
    }
    return Shown(
        "pages/bulk.html", values,
        f"{found['verb'].capitalize().replace('-', ' ')} {found['total']}", live="all batch",
        crumbs=(("Processings", "p"), ("Bulk actions", "bulk")), data=found, command="procession batches",
    )  # fmt: skip


def _became(found: Mapping[str, Any]) -> list[tuple[str, str, int, str]]:
    """How what it has done stands now: the way to be drawn, in words, how many, the filter that means exactly these."""
    states = found["became"]["states"] if found["verb"] != "delete" else {}
    again = {"failed": "failed again"} if found["verb"] in ("retry", "restart") else {}
    return [
        (words.STATES[each], again.get(each, each), states[each], f"batch:{found['id']} state:{each}")
        for each in PROCESSING.states
        if states.get(each)
    ]


def _told(found: Mapping[str, Any]) -> dict[str, Any]:
    """A batch as it is drawn."""
    gone = found["done"] + found["refused"]
    state = "cancelled" if found["cancelled_at"] else "ok" if found["finished_at"] else "running"
    return {
        **found, "gone": gone, "state": state, "left": state == "running",
        "word": {"cancelled": "Cancelled", "ok": "Done", "running": "At work"}[state],
        "became": DONE.get(found["verb"], "done"), "reasons": words.reasons(found["problems"]),
    }  # fmt: skip
