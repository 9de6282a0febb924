"""The head of a processing: its versions, its neighbours in the list that one came from, what it took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from procession.errors import Invalid, NotFound
from procession.model import wording
from procession.units import duration
from procession.web import words
from procession.web.page import Ask

JSON = dict[str, Any]
MOST_PARAMS, WIDEST = 12, 80
MOST_VERSIONS = 12


@dataclass(frozen=True, slots=True)
class Beside:
    """The two next to it, and how many there are in all."""

    query: str
    newer: int | None
    older: int | None
    told: str


def beside(ask: Ask, found: JSON) -> Beside:
    """In the list that one came from (``?in=``), else among those of its task that are as it is."""
    failed = " state:failed" if found["state"] == "failed" else ""
    query = ask.query.get("in") or f"task:{found['task']}{failed}"
    try:
        told = ask.verb("neighbours", id=found["id"], query=query)
    except (Invalid, NotFound):  # a query of an old link, or of a task that is gone
        return Beside(query, None, None, "")
    count = told["of"]
    total = f"{words.number(count['n'])}{'' if count['exact'] else '+'}"
    place = f"{words.number(told['place'])} of {total}" if told["place"] and count["n"] else ""
    return Beside(query, told["newer"], told["older"], f"{place}{' failed' if failed and place else ''}")


def versions(ask: Ask, found: JSON) -> list[JSON]:
    """All versions that are kept, where there is more than one: number, id and how each is drawn."""
    if found["version"] == 1 and found["replaced_by"] is None:
        return []
    items = ask.verb("versions", id=found["id"])["items"]
    return [
        {"id": each["id"], "version": each["version"], "kind": words.state({**each, "marks": ()}),
         "current": each["id"] == found["id"]}
        for each in items[-MOST_VERSIONS:]
    ]  # fmt: skip


def facts(found: JSON, now: datetime) -> JSON:
    """What stands beside the title."""
    attempts = [each for step in found["steps"] for each in step["attempts"]]
    hosts = list(dict.fromkeys(each["host"] for each in reversed(attempts) if each["host"]))
    begun = min((each["started_at"] for each in attempts if each["started_at"]), default=found["started_at"])
    took = words.took(found, now)
    waits = found["waiting_at"]
    waited = 0.0 if waits else _span(found["created_at"], begun or found["finished_at"] or now)
    return {
        "kind": words.whole(found), "begun": begun, "ended": found["finished_at"],
        "took": None if took is None else duration(took),
        "idle": duration(round(found["idle"])) if found["idle"] >= 1 else None,
        "waits": waits, "waited": duration(round(waited)) if waited >= 1 else None, "hosts": hosts[:3],
        "params": _params(found), "more_params": max(0, len(found["params"]) - MOST_PARAMS),
    }  # fmt: skip


def _params(found: JSON) -> list[tuple[str, str]]:
    """What its event brought; of a timetable whether it came in time."""
    if found["event_name"].startswith(wording.TIMETABLE):
        return [("timetable", words.brought(found["event_name"], found["params"], found["created_at"]))]
    return params(found["params"])


def params(found: JSON) -> list[tuple[str, str]]:
    """The first parameters, as people read them."""
    texts = ((name, wording.plain(value)) for name, value in found.items())
    return [(name, _cut(text)) for name, text in texts][:MOST_PARAMS]


def _cut(text: str) -> str:
    """A long path by its end, any other long text by its beginning."""
    if len(text) > WIDEST and "/" in text:
        text = words.brief(text)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


def _span(start: str | None, end: str | datetime) -> float:
    until = end if isinstance(end, datetime) else datetime.fromisoformat(end)
    return 0.0 if start is None else max(0.0, (until - datetime.fromisoformat(start)).total_seconds())
