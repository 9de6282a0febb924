"""Wording: what stands in the row of an event, in the words of people.

*In:* who sent it, what it brought and when it came. *Out:* a few words. *Always:* pure; what nobody here has made is
said as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from procession.clock import read_moment
from procession.units import duration

TIMETABLE = "timetable:"
"""With what the names of events begin that a timetable makes."""
_ALONE = {"timetable": "timetable", "attempt": "scripts", "watch": "watch", "missed": "submitted as missed"}
_KINDS = {
    "cli": "{}, command line", "run": "{}, by hand", "person": "{}, by hand", "http": "{}, over HTTP",
    "python": "{}, from Python", "call": "{}, as a call", "set": "set {}",
}  # fmt: skip


def sender(source: str) -> str:
    """Who says that it has happened: ``script of 9``, ``eva, over HTTP``, ``timetable``."""
    kind, colon, who = source.partition(":")
    if not colon:
        return _ALONE.get(kind, source)
    if kind == "attempt" and len(pieces := who.rsplit("-", 3)) == 4:
        return f"script of {pieces[1]}"
    return _KINDS[kind].format(who) if kind in _KINDS else source


def brought(name: str, params: Mapping[str, Any], came: datetime | None = None) -> str:
    """What an event brought, in a line: its parameters; of a timetable whether it came in time."""
    if name.startswith(TIMETABLE) and isinstance(params.get("late"), bool):
        return lateness(params, came) if params["late"] else "on time"
    return "  ".join(f"{key}={plain(value)}" for key, value in params.items())


def lateness(params: Mapping[str, Any], came: datetime | None) -> str:
    """By how much a run of a timetable is behind it."""
    due = read_moment(params["nominal_at"]) if isinstance(params.get("nominal_at"), str) else None
    if due is None or came is None or came <= due:
        return "late"
    return f"late by {duration(round((came - due).total_seconds()))}"


def plain(value: object) -> str:
    """A value of an event in a line: text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
