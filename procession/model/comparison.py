"""What values mean when a condition compares them.

What comes from outside is often text that means something else: ``cloud=0.3`` on a command line is the text "0.3". So
free text counts as a number beside a number or beside another such text, and as true or false beside those (awk's
rule); text in quotes (`Quoted`) is text and nothing else. Nothing here ever raises: what cannot be compared
is not equal, and neither less nor more.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any

_NUMERIC = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")


class Quoted(str):
    """Text that the condition itself has in quotes: it never counts as a number."""

    __slots__ = ()


def number_of(text: str) -> float | None:
    """The number that a text is, exactly; None if it is none that can be compared."""
    if len(text) > 100 or not _NUMERIC.fullmatch(text):
        return None
    try:
        return int(text)
    except ValueError:
        number = float(text)
        return number if math.isfinite(number) else None


def _alike(one: Any, other: Any) -> tuple[Any, Any]:
    """Both values as they are compared: free text gives way to what stands beside it."""
    if isinstance(one, str) and isinstance(other, str):
        if isinstance(one, Quoted) or isinstance(other, Quoted):
            return one, other
        numbers = number_of(one), number_of(other)
        return (one, other) if None in numbers else numbers
    return _beside(one, other), _beside(other, one)


def _beside(value: Any, other: Any) -> Any:
    if not isinstance(value, str) or isinstance(value, Quoted):
        return value
    if isinstance(other, bool):
        return {"true": True, "false": False}.get(value.strip().lower(), value)
    number = number_of(value) if isinstance(other, int | float) else None
    return value if number is None else number


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else type(value).__name__


def _equal(one: Any, other: Any) -> bool:
    one, other = _alike(one, other)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    return _kind(one) == _kind(other) and bool(one == other)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def holds(one: Any, other: Any) -> bool:
        one, other = _alike(one, other)
        return _kind(one) == _kind(other) and _kind(one) in ("text", "number") and compare(one, other)

    return holds


def _inside(one: Any, other: Any) -> bool:
    """Is it an element of a list, or part of a text?"""
    if isinstance(other, str):
        return isinstance(one, str) and one in other
    return isinstance(other, list | tuple) and any(_equal(one, each) for each in other)


COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": _equal,
    "!=": lambda one, other: not _equal(one, other),
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "in": _inside,
    "not in": lambda one, other: not _inside(one, other),
}


def truth(value: Any) -> bool:
    """A value on its own: null, false, 0, nothing, and texts that say so are false."""
    if isinstance(value, str) and not isinstance(value, Quoted):
        return value.strip().lower() not in ("", "false") and number_of(value) != 0
    return bool(value)


def compare(sign: str, one: Any, other: Any) -> bool:
    """Does ``one sign other`` hold?"""
    return COMPARISONS[sign](one, other)
