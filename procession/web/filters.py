"""The filter of a list: a text in the address, and everything that a page draws of it.

*In:* the text as it was typed. *Out:* its terms one by one, the same text with a term less or another.
*Always:* pure; the text is the truth, and what is drawn are links to other texts; nothing is lost that was typed.
"""

from __future__ import annotations

from dataclasses import dataclass

from procession.errors import Invalid
from procession.model.query import split
from procession.model.term import QUIET

QUICK = ("running", "waiting", "asking", "failed", "succeeded", "cancelled", "skipped", "held")
"""States that are one click away."""
LOUD = f"-state:{QUIET}"
"""The term that leaves out runs of timetables that found nothing; it stands beside any state."""


@dataclass(frozen=True, slots=True)
class Chip:
    """One term of a filter."""

    text: str
    without: str
    """The filter without it."""


def terms(text: str) -> list[str]:
    """The terms as they were written; none where it cannot be read."""
    try:
        return split(text)
    except Invalid:
        return []


def chips(text: str) -> list[Chip]:
    """Every term, and the filter without it."""
    found = terms(text)
    return [Chip(term, " ".join((*found[:at], *found[at + 1 :]))) for at, term in enumerate(found)]


def replaced(text: str, field: str, term: str) -> str:
    """The filter with this term in place of all those of its field; an empty term takes them away."""
    fields = (f"{field}:", f"-{field}:")
    rest = [each for each in terms(text) if each == LOUD or not each.lower().startswith(fields)]
    return " ".join((*rest, term) if term else rest)


def of_field(text: str, field: str) -> str:
    """What the first term of this field asks for; empty without one."""
    return next((each.partition(":")[2] for each in terms(text) if each.lower().startswith(f"{field}:")), "")


def loud(text: str, *, hidden: bool) -> str:
    """This filter without runs that found nothing; or with them again."""
    rest = [each for each in terms(text) if each != LOUD]
    return " ".join((*rest, LOUD) if hidden else rest)


def ranged(text: str) -> str:
    """This filter, limited to what came within a week if it has no range of time: durations are ordered within one."""
    fields = {each.partition(":")[0].lower() for each in terms(text) if not each.startswith("-")}
    return text if any(field.endswith("after") for field in fields) else f"{text} after:-7d".strip()


def states(text: str) -> list[tuple[str, str, bool]]:
    """State → the filter with it, and whether it is the one that is asked for; the empty one is any."""
    now = of_field(text, "state")
    return [(each, replaced(text, "state", f"state:{each}" if each else ""), each == now) for each in ("", *QUICK)]
