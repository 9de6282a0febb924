"""The timeline: a row for each step, a bar for each attempt, and one, hatched, for the time that it waited.

*Always:* pure; a bar that has not ended has no end, and grows in the browser.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from procession.units import duration
from procession.web import words

JSON = dict[str, Any]
NOTICED = 1.0
"""Seconds; a shorter wait is not drawn."""
OUTCOMES = {
    "succeeded": "ok", "skipped": "skipped", "retry": "will-retry", "cancelled": "cancelled", "lost": "lost",
    "void": "skipped",
}  # fmt: skip
"""Outcome of an attempt → how it is drawn; any other has failed."""


@dataclass(frozen=True, slots=True)
class Bar:
    """An attempt, or a wait before it."""

    kind: str
    waits: bool
    attempt: int | None
    start: float
    end: float | None
    text: str
    said: str
    """What came of it, in words."""


@dataclass(frozen=True, slots=True)
class Row:
    """A step."""

    ordinal: int
    name: str
    kind: str
    tries: int
    bars: list[Bar]
    took: str
    since: datetime | None
    """Where an attempt runs: the moment since which it would have run for as long as all of them together."""


def rows(found: JSON, now: datetime) -> list[Row]:
    """All steps."""
    made, free = [], found["created_at"]
    upcoming = next((s["ordinal"] for s in found["steps"] if s["state"] == "pending"), 0) if found["waiting_at"] else 0
    for step in found["steps"]:
        waits = found["finished_at"] is None and (step["state"] == "ready" or step["ordinal"] == upcoming)
        bars = _bars(step, free, now, waits=waits, since=found["waiting_at"])
        attempts = step["attempts"]
        spent = sum(each["seconds"] or 0.0 for each in attempts)
        live = next((e for e in attempts if e["outcome"] is None and e["started_at"]), None)
        if live is not None:
            spent += max(0.0, now.timestamp() - _unix(live["started_at"]))
        over = found["finished_at"] is not None and step["state"] in ("pending", "ready")
        kind = "not-run" if over else words.state(step)
        ran = live is not None or any(each["seconds"] is not None for each in attempts)
        took = duration(spent) if ran else words.said(kind).lower()
        made.append(
            Row(
                step["ordinal"],
                step["name"],
                kind,
                len(attempts),
                bars,
                took,
                now - timedelta(seconds=spent) if live else None,
            )
        )
        free = max(filter(None, (free, step["finished_at"])))
    return made


def kind_of(attempt: JSON) -> str:
    """How an attempt is drawn."""
    if attempt["outcome"] is None:
        return "running" if attempt["started_at"] else "waiting"
    return OUTCOMES.get(attempt["outcome"], "failed")


def _bars(step: JSON, free: str, now: datetime, *, waits: bool, since: str | None) -> list[Bar]:
    bars: list[Bar] = []
    attempts = step["attempts"]
    first = next((each["started_at"] for each in attempts if each["started_at"]), None)
    if first is not None or (waits and not attempts):
        start, end = _unix((first is None and since) or free), None if first is None else _unix(first)
        bars += _wait(start, end, now)
    for number, each in enumerate(attempts):
        if each["started_at"] is None and each["finished_at"] is None:
            bars += _wait(_unix(each["claimed_at"]), None, now)
            continue
        start = _unix(each["started_at"] or each["finished_at"])
        end = None if each["finished_at"] is None else _unix(each["finished_at"])
        took = "" if each["seconds"] is None else duration(each["seconds"])
        kind = kind_of(each)
        following = attempts[number + 1 :]
        said = words.said(kind)
        if following and kind in ("failed", "will-retry"):
            by_hand = following[0]["made_by"] is not None and following[0]["asks"] is None
            kind, said = ("failed", "Failed") if by_hand else ("will-retry", "Failed, tried again")
        elif each["made_by"] and each["asks"] is None:
            said = f"Accepted by {each['made_by']}"
        paused = each["paused_at"] if end is None else None
        bars.append(Bar(kind, False, each["number"], start, _unix(paused) if paused else end, took, said))
        if paused:
            bars += _wait(_unix(paused), None, now)
        elif following and end is not None and following[0]["started_at"]:
            bars += _wait(end, _unix(following[0]["started_at"]), now, following[0]["number"])
    if attempts and waits and attempts[-1]["finished_at"]:
        bars += _wait(_unix(since or attempts[-1]["finished_at"]), None, now, attempts[-1]["number"] + 1)
    return bars


def _wait(start: float, end: float | None, now: datetime, before: int = 0) -> list[Bar]:
    """The time in which nothing of a step ran, perhaps before another attempt; until now where it still waits."""
    waited = (now.timestamp() if end is None else end) - start
    said = f"before attempt {before}" if before else words.said("waiting")
    return [Bar("waiting", True, None, start, end, duration(round(waited)), said)] if waited >= NOTICED else []


def _unix(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()
