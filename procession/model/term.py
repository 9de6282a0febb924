"""The terms of a query, each a typed fact about a processing; `model/query.py` reads them.

Every term has `negated` (it must not be so) and `text` (as it is written, without the ``-``). What a term means is said
here and nowhere else: the store asks its database for exactly this.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from procession.model.states import PROCESSING

MARKS = ("amber", "held", "pinned", "asking")
"""What ``state:`` takes besides the states: succeeded with recorded errors, held by a person, kept from cleaning,
waiting for a person's answer."""
QUIET = "quiet"
"""What ``state:`` takes, too: it ran by a timetable, went well or skipped the rest, and no processing came of it."""
STATES = (*PROCESSING.states, *MARKS, QUIET)

FIELD = re.compile(r"(-?)([A-Za-z][A-Za-z-]*|[Pp]aram\.[^:\s\"',]*):")
STAR = "\0"
"""In a pattern: a star that stands for itself. No text that a person writes has this character (`check_text`)."""
IDS = re.compile(r"[0-9]+(?:-[0-9]+)?(?:,[0-9]+(?:-[0-9]+)?)*")


@dataclass(frozen=True, slots=True)
class Ids:
    """Processings by their numbers: ranges from … to, both included, growing and apart."""

    ranges: tuple[tuple[int, int], ...]
    negated: bool = False

    @property
    def text(self) -> str:
        return "id:" + ",".join(str(a) if a == b else f"{a}-{b}" for a, b in self.ranges)


@dataclass(frozen=True, slots=True)
class Names:
    """One of these names; ``*`` in them stands for any characters, also none, and `STAR` for a star. Capital letters
    count."""

    field: str
    """``task``, ``step`` (where it stands: a step that is ready, running, failed or cancelled), ``event``, ``key``,
    ``group``, ``source``, ``experiment``, ``cause`` (the signature of why it has failed), or ``param.NAME`` (a text as
    it is, any other value as JSON)."""
    patterns: tuple[str, ...]
    negated: bool = False

    @property
    def text(self) -> str:
        return f"{self.field}:{','.join(map(_quoted, self.patterns))}"


@dataclass(frozen=True, slots=True)
class States:
    """In one of these states, or with one of these marks."""

    states: frozenset[str]
    """Of `STATES`."""
    negated: bool = False

    @property
    def text(self) -> str:
        return "state:" + ",".join(each for each in STATES if each in self.states)


@dataclass(frozen=True, slots=True)
class Versions:
    """One of these versions."""

    numbers: tuple[int, ...]
    negated: bool = False

    @property
    def text(self) -> str:
        return f"version:{','.join(map(str, self.numbers))}"


@dataclass(frozen=True, slots=True)
class Batches:
    """What one of these batches has done: as it is now, or its new version."""

    numbers: tuple[int, ...]
    negated: bool = False

    @property
    def text(self) -> str:
        return f"batch:{','.join(map(str, self.numbers))}"


@dataclass(frozen=True, slots=True)
class Since:
    """Created, or ended, at `at` or later; or before it. What has not ended has ended neither after nor before."""

    field: str
    """``after``, ``before`` (of `created_at`), ``ended-after``, ``ended-before`` (of `finished_at`)."""
    at: datetime
    negated: bool = False

    @property
    def text(self) -> str:
        return f"{self.field}:{self.at.isoformat().replace('+00:00', 'Z')}"


@dataclass(frozen=True, slots=True)
class Words:
    """A part of the reason, or where `field` is empty of the title, key or reason; capital letters do not count."""

    field: str
    """``reason`` or empty."""
    wanted: str
    negated: bool = False

    @property
    def text(self) -> str:
        if self.field:
            return f"{self.field}:{_quoted(self.wanted)}"
        plain = self.wanted[0] != "-" and not FIELD.match(self.wanted) and not IDS.fullmatch(self.wanted)
        return _quoted(self.wanted) if plain else _quoted(self.wanted, always=True)


Term = Ids | Names | States | Versions | Batches | Since | Words


def literally(text: str) -> str:
    """The pattern that means this very text, stars and all."""
    return text.replace("*", STAR)


def plain(pattern: str) -> str:
    """The text that a pattern without any ``*`` means."""
    return pattern.replace(STAR, "*")


def _quoted(text: str, *, always: bool = False) -> str:
    if text and not always and not re.search(r"""[\s"',\0]""", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace(STAR, "\\*") + '"'
