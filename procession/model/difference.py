"""Difference: two texts side by side, so that what is another in them is seen, however long they are.

*In:* two texts. *Out:* each in three pieces: what stands before the difference, the difference, what stands after it.
*Always:* pure; both are one line; a short text is whole; of a long one what is equal is cut, and never what differs
first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SHOWN = 60
"""Characters of a text that is shown whole."""
AROUND = 16
"""Characters that are left of what is equal, on either side."""
WORD = 24
"""A word that is no longer is told as a whole: ``v13 → v14``, not ``3 → 4``."""
_SEEN = str.maketrans({" ": "·", "\t": "⇥", "\n": "⏎", "\r": "␍"})
_END = re.compile(r"\w+$")
_BEGIN = re.compile(r"^\w+")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two."""

    head: str
    other: str
    """What the other side has not so."""
    tail: str

    @property
    def text(self) -> str:
        return self.head + self.other + self.tail


def beside(before: str, after: str) -> tuple[Side, Side]:
    """Both texts in pieces."""
    one, two = (" ".join(text.split()) for text in (before, after))
    if one == two:  # nothing but white space differs: then it is seen
        one, two = (text.translate(_SEEN) for text in (before, after))
    head = _head(one, two)
    tail = _head(one[len(head) :][::-1], two[len(head) :][::-1])[::-1]
    sides = [Side(head, text[len(head) : len(text) - len(tail)], tail) for text in (one, two)]
    if max(len(one), len(two)) > SHOWN:
        sides = [_cut(side) for side in sides]
    return sides[0], sides[1]


def short(text: str) -> str:
    """A text that stands beside nothing, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1]}…"


def _head(one: str, two: str) -> str:
    """What both begin with, up to the word in which they differ."""
    same = next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    head = one[:same]
    if word := _END.search(head, max(0, same - WORD - 1)):  # a longer one is told in part: look no further back
        rest = max(len(found[0]) if (found := _BEGIN.search(text[len(head) :])) else 0 for text in (one, two))
        if rest and len(word[0]) + rest <= WORD:
            return head[: word.start()]
    return head


def _cut(side: Side) -> Side:
    head = side.head if len(side.head) <= AROUND else f"…{side.head[1 - AROUND :]}"
    tail = side.tail if len(side.tail) <= AROUND else f"{side.tail[: AROUND - 1]}…"
    other = side.other if len(side.other) <= SHOWN else f"{side.other[: SHOWN - 1]}…"
    return Side(head, other, tail)
