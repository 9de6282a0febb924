"""Looks at watched directories, each in a thread of its own, so that nobody waits for a file system.

*In:* watches. *Out:* what they saw, when somebody asks. *Always:* of one watch at most one look at a time; a look that
never ends (a network file system that is gone) holds up no other watch, nor the end of the process.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from procession.watch.look import Watch
from procession.watch.scan import Scan


@dataclass(frozen=True, slots=True)
class Look:
    """One look that has ended."""

    watch: Watch
    scan: Scan
    seconds: float
    """How long it took."""


class Looks:
    """Those that go on, and those that have ended. One thread uses it."""

    def __init__(self) -> None:
        self._seen: deque[Look] = deque()
        self._begun: dict[Watch, float] = {}
        """Each watch that is being looked at, and since when (the clock of `begin`)."""

    def begin(self, watch: Watch, now: float, poke: Callable[[], object]) -> None:
        """Look, at this moment of a clock that does not jump; `poke` is called when it has ended, in any thread."""
        self._begun[watch] = now
        threading.Thread(target=self._look, args=(watch, now, poke), daemon=True, name="look").start()

    def take(self) -> list[Look]:
        """What has ended since; these watches may be looked at again."""
        taken = []
        while self._seen:
            look = self._seen.popleft()
            self._begun.pop(look.watch, None)
            taken.append(look)
        return taken

    def since(self, watch: Watch) -> float | None:
        """Since when it is being looked at; None if it is not."""
        return self._begun.get(watch)

    @property
    def ended(self) -> bool:
        """Is there something to take?"""
        return bool(self._seen)

    @property
    def busy(self) -> bool:
        """Is anything being looked at that has not ended?"""
        return len(self._begun) > len(self._seen)

    def _look(self, watch: Watch, now: float, poke: Callable[[], object]) -> None:
        begun = time.monotonic()
        try:
            scan = watch.scan(now)
        except Exception as error:  # whatever a file system answers, the next look begins anew
            scan = Scan()
            scan.problem(f"{watch.pattern.text} cannot be looked at ({type(error).__name__}: {error})")
        self._seen.append(Look(watch, scan, time.monotonic() - begun))
        poke()
