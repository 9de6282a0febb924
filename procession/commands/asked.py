"""Who asks for something, and why: what every verb writes into the journal."""

from __future__ import annotations

from dataclasses import dataclass

from procession.errors import Invalid
from procession.model.event import check_text
from procession.project import person

MAX_REASON = 1000
"""Characters."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, and why if they said so."""

    by: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a verb that was not refused."""

    id: int
    """The processing to look at from now on."""
    text: str
    """For people: ``step load of processing 17 gets another attempt``."""


def asked(reason: str | None = None, by: str | None = None) -> Asked:
    """Somebody asks (the person at this terminal, if nobody else); Invalid for a reason the journal cannot carry."""
    if reason:
        check_text("the reason", reason)
        if len(reason) > MAX_REASON:
            raise Invalid(f"the reason is {len(reason)} characters long; the longest is {MAX_REASON}")
    return Asked(person() if by is None else by, reason or None)
