"""What is different between two attempts, as it is drawn: what tells most in lines, the environment folded.

*In:* changes as the verb ``changes`` says them. *Out:* the same with both values in pieces, so that what is another in
them is marked. *Always:* pure; nothing is left out but what a card has no room for, and that is counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from procession.commands.changes import SESSION
from procession.model.difference import Side, beside

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One difference."""

    subject: str
    text: str
    """For people who cannot see marks."""
    before: Side | None
    after: Side | None
    diff: str | None


@dataclass(frozen=True, slots=True)
class Differences:
    """All of one step."""

    lines: tuple[Line, ...]
    more: int
    """So many lines are not among these."""
    environment: tuple[Line, ...]
    session: tuple[str, ...]
    """Names of what a shell or terminal sets."""

    @property
    def folded(self) -> int:
        """How many there are of the environment."""
        return len(self.environment) + len(self.session)


def differences(changes: Iterable[JSON], most: int = 1_000) -> Differences:
    """These changes, of what is not folded so many at most."""
    there = list(changes)
    plain = [each for each in there if each["kind"] != "environment"]
    folded = [each for each in there if each["kind"] == "environment"]
    telling = [each for each in folded if not SESSION.fullmatch(each["name"])]
    return Differences(
        tuple(map(_line, plain[:most])), max(0, len(plain) - most), tuple(map(_line, telling)),
        tuple(each["name"] for each in folded if each not in telling),
    )  # fmt: skip


def _line(each: JSON) -> Line:
    text, subject = str(each["text"]), str(each["text"]).partition(": ")[0]
    if each["before"] is None or each["after"] is None or each["kind"] == "code":
        return Line(text, text, None, None, each["diff"])
    return Line(subject, text, *beside(each["before"], each["after"]), each["diff"])
