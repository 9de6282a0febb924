"""Bounds of numbers that callers give: what no row can have is refused before a database sees it."""

from __future__ import annotations

from procession.errors import Invalid

LARGEST = 2**63 - 1


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
