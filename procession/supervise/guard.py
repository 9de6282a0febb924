"""The guard: what can end a running script before it ends by itself.

In: an attempt's limits, its log and its tree. Out: a verdict, as `how` and `reason` of the exit line.
Always: each watcher says when it next wants to look, and nothing is looked at before: a script of a few milliseconds
meets none of them. While a tree is being ended its watchers look on, so that neither its log nor its memory grows
without limit during the grace.
"""

from __future__ import annotations

import os

from procession.supervise.limits import span
from procession.supervise.tree import LOOK, boot_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from procession.supervise.limits import Limits

    Verdict = tuple[str, str]

    class Watcher(Protocol):
        """Looks at one thing from time to time."""

        due: float
        """Boot time at which it next wants to look."""

        def look(self, now: float) -> Verdict | None:
            """How and why the tree must be ended; None: it may run on. Moves `due`."""


AT_ONCE = ("memory", "overdue")
"""Verdicts that leave no time for a polite signal: what takes the machine's memory does not wait for a grace, nor does
what others may start anew at any moment."""


class Guard:
    """Looks after one running script. Owned by its attempt, used once."""

    def __init__(self, limits: Limits, started: float, cancel: str, watchers: list[Watcher]) -> None:
        self._timeout = limits.timeout
        self._deadline = None if limits.timeout is None else started + limits.timeout
        self._cancel = cancel
        self._watchers = watchers
        self.how: str | None = None
        """What ended the script; None: nothing did yet."""
        self.reason: str | None = None
        self._late = False

    def pause(self) -> float:
        """Seconds until it must look again; at most a second, for a wish to cancel may have come without a signal."""
        now = boot_seconds()
        due = now + LOOK
        for watcher in self._watchers:
            due = min(due, watcher.due)
        if self._deadline is not None:
            due = min(due, self._deadline)
        return max(0.0, due - now)

    def look(self) -> bool:
        """Must the script be ended now?"""
        now = boot_seconds()
        if os.access(self._cancel, os.F_OK):
            self.how, self.reason = "cancelled", "cancelled while it ran"
        elif self._deadline is not None and now >= self._deadline:
            self.how, self.reason = "timeout", f"it ran for longer than its timeout of {self._timeout:g} s"
        elif verdict := self._ask(now):
            self.how, self.reason = verdict
            if self.how == "overdue":  # in the words of a record
                self.how, self._late = "lease", True
        return self.how is not None

    def is_urgent(self) -> bool:
        """While the tree is being ended: has it no more time? What ended the script stays what it was."""
        self._deadline = None  # has done its work
        if self.how in AT_ONCE or self._late:
            return True
        verdict = self._ask(boot_seconds())
        return verdict is not None and verdict[0] in AT_ONCE

    def _ask(self, now: float) -> Verdict | None:
        found = None
        for watcher in self._watchers:
            if now >= watcher.due:
                found = watcher.look(now) or found
        return found


class Quiet:
    """Ends a script that gives no sign of life: neither its log nor its progress file has changed for so long."""

    def __init__(self, quiet: float, log: int, progress: str, started: float) -> None:
        self._quiet = quiet
        self._log = log
        self._progress = progress
        self._every = min(LOOK, quiet / 8)
        self._looked = started
        self._silent = 0.0
        self._last = self._signs()
        self.due = started + self._every

    def look(self, now: float) -> Verdict | None:
        """Compare with the look before. It ends up to an eighth too late (a second at most), never too early: a
        machine that slept, or a shim that was stopped, counts for no more than two looks."""
        self.due = now + self._every
        self._silent += min(now - self._looked, 2 * self._every)
        self._looked = now
        signs = self._signs()
        if signs != self._last:
            self._last, self._silent = signs, 0.0
        return ("timeout", f"no output for {span(self._quiet)}") if self._silent >= self._quiet else None

    def _signs(self) -> object:
        return _change(self._log), _change(self._progress)


def _change(file: int | str) -> object:
    """What is another after every write."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
