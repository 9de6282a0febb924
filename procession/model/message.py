"""Message: something that people should know, one for each cause, however often it occurs.

What differs between two occurrences of one cause (numbers, paths, names in quotes, moments) is replaced, and what is
left is the signature by which they are counted as one. Rules say which messages need a person, and how soon.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

KINDS = (
    "error",
    "failure",
    "suspended",
    "silence",
    "incomplete",
    "disk",
    "watch",
    "host",
    "delivery",
    "bridge",
    "question",
)
"""What there can be a message of."""

AT_ONCE = frozenset(KINDS) - {"error"}
"""Kinds that need a person at once where no rule says otherwise; a recorded error does not."""

MAX_SIGNATURE = 200
"""Characters: what differs later in a long text is mostly not the cause."""
MAX_TEXT = 2_000

_DIFFERS = (
    (re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?)?"), "<time>"),
    (re.compile(r"(?<!\d)\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?!\d)"), "<time>"),
    (re.compile(r'"[^"\n]*"'), "<name>"),
    (re.compile(r"(?<!\w)'[^'\n]*'(?!\w)"), "<name>"),
    (re.compile(r"`[^`\n]*`"), "<name>"),
    (re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE), "<path>"),
    (re.compile(r"(?<![\w<])(?:~|\.{1,2})?/[^\s,;:()<>]+"), "<path>"),
    (re.compile(r"(?<![\w<])[\w.-]+/[^\s,;:()<>]+"), "<path>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<number>"),
    (re.compile(r"\b(?=[0-9a-f-]*\d)(?=[0-9a-f-]*[a-f])[0-9a-f]{8,}(?:-[0-9a-f]{4,})*\b", re.IGNORECASE), "<number>"),
    (re.compile(r"[+-]?\d+(?:[.,]\d+)*(?:e[+-]?\d+)?", re.IGNORECASE), "<number>"),
)
"""What differs between occurrences of one cause, and what stands for it; from the particular to the general."""
_SPACE = re.compile(r"\s+")


def signature(text: str) -> str:
    """The text without what differs from one occurrence to the next: equal signatures, one cause. That of a signature
    is itself."""
    text = _SPACE.sub(" ", text[: 8 * MAX_SIGNATURE]).strip()
    before = None
    while text != before:  # what was replaced can make more of a path, or of a name in quotes
        before = text
        for pattern, word in _DIFFERS:
            text = pattern.sub(word, text[: 4 * MAX_SIGNATURE])
        text = _SPACE.sub(" ", text)[:MAX_SIGNATURE].strip()
    return text


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message."""

    id: int
    kind: str
    task: str
    """The task, or the set or watch, that it is about; empty: the project."""
    step: str
    text: str
    """As it was last."""
    processing_id: int | None
    """Where it was last."""
    n: int
    first_at: int
    last_at: int
    ended_at: int | None
    """It no longer occurs since then."""
    read_at: int | None
    read_by: str | None
    needs_person_at: int | None
    """When a person is told, if it still occurs then; None: never."""
    told_at: int | None
    """When people were last told of it."""
    signature: str = ""
    """What makes two of them the same."""
    problem: str | None = None
    """Why they could not be told last."""

    @property
    def sentence(self) -> str:
        """For people: where, and what."""
        where = self.task + (f", step {self.step}" if self.step else "")
        return f"{where}: {self.text}" if where else self.text


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who is told, by addresses such as ``mailto://…``."""

    to: tuple[str, ...] = ()
    file: str = ""
    """A file with more of them, one on each line: those with a password or token."""

    @property
    def any(self) -> bool:
        """Is there somebody?"""
        return bool(self.to or self.file)


@dataclass(frozen=True, slots=True)
class Rule:
    """``[[rules]]``: which messages need a person. What is not said fits everything."""

    needs_person: bool
    after: float = 0.0
    """Seconds after its first occurrence."""
    task: str | None = None
    step: str | None = None
    kind: str | None = None
    match: str | None = None
    """Regular expression that is searched for in the text."""

    def fits(self, kind: str, task: str, step: str, text: str) -> bool:
        """Is this rule about such a message?"""
        said = ((self.kind, kind), (self.task, task), (self.step, step))
        if any(wanted is not None and wanted != found for wanted, found in said):
            return False
        return self.match is None or re.search(self.match, text) is not None


def needs_person_after(rules: Sequence[Rule], kind: str, task: str, step: str, text: str) -> float | None:
    """Seconds after which a person is told of such a message; None: never. The first rule that fits decides."""
    for rule in rules:
        if rule.fits(kind, task, step, text):
            return rule.after if rule.needs_person else None
    return 0.0 if kind in AT_ONCE else None
