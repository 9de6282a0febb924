"""Tracebacks: what the end of a log says of where a Python script failed, its author's own lines first.

*In:* the last lines of a log. *Out:* the last traceback as frames, or None. *Always:* pure, bounded; what stands in a
log is text and never believed to be more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from procession.model.cause import LIBRARY, MAX_LINE, TRACEBACK

MOST = 60
"""Frames that are kept: the innermost ones."""
_FRAME = re.compile(r'\s*File "([^"]{1,500})", line (\d{1,9})(?:, in (.{1,200}))?')


@dataclass(frozen=True, slots=True)
class Frame:
    """One call."""

    file: str
    line: int
    function: str
    code: str
    """The line of the file as Python printed it; empty where it printed none."""
    own: bool
    """Is it of the user's own files, and not of a library?"""


@dataclass(frozen=True, slots=True)
class Traceback:
    """Where it failed."""

    frames: tuple[Frame, ...]
    """Outermost first, as Python prints them."""
    raised: str
    """The exception and its message."""

    @property
    def own(self) -> tuple[Frame, ...]:
        """The frames of the user's own files, innermost first: where one looks."""
        return tuple(frame for frame in reversed(self.frames) if frame.own)


def read_traceback(lines: Sequence[str]) -> Traceback | None:
    """The last traceback among these lines that has an end; None where there is none."""
    start = next((n for n in range(len(lines) - 1, -1, -1) if TRACEBACK in lines[n][:MAX_LINE]), None)
    if start is None:
        return None
    frames: list[Frame] = []
    for n in range(start + 1, len(lines)):
        line = lines[n][:MAX_LINE]
        if found := _FRAME.match(line):
            code = lines[n + 1][:MAX_LINE] if n + 1 < len(lines) else ""
            shown = code.strip() if code.startswith("    ") and not _FRAME.match(code) else ""
            file, number, function = found[1], int(found[2]), (found[3] or "").strip()
            frames.append(Frame(file, number, function, shown, LIBRARY.search(file) is None))
        elif line.strip() and not line.startswith((" ", "\t")):
            return Traceback(tuple(frames[-MOST:]), line.strip())
    return None
