"""Chosen: the values that replace the defaults of variables in one processing, and where each of them comes from.

They are made when a processing is born, are written into its row as JSON and never change: another value is another
version. Names that are not in them have the default of the script as it is when it runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from procession.errors import Invalid
from procession.model.variable import ADVANCED, SECTIONS, STANDARD, check_name

MESSAGE = "reduction_arguments"
"""Parameter of an event that brings values of its own: ``{"standard_vars": {...}, "advanced_vars": {...}}``."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The values of one processing."""

    standard_vars: Mapping[str, Any] = field(default_factory=dict)
    advanced_vars: Mapping[str, Any] = field(default_factory=dict)
    origin: Mapping[str, str] = field(default_factory=dict)
    """Name → where its value comes from, for people: ``set 4 (runs from 100)``."""
    set_id: int | None = None
    """The set that was chosen, if one was."""
    trial: bool = False
    """What it makes is only to be looked at: nothing leaves its directory."""

    def __bool__(self) -> bool:
        return bool(self.standard_vars or self.advanced_vars or self.set_id is not None or self.trial)

    def section(self, name: str) -> Mapping[str, Any]:
        """The values of one section."""
        return self.advanced_vars if name == ADVANCED else self.standard_vars

    def flat(self) -> dict[str, Any]:
        """All of them by name."""
        return {**self.standard_vars, **self.advanced_vars}

    def over(self, new: Mapping[str, Mapping[str, Any]], origin: str) -> Chosen:
        """These, and over them new ones (section → name → value) that come from `origin`."""
        names = {name for section in SECTIONS for name in new.get(section, {})}
        return replace(
            self,
            standard_vars={**self.standard_vars, **new.get(STANDARD, {})},
            advanced_vars={**self.advanced_vars, **new.get(ADVANCED, {})},
            origin={**self.origin, **dict.fromkeys(sorted(names), origin)},
        )

    def without(self, names: frozenset[str]) -> Chosen:
        """These but for some names."""
        kept = [
            {n: v for n, v in each.items() if n not in names} for each in (*map(self.section, SECTIONS), self.origin)
        ]
        return replace(self, standard_vars=kept[0], advanced_vars=kept[1], origin=kept[2])

    def sections(self) -> dict[str, dict[str, Any]]:
        """As JSON has them: section → name → value."""
        return {section: dict(self.section(section)) for section in SECTIONS}

    def to_json(self) -> str | None:
        """As it stands in the row of a processing; None where nothing replaces a default."""
        if not self:
            return None
        text: dict[str, Any] = {**self.sections(), "origin": dict(self.origin), "set": self.set_id}
        return json.dumps({**text, "trial": True} if self.trial else text, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | None) -> Chosen:
        """What `to_json` wrote."""
        raw: dict[str, Any] = json.loads(text) if text else {}
        return cls(
            raw.get(STANDARD, {}), raw.get(ADVANCED, {}), raw.get("origin", {}), raw.get("set"), raw.get("trial", False)
        )


def of_message(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The values that an event itself brings, by section; Invalid where they are none."""
    raw = params.get(MESSAGE)
    if raw is None:
        return {}
    if not isinstance(raw, Mapping) or not raw.keys() <= set(SECTIONS):
        raise Invalid(f"{MESSAGE} must be an object with {STANDARD} and {ADVANCED}, each an object of names and values")
    for section in SECTIONS:
        inner = raw.get(section, {})
        if not isinstance(inner, Mapping):
            raise Invalid(f"{section} of {MESSAGE} must be an object of names and values")
        for name in inner:
            check_name(name)
    return {section: dict(raw[section]) for section in SECTIONS if section in raw}
