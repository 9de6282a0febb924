"""Wants: what a step takes of limits and which host it needs, made out once, when its processing is born.

A task or step says ``uses = ["satellite:{sat}"]``; the values of the event make it ``satellite:L8``. What comes of it
is kept in the row as canonical JSON (equal wants, equal text), so that the claim needs no definition to read it, and
can pass over all that want the same when it has seen that they cannot start.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from procession.errors import Invalid

MAX_NAME = 256
"""Characters of the name of a limit, with its values."""

MAX_TEXT = 2_000
"""Bytes of all that a processing or step wants, as text: an index of PostgreSQL takes no more than 2,700."""

GENERAL = "general"
"""What people call the queue of the steps that name none; in rows its name is empty."""

Uses = tuple[tuple[str, float], ...]
"""Name of each limit and how much of it, in the order of the names."""


@dataclass(frozen=True, slots=True)
class Wants:
    """Everything that must be there beside processors and memory."""

    uses: Uses = ()
    labels: tuple[str, ...] = ()
    """All of them must be a host's."""
    queue: str = ""
    """A launcher must serve it; empty: the common one, which all serve that do not say otherwise."""
    outside: bool = False
    """Only a program elsewhere does it."""

    def to_json(self) -> str | None:
        """As it is kept; None where nothing is wanted, which is what the claim passes over most quickly."""
        said: dict[str, object] = {}
        if self.uses:
            said["uses"] = self.uses
        if self.labels:
            said["labels"] = self.labels
        if self.queue:
            said["queue"] = self.queue
        if self.outside:
            said["outside"] = True
        return _text(said) if said else None


NOTHING = Wants()


def queue_named(name: str) -> str:
    """A queue as rows have it, of the name that people give it."""
    return "" if name == GENERAL else name


@dataclass(frozen=True, slots=True)
class Opening:
    """What a waiting processing wants: from its first step to its last, and for the steps that it begins with."""

    uses: Uses = ()
    source: str | None = None
    """Where its data come from; with it the text begins (`model/origin.py`), for its name comes first."""
    steps: Mapping[int, str] | None = None
    """Ordinal → wants of a first step, as text; those that want nothing are left out."""

    def to_json(self) -> str | None:
        """As it is kept with the processing."""
        said: dict[str, object] = {}
        if self.source is not None:
            said["source"] = self.source
        if self.uses:
            said["uses"] = self.uses
        if self.steps:
            said["steps"] = {str(ordinal): text for ordinal, text in sorted(self.steps.items())}
        return _text(said) if said else None


@lru_cache(maxsize=4096)
def read(text: str | None) -> Wants:
    """What `Wants.to_json` wrote."""
    if text is None:
        return NOTHING
    raw = json.loads(text)
    return Wants(
        _uses(raw.get("uses", ())), tuple(raw.get("labels", ())), raw.get("queue", ""), raw.get("outside", False)
    )


@lru_cache(maxsize=4096)
def read_opening(text: str | None) -> Opening:
    """What `Opening.to_json` wrote."""
    if text is None:
        return Opening()
    raw = json.loads(text)
    return Opening(
        _uses(raw.get("uses", ())), raw.get("source"), {int(o): each for o, each in raw.get("steps", {}).items()}
    )


def together(*parts: Uses) -> Uses:
    """The sum of several."""
    found: dict[str, float] = {}
    for uses in parts:
        for name, amount in uses:
            found[name] = found.get(name, 0.0) + amount
    return tuple(sorted(found.items()))


def named(templates: Uses, render: Callable[[str], str]) -> Uses:
    """These uses with the values of an event; Invalid where a name comes out unfit."""
    found = []
    for template, amount in templates:
        name = render(template)
        if not name or len(name) > MAX_NAME or any(ord(c) < 32 for c in name):
            raise Invalid(
                f"the limit {template} would be called {name[:60]!r} for these values; "
                f"it needs 1 to {MAX_NAME} characters, none of them a line feed or other control character"
            )
        found.append((name, amount))
    return together(tuple(found))


def _uses(raw: object) -> Uses:
    return tuple((str(name), float(amount)) for name, amount in raw)  # type: ignore[attr-defined]


def _text(said: dict[str, object]) -> str:
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if len(text.encode()) > MAX_TEXT:
        raise Invalid(
            f"what it takes of limits is {len(text.encode())} bytes long with these values; at most {MAX_TEXT}: "
            "give limits shorter names, or fewer of them to a task"
        )
    return text
