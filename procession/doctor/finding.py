"""A finding: what one check came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the answer."""

    check: str
    """What was looked at, in a word or two."""
    level: Level
    says: str
    """What is so."""
    advice: str = ""
    """What to do; empty where all is well."""


def ok(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", says)


def warning(check: str, says: str, advice: str) -> Finding:
    """It works, but perhaps not for long, or not as meant."""
    return Finding(check, "warning", says, advice)


def wrong(check: str, says: str, advice: str) -> Finding:
    """It must not be so."""
    return Finding(check, "wrong", says, advice)


def some(cases: list[str], shown: int = 5) -> str:
    """The first of them, as text."""
    return ", ".join(cases[:shown]) + (", …" if len(cases) > shown else "")
