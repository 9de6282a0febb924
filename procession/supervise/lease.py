"""The lease of a place: until when what runs there may believe that nobody else has taken its work over.

In: a file beside the spool with one moment of the boot clock, written anew after each beat that the database has taken.
Out: for a script that may be run again elsewhere, the verdict that its time is over.
Always: a lease that cannot be read has passed. Others wait three times as long as a lease lasts before they start the
same work, so the old tree has ended by then.
"""

from __future__ import annotations

import os

from procession.supervise.tree import LOOK, boot_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from procession.supervise.guard import Verdict

OVER = "its launcher could not reach the database for so long that others may take its work over"
WIDTH = 48
"""Bytes of the file: always the same, so that whoever reads it finds one lease or the other."""


def write(path: str, began: float, lasts: float) -> None:
    """Let the lease of this place last for so many seconds of the boot clock; after twice as many nothing may run."""
    text = f"{began + lasts:.6f} {began + 2 * lasts:.6f}"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.pwrite(descriptor, text.ljust(WIDTH - 1).encode() + b"\n", 0)
    finally:
        os.close(descriptor)


def read(path: str) -> tuple[float, float]:
    """Until when it lasts, and when the last process must be gone; 0 where that cannot be told."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return 0.0, 0.0
    try:
        until, last = os.pread(descriptor, WIDTH, 0).split()
        return float(until), float(last)
    except (OSError, ValueError):
        return 0.0, 0.0
    finally:
        os.close(descriptor)


def has_passed(path: str) -> bool:
    """Is it over?"""
    return boot_seconds() >= read(path)[0]


class Lease:
    """Ends a script whose launcher cannot renew its lease: others may start it anew before long."""

    def __init__(self, path: str, started: float) -> None:
        self._path = path
        self.due = started

    def look(self, now: float) -> Verdict | None:
        """Read until when it lasts; look again then, or in a second. It ends politely, and by force at the last."""
        until, last = read(self._path)
        self.due = min([now + LOOK, *(moment for moment in (until, last) if moment > now)])
        if now < until:
            return None
        if now >= last:
            return "overdue", OVER
        return "lease", OVER
