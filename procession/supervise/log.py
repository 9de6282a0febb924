"""The log of one attempt: written by the script, kept within its cap by its shim.

In: the path, and how large it may get. Out: the log; beside it ``log.cut``, which bytes of it went, and
``log.times``, when it had which size.
Always: the script writes straight into the file, so logging neither blocks nor ends it; every byte that is left stays
at its offset, because what goes is made a hole (the first MiB and the newest stay). ``log.cut`` is written before the
hole is made: a reader who asks it after reading knows which NULs nobody wrote. On a file system without holes the
whole log stays, and the exit line says so.
"""

from __future__ import annotations

import errno
import os
import time

from procession.supervise.limits import size as _shown
from procession.supervise.record import UNSUPPORTED, punch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from procession.supervise.guard import Verdict

CUT, TIMES = "log.cut", "log.times"
"""Names beside the log: what went of it, and when it grew."""
HEAD = 1 << 20
"""Bytes at the beginning that always stay (half of a cap smaller than twice that)."""
SLACK = 16 << 20
"""Bytes by which a log at full speed may be over its cap on disk."""

_BLOCK = 4096
_STEP = 1 << 20
_FASTEST = 3.5e9
"""Bytes a second that no script was seen to write: so long a log cannot get too large unseen."""
_LEAST, _CALM = 0.001, 0.25
"""Seconds between two looks at a log in flood, and at one that has not grown much for five seconds, whatever its cap:
a flood out of such a calm may take that much more of the disk, until the next look."""
_FAST = 10e6
"""Bytes a second of a log in flood."""
_MARKS = 10_000
"""After so many seconds the marks in ``log.times`` get rarer, so that the file stays small whatever the script."""
_FLAGS = os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_ANEW = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW


class Log:
    """The log of one attempt, open from before its start until its end is known. Owned by the attempt."""

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(path, _FLAGS, 0o600)
        self.trouble: str | None = None
        """Why its cap could not be kept; None: it could."""
        self.due = 0.0
        self._home = os.path.dirname(path)
        self._limit: int | None = None
        self._kill = False
        self._head = self._tail = self._cut_to = 0
        self._started = self._looked = self._calm_since = 0.0
        self._size = 0
        self._times = -1
        self._next_mark = 0.0
        self._marked = 0

    def begin(self, limit: int | None, over: str, started: float) -> None:
        """Look after it from now on (boot seconds)."""
        self._limit = limit
        self._kill = over == "kill"
        if limit is not None:
            self._head = min(HEAD, limit // 2) & -_BLOCK
            self._tail = limit - self._head
        self._started = self._looked = self._calm_since = started
        self._next_mark = started + 1.0
        self.due = min(self._next_mark, started + self._unseen(0))

    def look(self, now: float) -> Verdict | None:
        """Note when it grew, cut it if it is too large, and come back before it can matter again."""
        size = self._measure()
        if now >= self._next_mark:
            self._mark(now, size)
        speed = abs(size - self._size) / max(now - self._looked, 1e-4)
        self._size, self._looked = size, now
        self.due = self._next_mark
        if self._limit is None:
            return None
        if speed > _FAST:
            self._calm_since = now
        pause = max(self._unseen(size), min(_CALM, (now - self._calm_since) / 20))
        if speed:
            pause = min(pause, (max(0, self._limit - size) + SLACK / 3) / 1.5 / speed)
        self.due = min(self.due, now + max(_LEAST, pause))
        if size <= self._limit:
            return None
        self._cut(size, _STEP)
        if not self._kill:
            return None
        return "log", f"log: the script wrote {_shown(size)}, it may write {_shown(self._limit)}"

    def close(self) -> int:
        """Cut it to its cap for good and close it; return its size."""
        size = self._measure()
        if self._limit is not None and size > self._limit:
            self._cut(size, 1)
        os.close(self.descriptor)
        if self._times >= 0:
            os.close(self._times)
        return size

    def _unseen(self, size: int) -> float:
        """Seconds for which it need not be looked at, however fast it grows."""
        if self._limit is None:
            return 1.0
        return max(_LEAST, (max(0, self._limit - size) + SLACK / 2) / _FASTEST)

    def _measure(self) -> int:
        """Its size; a script that has truncated it begins a new one, of which nothing went."""
        size = os.fstat(self.descriptor).st_size
        if size < self._cut_to:
            self._cut_to = 0
            self._unsay()
        return size

    def _cut(self, size: int, step: int) -> None:
        """Make a hole of all but the head and the tail, if that is at least `step` bytes more than before."""
        to = (size - self._tail) & -_BLOCK
        if self.trouble or to - max(self._cut_to, self._head) < step:
            return
        self._say(to)
        try:
            punch(self.descriptor, self._head, to - self._head)
        except OSError as error:
            if error.errno in (*UNSUPPORTED, errno.EPERM):
                self.trouble = f"the log takes all of its {_shown(size)}: holes cannot be made in it ({error.strerror})"
            self._say(self._cut_to)
            return
        self._cut_to = to

    def _say(self, to: int) -> None:
        """Write down what goes. On a full disk readers find only the hole itself."""
        if not to:
            self._unsay()
            return
        passing = f"{self._home}/{CUT}.new"
        try:
            with open(os.open(passing, _ANEW, 0o600), "wb", buffering=0) as target:
                target.write(b'{"from": %d, "to": %d}\n' % (self._head, to))
            os.rename(passing, f"{self._home}/{CUT}")
        except OSError:
            return

    def _unsay(self) -> None:
        try:
            os.unlink(f"{self._home}/{CUT}")
        except OSError:
            return

    def _mark(self, now: float, size: int) -> None:
        """Add the present moment and size, if it has changed."""
        self._next_mark = now + max(1.0, (now - self._started) / _MARKS)
        if size == self._marked:
            return
        self._marked = size
        try:
            if self._times < 0:
                self._times = os.open(f"{self._home}/{TIMES}", _FLAGS, 0o600)
            os.write(self._times, b"%d %d\n" % (time.time_ns() // 1000, size))
        except OSError:
            return
