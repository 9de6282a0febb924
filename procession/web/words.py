"""Words and numbers as people read them on a page: pure, and the same on every page."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from jinja2 import pass_context

from procession.clock import Clock
from procession.model import wording
from procession.units import duration

STATES = {
    "succeeded": "ok", "failed": "failed", "running": "running", "waiting": "waiting", "pending": "waiting",
    "ready": "waiting", "cancelled": "cancelled", "skipped": "skipped", "lost": "lost", "held": "held",
    "retried": "retried", "will-retry": "will-retry", "blocked": "blocked", "paused": "blocked", "ok": "ok",
    "asking": "asking", "not-run": "not-run",
}  # fmt: skip
"""A state of ours → the class by which it is drawn."""


def number(value: int | None) -> str:
    """A count with narrow spaces: ``1 234 567``; a dash for nothing."""
    return "–" if not value else f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def age(at: str | None, clock: Clock | None = None) -> str:
    """How long ago this moment was, or how long it still is: ``18 min``."""
    if at is None:
        return "–"
    seconds = ((clock or Clock()).now() - datetime.fromisoformat(at)).total_seconds()
    return duration(abs(round(seconds)) if abs(seconds) >= 1 else 0)


def state(found: Mapping[str, Any]) -> str:
    """How a processing or a step of an answer is drawn: its state, and the facts beside it."""
    name = str(found["state"])
    marks = found.get("marks") or ()
    if "held" in marks or found.get("held_at"):
        return "held"
    if "asking" in marks or ("marks" not in found and _asks(found)):
        return "asking"
    if name == "succeeded" and ("amber" in marks or len(found.get("attempts") or ()) > 1):
        return "retried"
    if name == "ready" and found.get("attempts"):
        return "will-retry"
    if name == "failed" and str(found.get("reason") or "").startswith("lost"):
        return "lost"
    return STATES.get(name, "waiting")


def whole(found: Mapping[str, Any]) -> str:
    """How a processing with its steps is drawn: it made it after a retry where any of its steps was tried again."""
    kind = state(found)
    return "retried" if kind == "ok" and any(len(step["attempts"]) > 1 for step in found["steps"]) else kind


def _asks(step: Mapping[str, Any]) -> bool:
    """Does the last attempt of a step ask a person who has not answered?"""
    if step["state"] != "running" or not step.get("attempts"):
        return False
    last = step["attempts"][-1]
    return last["asks"] is not None and last["outcome"] is None and last["answer"] is None


SAID = {
    "ok": "Succeeded", "retried": "Succeeded after retry", "will-retry": "Will retry", "failed": "Failed",
    "running": "Running", "waiting": "Waiting",
    "blocked": "Waiting", "paused": "Paused", "cancelled": "Cancelled", "skipped": "Skipped",
    "lost": "Lost", "held": "Held", "asking": "Asking", "not-run": "Not run",
}  # fmt: skip


def took(found: Mapping[str, Any], now: datetime) -> float | None:
    """Seconds that a processing took, or has taken until now; None: it has not begun."""
    if found["started_at"] is None:
        return None
    until = now if found["finished_at"] is None else datetime.fromisoformat(found["finished_at"])
    return max(0.0, (until - datetime.fromisoformat(found["started_at"])).total_seconds() - float(found["idle"]))


def said(kind: str) -> str:
    """The word of a way to be drawn."""
    return SAID.get(kind, kind)


def reasons(found: Iterable[Mapping[str, Any]]) -> list[tuple[str, int, int]]:
    """Refusals of many, grouped: the reason without the id in it, how many, the first id; the most frequent first."""
    grouped: dict[str, list[int]] = {}
    for each in found:
        pid = int(each["id"])
        plain = re.sub(rf"\b(?:processing )?{pid}\b", "it", str(each["text"]))
        grouped.setdefault(plain.partition("; see: ")[0], []).append(pid)
    return sorted(((text, len(ids), ids[0]) for text, ids in grouped.items()), key=lambda one: -one[1])


def unasked(text: str) -> str:
    """What is asked, without the command that answers it: a page has buttons for that."""
    return text.partition("; answer with: ")[0]


MOST_OF_A_WORD = 26
"""Characters of a word, or of the last part of a path, in a list."""
_NAMED = re.compile(r"[A-Za-z][\w-]*(?:<number>[\w-]*){2,}")


def tidy(text: str) -> str:
    """The text of a cause for people: what was a name made of letters and numbers is one name."""
    return _NAMED.sub("<name>", text)


_LONG = re.compile(r"\S{33,}")
_LEADS = re.compile(r"[^/]*[=:\"'(\[{,]")


def brief(text: str) -> str:
    """A text for a narrow place: of a long path its end, of another long word both ends; all else as it is."""
    return _LONG.sub(lambda found: _ends(found[0]), text)


def _ends(word: str) -> str:
    leads = _LEADS.match(word) if "/" in word else None
    before = leads[0] if leads else ""
    rest = word[len(before) :]
    above, slash, name = rest.rstrip("/").rpartition("/")
    if above and slash:
        before, rest = f"{before}…/", name
    return before + (rest if len(rest) <= MOST_OF_A_WORD else f"{rest[:8]}…{rest[-(MOST_OF_A_WORD - 9) :]}")


def spark(values: Sequence[float]) -> list[dict[str, float]]:
    """Small bars for these values, in a box of 64 by 18."""
    most, wide = max((*values, 1e-9)), 64 / max(1, len(values))
    bars = []
    for at, value in enumerate(values):
        high = round(max(1.5, 17 * value / most), 2) if value > 0 else 0.5
        bars.append({"x": round(at * wide, 2), "y": 18 - high, "width": round(max(wide - 1.5, 0.5), 2), "height": high})
    return bars


def brought(name: str, params: Mapping[str, Any], came: str) -> str:
    """What an event brought, in a line; paths first, since they tell most and are cut to their ends."""
    ordered = dict(sorted(params.items(), key=lambda each: "/" not in str(each[1])))
    return wording.brought(name, ordered, datetime.fromisoformat(came))


def moment(at: str) -> str:
    """A moment in UTC: ``2026-11-21 20:06:02``."""
    return at[:19].replace("T", " ")


def glyph(kind: str) -> str:
    """The icon of a way to be drawn."""
    return f"state-{kind}"


@pass_context  # else Jinja makes it once for all, when it compiles a template that gives it a text
def once(_context: object, _: object = None) -> str:
    """A key under which a form is done once."""
    return secrets.token_urlsafe(18)


def exactly(text: str) -> str:
    """The pattern that an input has which takes this very text and no other."""
    return "".join(letter if letter.isalnum() or letter in "_ " else f"\\u{{{ord(letter):x}}}" for letter in text)


def by_name(found: Iterable[Any], attribute: str) -> dict[str, Any]:
    """Of things that have a name, one of their attributes."""
    return {each.name: getattr(each, attribute) for each in found}
