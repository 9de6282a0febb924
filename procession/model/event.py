"""Event: a fact, with parameters and a key that makes it unique.

An event never changes. Two events with the same name and key are one event; what differs is a counted conflict. The
rules for names, keys and parameters are here, because they hold on every way in: command line, scripts, brokers.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from procession.errors import Invalid
from procession.units import to_seconds

NAME = re.compile(r"[A-Za-z0-9._:-]{1,128}")
PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
NEVER = re.compile(r"LD_.*|PYTHON.*|PATH|BASH_ENV|ENV|IFS|PERL5.*|NODE_OPTIONS|GIT_.*")
"""Names that change how programs start; refused although a parameter only ever appears as PROCESSION_PARAM_…"""

OWN = ("timetable", "watch", "call")
"""Events of these beginnings are made by Procession alone."""
MAX_PRIORITY = 1_000_000
_BACKFILL = 4 * MAX_PRIORITY
MAX_PARAMETERS = 1_000
MAX_TEXT = 1 << 20
"""Bytes of one event's parameters as JSON."""
MAX_DEPTH = 32
MAX_DEPTH_OF_EVENTS = 32
"""So many events may lead to each other, one emitted by the processing of the other: a loop ends there (B39)."""
MAX_KEY = 1_024
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
_plain = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
MAX_TITLE = 1_024


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event as somebody hands it in: checked (`check`), not yet stored."""

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    title: str = ""
    source: str = ""
    """Who says so: ``cli:<user>``, ``timetable``, an attempt key, a bridge."""
    priority: int | None = None
    """Larger first; None: as its tasks say."""
    backfill: bool = False
    """Old data: it comes after everything that is fresh, whatever its priority."""
    not_before: datetime | None = None
    """Nothing of it begins before this moment."""
    origin_id: int | None = None
    """The processing whose script emits it."""
    callback: str | None = None
    """URL to which the end of each of its processings is told; or the bridge over which all its changes are."""
    alone: str | None = None
    """A limit of one that each of its processings takes for itself, from its first step to its last."""

    def check(self) -> NewEvent:
        """Return this event if it can be stored; Invalid says what is wrong and what to do."""
        own, colon, task = self.name.partition(":")
        if colon and own in OWN and self.source.partition(":")[0] == own:
            check_name("the name of a task", task)  # which may be as long as a name can be
        else:
            check_name("an event name", self.name)
            if colon and own in OWN:
                hint = "submit" if own == "call" else "run"
                raise Invalid(f"{self.name!r} is for Procession's own {own}; by hand: procession {hint} {task[:60]}")
        if self.priority is not None and (type(self.priority) is not int or abs(self.priority) > MAX_PRIORITY):
            raise Invalid(
                f"a priority is a whole number from -{MAX_PRIORITY} to {MAX_PRIORITY}, not {str(self.priority)[:40]!r}"
            )
        if self.key is not None and not 0 < len(self.key.encode("utf-8", "surrogatepass")) <= MAX_KEY:
            raise Invalid(f"the key of an event is 1 to {MAX_KEY} bytes long; leave it out to have none")
        check_text("the key", self.key or "")
        check_text("the title", self.title)
        if len(self.title) > MAX_TITLE:
            raise Invalid(f"the title is {len(self.title)} characters long; the longest is {MAX_TITLE}")
        check_params(self.params)
        return self

    def params_json(self) -> str:
        """The parameters as canonical JSON: equal parameters, equal text."""
        return _canonical(self.params)


def ranked(priority: int, *, backfill: bool) -> int:
    """The one number by which the claim goes: all that is fresh stands above all that is backfill (N12)."""
    return priority - (_BACKFILL if backfill else 0)


def unranked(rank: int) -> tuple[int, bool]:
    """Priority and whether it is backfill, of `ranked`."""
    return (rank + _BACKFILL, True) if rank < -_BACKFILL // 2 else (rank, False)


def payload_hash(params_json: str) -> str:
    """What two events of the same key must share to be the same event."""
    return hashlib.sha256(params_json.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Event:
    """A stored event."""

    id: int
    name: str
    key: str | None
    title: str
    params: Mapping[str, Any]
    source: str
    created_at: datetime
    repeats: int
    """How often the same event came again."""
    conflicts: int
    """How often the same key came with other parameters; those were not stored."""
    last_seen_at: datetime


def check_name(what: str, name: str) -> None:
    """Raise Invalid unless this can be the name of an event, task, step or host."""
    if not NAME.fullmatch(name):
        raise Invalid(f"{name[:60]!r} cannot be {what}: use 1 to 128 of the characters A-Z a-z 0-9 . _ : -")


def check_text(what: str, text: str) -> None:
    """Raise Invalid for text that neither a database nor a command line can carry."""
    if "\0" in text:
        raise Invalid(f"{what} contains a NUL character, which no command line and no database can carry; remove it")
    try:
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError:
        raise Invalid(f"{what} is not valid Unicode text (it contains half a character); correct it") from None


def check_params(params: Mapping[str, Any]) -> None:
    """Raise Invalid unless these parameters can be stored, shown and passed to scripts."""
    if len(params) > MAX_PARAMETERS:
        raise Invalid(
            f"{len(params)} parameters are too many: at most {MAX_PARAMETERS}; put them into a file and pass its path"
        )
    variables: dict[str, str] = {}
    for name, value in params.items():
        place = _place(name)
        if (other := variables.setdefault(place, name)) != name:
            raise Invalid(f"the parameters {other!r} and {name!r} would both be ${place}; rename one")
        _check_value(name, value, 1)
    try:
        size = len(_plain(params).encode())
    except ValueError:
        raise Invalid("a parameter is infinite or not a number; JSON has no such value") from None
    if size > MAX_TEXT:
        raise Invalid(
            f"the parameters are {size} bytes of JSON; at most {MAX_TEXT}: put them into a file and pass its path"
        )


@lru_cache(maxsize=1024)
def _place(name: str) -> str:
    """The environment variable of a parameter; Invalid where it cannot be the name of one."""
    if not PARAMETER.fullmatch(name) or NEVER.fullmatch(name):
        raise Invalid(
            f"{name[:60]!r} cannot be the name of a parameter: start with a letter or _, go on with letters, "
            "digits, _ . - and do not use names such as PATH or LD_PRELOAD that change how programs start"
        )
    return variable(name)


def variable(name: str) -> str:
    """The environment variable in which a script finds this parameter."""
    return "PROCESSION_PARAM_" + re.sub(r"[^A-Z0-9_]", "_", name.upper())


def _check_value(name: str, value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Invalid(f"parameter {name!r} is nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, str):
        check_text(f"parameter {name!r}", value)
    elif isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise Invalid(f"parameter {name!r} is a whole number of more than 64 bits; pass it as text")
    elif isinstance(value, Mapping):
        for inner, item in value.items():
            check_text(f"a name inside parameter {name!r}", str(inner))
            _check_value(name, item, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_value(name, item, depth + 1)


def read_moment(what: str, text: str, now: datetime) -> datetime:
    """A moment as a person writes it: a date or time (UTC where nothing else is said), or ``+10min`` from now."""
    if text.startswith("+"):
        return now + timedelta(seconds=to_seconds(text[1:]))
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            f"{what} {text[:40]!r} is no moment; write e.g. 2026-03-01T06:00 (UTC), or +10min from now"
        ) from None
