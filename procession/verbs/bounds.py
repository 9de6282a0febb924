"""Bounds of what callers give: what no row can have is refused before a database sees it.

The same holds whether it came over HTTP, of a program here, or of the command line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from procession.errors import Invalid
from procession.model.event import MAX_DEPTH

LARGEST = 2**63 - 1
_NESTED = (dict, list, tuple, Mapping)


def identity(name: str, value: int) -> int:
    """A number by which a row may be known; Invalid for any other."""
    if type(value) is not int or not 1 <= value <= LARGEST:
        raise Invalid(f"{name} is a whole number from 1 on, not {str(value)[:40]!r}")
    return value


def up_to(name: str, value: int, most: int, least: int = 1) -> int:
    """A number of things; Invalid unless it lies between these."""
    if type(value) is not int or not least <= value <= most:
        raise Invalid(f"{name} is a whole number from {least} to {most}, not {str(value)[:40]!r}")
    return value


def fits(value: Any) -> None:
    """Refuse what no database carries: half characters, NUL, numbers without end, depth without end."""
    stack = [(value, 0)]
    while stack:
        item, depth = stack.pop()
        if item is None:
            continue
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, int):
            if not -(2**63) <= item <= LARGEST:
                raise Invalid("a whole number is larger than 64 bits hold; make it smaller, or send it as text")
        elif isinstance(item, float):
            if not math.isfinite(item):
                raise Invalid("a number is too large, or is none")
        elif isinstance(item, _NESTED):
            if depth >= MAX_DEPTH:
                raise Invalid(f"what is given is nested deeper than {MAX_DEPTH} levels")
            if isinstance(item, Mapping):
                for name in item:
                    _check_text(name)
                item = item.values()
            stack += [(each, depth + 1) for each in item]


def _check_text(text: object) -> None:
    if not isinstance(text, str):
        raise Invalid(f"a name in an object is a text, not {type(text).__name__}")
    if "\0" in text:
        raise Invalid("a text contains a NUL character; remove it")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Invalid("a text contains half a character (a lone surrogate); correct it") from None


Fields = Mapping[str, tuple[type, Any, str]]
"""Field of an object → its type (`object`: any), what it is where it is left out or null, and the type in words."""


def fields(what: str, raw: Any, known: Fields) -> dict[str, Any]:
    """All fields of an object; Invalid where it is none, or a field is unknown or of another kind."""
    if not isinstance(raw, dict):
        raise Invalid(f"{what} is an object with: {', '.join(known)}")
    if unknown := sorted(raw.keys() - known.keys()):
        raise Invalid(f"{what} has no field {unknown[0][:60]!r}; it has: {', '.join(known)}")
    found: dict[str, Any] = {}
    for name, (kind, missing, words) in known.items():
        value = raw.get(name)
        if value is not None and kind is not object and type(value) is not kind:
            raise Invalid(f"{name} of {what} is {words}, not {str(value)[:40]!r}")
        found[name] = missing if value is None else value
    return found
