"""Cause: why an attempt failed, told so that attempts that failed for the same reason have the same signature.

*In:* the ending of an attempt and the last lines of its log. *Out:* a `Cause`: the line that tells most, without what
differs from one occurrence to the next, and a short signature of it. *Always:* pure, and bounded in time whatever a
script has printed; a cause belongs to one step of one task.

A Python traceback is told by its last line and by the innermost function that is not of a library; anything else by
the last line that sounds like an error, or by the last line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from procession.model.message import signature
from procession.model.outcome import Ending, Outcome

CAUSED = frozenset({Outcome.FAILED, Outcome.RETRY, Outcome.TIMEOUT, Outcome.LOST, Outcome.NOT_STARTED, Outcome.MEMORY})
"""Outcomes that have a cause; of the others nothing is to be mended."""

LENGTH = 10
"""Hexadecimal digits of a signature: among ten thousand causes two are the same by chance once in twenty thousand."""
MAX_LINE = 1_000
"""Characters of a line that are looked at."""
MAX_LINES = 2_000
"""Lines at the end of a log that are looked at."""
NEAR = 20
"""So many of the last lines that are not empty may hold the one that tells most."""

_TELLS = re.compile(
    r"error|exception|fail|fatal|cannot|can't|could not|unable|denied|refused|no such|not found|missing|invalid"
    r"|abort|panic|no space|timed out|undefined|unexpected|out of memory",
    re.IGNORECASE,
)
_SIGNAL = re.compile(r"\bSIG[A-Z0-9]{2,10}\b")
TRACEBACK = "Traceback (most recent call last):"
_FRAME = re.compile(r'File "([^"]{1,500})", line \d+, in (.{1,200})')
LIBRARY = re.compile(r"(?:^|/)(?:site-packages|dist-packages|lib/python3[^/]*|lib64/python3[^/]*)/|^<|\.pyx$")
_MARGIN = re.compile(r"^[ ]{0,20}[|+][ ]?")
"""What stands before the lines of a group of exceptions."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why an attempt failed."""

    signature: str
    """The same for all attempts at one step that failed for this reason; lower hexadecimal digits."""
    text: str
    """For people: what made the signature."""


def cause_of(task: str, step: str, ending: Ending, lines: Sequence[str] = ()) -> Cause | None:
    """Why an attempt at this step failed; None if it did not. `lines` are the last of its log."""
    if ending.outcome not in CAUSED:
        return None
    how, said = _how(ending), ""
    if ending.outcome is Outcome.FAILED and (ending.signal or ending.exit_code):
        said = told_by(lines[-MAX_LINES:], certain=ending.exit_code is None)
    text = said or ending.told or signature(ending.reason)
    return Cause(_digest(task, step, how, text), text if text.startswith(how) else f"{how}: {text}" if text else how)


def _how(ending: Ending) -> str:
    if ending.outcome is not Outcome.FAILED:
        return str(ending.outcome)
    if ending.signal:
        named = _SIGNAL.search(ending.reason[:MAX_LINE])
        return named[0] if named else f"signal {ending.signal}"
    return f"exit code {ending.exit_code}" if ending.exit_code else "failed"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:LENGTH]


def told_by(lines: Sequence[str], *, certain: bool = False) -> str:
    """What the end of a log says of why it ended, without what differs; nothing if it says nothing. With `certain`
    only a line that sounds like an error counts."""
    if (found := _traceback(lines)) is not None:
        return found
    last: list[str] = []
    for line in reversed(lines):
        if len(last) == NEAR:
            break
        if text := line[:MAX_LINE].strip():
            last.append(text)
    telling = next((text for text in last if _TELLS.search(text)), None)
    if telling is None and not certain:
        telling = next(iter(last), None)
    return signature(telling) if telling else ""


def _traceback(lines: Sequence[str]) -> str | None:
    """The last traceback: its exception, and where in the user's own files it was raised."""
    start = next((n for n in range(len(lines) - 1, -1, -1) if TRACEBACK in lines[n][:MAX_LINE]), None)
    if start is None:
        return None
    own = raised = ""
    for line in lines[start + 1 :]:
        text = line[:MAX_LINE]
        if "Traceback" not in text and _MARGIN.match(text):
            text = _MARGIN.sub("", text)
        if frame := _FRAME.search(text):
            if not LIBRARY.search(frame[1]):
                own = f"{frame[1].rpartition('/')[2]}, {frame[2].strip()}"
        elif text.strip() and not text.startswith((" ", "\t")):
            raised = text.strip()
            break
    if not raised:
        return None
    return signature(raised) + (f" ({own})" if own else "")
