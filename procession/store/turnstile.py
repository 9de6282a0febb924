"""Turnstile: threads of one process that write to one SQLite file take turns, first come, first served.

SQLite lets in whoever asks at the right moment, and asking again and again costs more than the change itself: a thread
that writes without pause would let nobody else in. Other processes are waited for behind it (`dialect.patiently`).
"""

from __future__ import annotations

import threading
from collections import deque


class Turnstile:
    """Lets one in; the others stand in line."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._line: deque[threading.Lock] = deque()
        self._inside = False

    def enter(self, seconds: float) -> bool:
        """Wait for one's turn; False if it has not come within so long."""
        with self._mutex:
            if not self._inside:
                self._inside = True
                return True
            mine = threading.Lock()
            mine.acquire()
            self._line.append(mine)
        if mine.acquire(timeout=seconds):
            return True
        with self._mutex:
            if mine not in self._line:
                return True  # it came at the last moment
            self._line.remove(mine)
        return False

    def leave(self) -> None:
        """Let the next one in."""
        with self._mutex:
            if self._line:
                self._line.popleft().release()
            else:
                self._inside = False


_of_files: dict[str, Turnstile] = {}
_making = threading.Lock()


def turnstile(url: str) -> Turnstile:
    """The one before this database, for all of this process."""
    with _making:
        return _of_files.setdefault(url, Turnstile())
