"""Which lines of a log tell of something: errors, warnings, the beginning of a traceback.

*In:* bytes. *Out:* where such lines are, and what kind they are of. *Always:* pure, and linear in what is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

ERROR, WARNING, TRACEBACK = "error", "warning", "traceback"
LOOKED = 1_000
"""Bytes at the beginning of a line that are looked at."""

_NEEDLES = (
    b"Traceback (most", b"rror", b"ERROR", b"FATAL", b"fatal:", b"CRITICAL", b"PANIC", b"panic:", b"SEVERE",
    b"xception", b"arning", b"WARN",
)  # fmt: skip
"""Every line that tells has one of these; to look for them costs little."""
_TRACEBACK = re.compile(rb"Traceback \(most recent call last\):")
_NAME = rb"(?<!\w)(?<!\w\.)[A-Za-z_]\w*(?:\.\w+)*"
"""A name with dots, begun where it begins and nowhere within: else a long one is looked at from each of its pieces."""
_ERROR = re.compile(
    rb"\b(?:ERROR|FATAL|CRITICAL|PANIC|SEVERE)\b|\b(?:fatal|panic):|^::error\b|\b[Ee]rror(?::|\]|$)"
    rb"|" + _NAME + rb"(?:Error|Exception)(?::|\s*$)|^Exception in thread"
)
_WARNING = re.compile(rb"\b(?:WARN|WARNING)\b|^::warning\b|\b[Ww]arning(?::|\])|" + _NAME + rb"Warning(?::|\s*$)")


def kind(line: bytes) -> str | None:
    """What a line tells of; None: nothing."""
    text = line[:LOOKED].rstrip()
    if _TRACEBACK.search(text):
        return TRACEBACK
    if _ERROR.search(text):
        return ERROR
    return WARNING if _WARNING.search(text) else None


def tells(text: bytes) -> Iterator[tuple[int, str | None]]:
    """Where in whole lines those begin that may tell of something, in order, and of what each does."""
    last = -1
    for place in _places(text):
        if place < last:
            continue  # in a line that was looked at
        start = text.rfind(b"\n", 0, place) + 1
        end = text.find(b"\n", place)
        last = len(text) if end < 0 else end
        yield start, kind(text[start : min(last, start + LOOKED)])


def _places(text: bytes) -> Iterator[int]:
    """Where the needles are, in order; of each needle the next one is looked for when it is its turn."""
    ahead = {needle: place for needle in _NEEDLES if (place := text.find(needle)) >= 0}
    while ahead:
        needle = min(ahead, key=ahead.__getitem__)
        place = ahead[needle]
        yield place
        end = text.find(b"\n", place)
        for each in [each for each, at in ahead.items() if 0 <= at < end or each == needle]:
            following = text.find(each, end) if end >= 0 else -1
            if following < 0:
                del ahead[each]
            else:
                ahead[each] = following
