"""The page of a processing: ``p/{id}`` opens at what matters, ``p/{id}/s/{step}`` at a step, one tab at a time."""

from __future__ import annotations

from typing import Any

from procession.errors import NotFound
from procession.store import tasks
from procession.web.page import Ask, Gone, Shown, page
from procession.web.pages.questions import made_so_far
from procession.web.processing import cards, head, panels, timeline
from procession.web.processing.choice import TABS, choose
from procession.web.processing.choices import choices

JSON = dict[str, Any]


@page("/p/{id}")
def processing(ask: Ask) -> Shown:
    """The failing step, else the one that runs, else the last."""
    return _shown(ask, None)


@page("/p/{id}/s/{step}")
def step(ask: Ask) -> Shown:
    """One step, ``?a=`` one attempt, ``?tab=`` one tab."""
    return _shown(ask, ask.values["step"])


@page("/p/{id}/v/{version}")
def version(ask: Ask) -> Gone:
    """Another version of the same processing."""
    wanted = ask.values["version"].removeprefix("v")
    for each in ask.verb("versions", id=ask.number("id"))["items"]:
        if str(each["version"]) == wanted:
            return Gone(f"p/{each['id']}")
    raise NotFound(f"processing {ask.number('id')} has no version {wanted[:20]!r} that is kept")


def _shown(ask: Ask, wanted: str | None) -> Shown:
    found: JSON = ask.verb("show", id=ask.number("id"))
    if found["state"] in cards.WAITS:
        found["why"] = ask.verb("why", id=found["id"])
    chosen = choose(found, wanted, ask.query)
    now = ask.project.clock.now()
    waits = cards.waiting(ask, found)
    told = panels.panel(ask, found, chosen)
    values = {
        "found": found, "step": chosen.step, "attempt": chosen.attempt, "tab": chosen.tab, "named": chosen.named,
        "tabs": panels.tabs(ask, found, chosen), "facts": head.facts(found, now), "beside": head.beside(ask, found),
        "versions": head.versions(ask, found), "failed": cards.failed(ask, found, _failing(found, chosen.step)),
        "waits": waits, "since": cards.waiting_since(ask, found) if waits else None,
        "accepted": cards.accepted(found), "rows": timeline.rows(found, now),
        "now": now.timestamp(),
        "choices": choices(found, adjustable=_adjustable(ask, found)), "panel": told, "asked": _asked(ask, found),
    }  # fmt: skip
    live = f"proc:{found['id']}"
    if chosen.tab == TABS[0] and chosen.attempt is not None:
        live += f" log:{found['id']}/{chosen.step['name']}/{chosen.attempt['number']}"
    title = found["title"] or found["key"] or f"{found['task']} {found['id']}"
    crumbs = ((found["task"], f"t/{found['task']}"),)
    data = {
        **found,
        "shown": {"step": chosen.step["name"], "attempt": (chosen.attempt or {}).get("number"), "tab": chosen.tab},
    }
    return Shown("pages/processing.html", values, title, live, crumbs, f"procession show {found['id']}", data=data)


def _failing(found: JSON, chosen: JSON) -> JSON:
    """The step of which the card tells: the chosen one where it has failed, else the one that has."""
    if chosen["state"] == "failed":
        return chosen
    return next((each for each in found["steps"] if each["state"] == "failed"), chosen)


def _asked(ask: Ask, found: JSON) -> list[JSON]:
    """The questions to people that are open in it."""
    if "asking" not in found["marks"]:
        return []
    page = ask.verb("questions", task=found["task"], limit=1, cursor=found["id"] - 1 or None)  # its own stay together
    own = [each for each in page["items"] if each["processing"] == found["id"]]
    return [each | (made_so_far(ask, found["id"]) if each is own[0] else {}) for each in own]


def _adjustable(ask: Ask, found: JSON) -> bool:
    with ask.project.store.read() as tx:
        return any(task.adjustable for task in tasks.current(tx).values() if task.name == found["task"])
