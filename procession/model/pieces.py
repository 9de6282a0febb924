"""Sets: events that belong together are collected in a slot until it is complete, or its time is over.

Pure: which slot and piece an event is, what is missing of a slot, what its event says. A number of wanted pieces means
so many different ones beside the critical ones; a list means names, ranges (``1..24``) and patterns.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from procession.errors import Invalid
from procession.model.command import Command, placeholders
from procession.model.event import MAX_KEY

MAX_WANTED = 10_000
"""Pieces of one slot."""
MAX_PIECE = 256
"""Characters of the name of a piece."""


@dataclass(frozen=True, slots=True)
class SetPlan:
    """``[sets.NAME]``, read."""

    name: str
    event: str
    """Name of the events that are pieces."""
    by: str
    """Template: events for which it comes out the same belong to the same slot."""
    piece: str
    """Template: which piece an event is."""
    emit: str
    """Name of the event that a slot becomes."""
    wanted: int | tuple[str, ...]
    critical: tuple[str, ...] = ()
    """Pieces without which there is no event, even when the time is over."""
    timeout: float | None = None
    """Seconds from the first piece; None: for ever."""
    late: str = "ignore"
    """What a piece does that comes afterwards: ``ignore`` or ``emit``."""

    def place(self, params: Mapping[str, Any]) -> tuple[str, str]:
        """Key of the slot and name of the piece that an event with these parameters is; Invalid if it is none."""
        found = []
        for what, template, most in (("by", self.by, MAX_KEY), ("piece", self.piece, MAX_PIECE)):
            try:
                text = Command((template,), allow_dash=True).render(params, {}, {})[0]
            except Invalid as error:
                raise Invalid(f"set {self.name}, {what}: {error}") from None
            if len(text.encode("utf-8", "surrogatepass")) > most:
                raise Invalid(f"set {self.name}: {what} comes out longer than {most} bytes for this event; shorten it")
            found.append(text)
        return found[0], found[1]

    def values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that `by` asks for: what all pieces of a slot share."""
        return {part.name: params[part.name] for part in placeholders(self.by)}

    def missing(self, have: Collection[str]) -> tuple[str, ...]:
        """What is not there yet: names and patterns, critical ones first; ``2 more`` where nobody can name them."""
        critical = self.missing_critical(have)
        if isinstance(self.wanted, int):
            others = [name for name in have if not any(_fits(each, name) for each in self.critical)]
            return critical + _missing_of(self.wanted, others)
        return critical + tuple(each for each in self.wanted if each not in critical and not _is_there(each, have))

    def missing_critical(self, have: Collection[str]) -> tuple[str, ...]:
        """The critical ones that are not there yet."""
        return tuple(each for each in self.critical if not _is_there(each, have))

    @property
    def size(self) -> int:
        """How many are wanted, the critical ones included."""
        if isinstance(self.wanted, int):
            return self.wanted + len(self.critical)
        return len({*self.wanted, *self.critical})

    def lacking(self, have: Collection[str]) -> int:
        """How many are not there yet."""
        missing = self.missing(have)
        more = [each for each in missing if each.endswith(" more")] if isinstance(self.wanted, int) else []
        return len(missing) - len(more) + sum(int(each.split()[0]) for each in more)

    def to_json(self) -> str:
        """As it is kept with a slot."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_raw(cls, raw: Mapping[str, Any]) -> SetPlan:
        """The plan that ``asdict`` and JSON made plain."""
        wanted = raw["wanted"] if isinstance(raw["wanted"], int) else tuple(raw["wanted"])
        return cls(**{**raw, "wanted": wanted, "critical": tuple(raw["critical"])})


def expand(names: Collection[str]) -> tuple[str, ...]:
    """Names and patterns with every range ``1..24`` written out; ``01..24`` keeps its width."""
    found: dict[str, None] = {}
    for name in names:
        first, dots, last = name.partition("..")
        if dots and first.isascii() and first.isdigit() and last.isascii() and last.isdigit():
            if not 0 <= int(last) - int(first) < MAX_WANTED:
                raise Invalid(f"{name[:40]!r} is no range; write the smaller number first, and at most {MAX_WANTED}")
            found |= dict.fromkeys(f"{n:0{len(first)}d}" for n in range(int(first), int(last) + 1))
        else:
            found[name] = None
    return tuple(found)


def in_order(names: Collection[str]) -> list[str]:
    """Pieces in the order in which people count them: numbers by their value, before names."""
    return sorted(names, key=lambda name: (0, int(name), name) if _is_number(name) else (1, 0, name))


def _missing_of(wanted: int, have: Collection[str]) -> tuple[str, ...]:
    """Of so many: their numbers if they are numbered from 1 or from 0, else how many."""
    lacking = wanted - len(have)
    if lacking <= 0:
        return ()
    numbers = {int(name): name for name in have if _is_number(name)}
    if len(numbers) == len(have) and have and all(0 <= n <= wanted for n in numbers):
        begin = 0 if 0 in numbers else 1
        width = min(len(name) for name in have) if any(name[0] == "0" and len(name) > 1 for name in have) else 1
        missing = tuple(f"{n:0{width}d}" for n in range(begin, begin + wanted) if n not in numbers)
        if len(missing) == lacking:
            return missing
    return (f"{lacking} more",)


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) <= 18


def _is_there(wanted: str, have: Collection[str]) -> bool:
    return wanted in have or (any(c in wanted for c in "*?[") and any(_fits(wanted, name) for name in have))


def _fits(wanted: str, name: str) -> bool:
    return wanted == name or fnmatchcase(name, wanted)
