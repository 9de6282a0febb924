"""The Overview: is everything fine, and if not, take me there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from procession.errors import Denied
from procession.model.question import KIND
from procession.model.states import PROCESSING
from procession.web import glance, standings, words
from procession.web.grids import DRAWN
from procession.web.page import Ask, Shown, page

TOLD = 5
"""Messages that are shown."""
KINDS = {mark.name.lower(): kind for mark, kind in DRAWN.items()}
"""What a processing is in the answer of the verb → the class by which it is drawn."""


@page("/")
def overview(ask: Ask) -> Shown:
    """Tiles that are links to the rows that they count, the hours, and every task in one line."""
    found = ask.verb("overview")
    kinds = {each["name"]: standings.kind(each) for each in ask.verb("tasks")["items"]}
    rows = [_row(each, kinds.get(each["task"], "event")) for each in found["tasks"]]
    seen = _hours(ask, rows)
    problems = ask.query.get("order") == "problems"
    worst: list[dict[str, Any]] = sorted(rows, key=_trouble)
    values = {
        "groups": [{"name": "", "tasks": worst}] if problems else _grouped(rows),
        "problems_first": problems, "known": found,
        "totals": {what: sum(row[what] for row in rows) for what in ("waiting", "running", "asking", "ok", "failed")},
        "hours": seen.hours, "days": seen.days, "messages": _messages(ask, rows), "free": found["disk"]["free"],
        "full_in": found["disk"]["full_in"],
    }  # fmt: skip
    return Shown("pages/overview.html", values, "Overview", live="all setting", command="procession status")


def _grouped(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: (row["group"], row["name"])):
        groups.setdefault(row["group"], []).append(row)
    return [{"name": name, "tasks": some} for name, some in groups.items()]


def _trouble(row: dict[str, Any]) -> tuple[int, bool, int, str]:
    """Most failures first, then what is paused, then what waits."""
    return -row["failed"], row["paused"] is None, -row["waiting"], row["name"]


def _row(task: Mapping[str, Any], kind: str) -> dict[str, Any]:
    stands = {"paused": task["paused"], "asking": task["asking"]}
    stands["now"] = {"running": task["running"], "waiting": task["waiting"]}
    return {
        "name": task["task"], "group": task["group"], "kind": kind, "paused": task["paused"],
        "state": standings.state(stands), "waiting": task["waiting"],
        "running": max(0, task["running"] - task["asking"]), "asking": task["asking"], "at_once": task["at_once"],
        "ok": task["ended"]["succeeded"], "failed": task["ended"]["failed"],
        "recent": [_mark(each) for each in reversed(task["recent"])],
        "latest": _latest(task["newest"]), "oldest": task["oldest_waiting"],
    }  # fmt: skip


def _mark(found: Mapping[str, Any]) -> dict[str, Any]:
    kind = KINDS[found["mark"]]
    return {"id": found["id"], "kind": kind, "said": words.said(kind), "failed": kind in ("failed", "lost")}


def _latest(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The newest processing for its chips; what is left of one that has ended was not run."""
    if found is None:
        return None
    over = found["state"] in PROCESSING.terminal
    steps = [
        {
            "name": step["name"], "attempts": range(step["attempt"]),
            "state": "not-run" if over and step["state"] in ("pending", "ready") else step["state"],
            "marks": ("asking",) if step["asking"] else (),
        }
        for step in found["steps"]
    ]  # fmt: skip
    return {"id": found["id"], "steps": [{**step, "attempts": list(step["attempts"])} for step in steps]}


def _hours(ask: Ask, rows: Iterable[Mapping[str, Any]]) -> glance.Glance:
    """When the processings of these tasks ended."""
    return glance.glances(ask.project, [row["name"] for row in rows])


def _messages(ask: Ask, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What needs a person and is not over, newest first; nothing for who may see some groups only."""
    try:
        found = ask.verb("messages", limit=100)["items"]
    except Denied:
        return []
    wanted = [each for each in found if each["needs_person_at"] and each["state"] == "occurs"]
    asking = {row["name"]: row["asking"] for row in rows}
    told = sorted(wanted, key=lambda each: (each["read_at"] is not None, each["last_at"]))
    return [_asked(ask, each, asking) if each["kind"] == KIND else each for each in told[:TOLD]]


def _asked(ask: Ask, message: dict[str, Any], asking: Mapping[str, int]) -> dict[str, Any]:
    """One message stands for all open questions of a step: one alone leads to its processing, several to them all."""
    several = asking.get(message["task"], 0) > 1
    first = [] if several else ask.verb("questions", task=message["task"], limit=1)["items"]
    told = {"text": first[0]["text"], "processing": first[0]["processing"]} if first else {}
    return {**message, "text": words.unasked(message["text"]), **told, "questions": asking.get(message["task"], 0)}
