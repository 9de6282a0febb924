"""The sweeper of a launcher: one thread for what is slow on the disk, so that the loop never waits.

It holds nothing that cannot be found again: when it looked last, what the claim wants, a sum that saves asking.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from procession.errors import ProcessionError
from procession.store import disk
from procession.store.database import Tx

log = logging.getLogger("procession")

SHARE = 20
"""A sum over all rows that took so long is asked for again after this many times as long."""
CHEAP = 0.005
"""Seconds; a sum that takes longer is left to the sweeper's thread, so that the claim does not wait for it."""


@dataclass(slots=True)
class Sweeper:
    """What the flow hands over, one after the other. The loop's thread asks; `act` runs beside it."""

    apart: bool = True
    """In a thread of its own; tests whose clock stands still take it at once."""
    wanted: int = 0
    """Bytes that what waits for the disk and nothing else would write: as much is to be made free."""
    asked: bool = False
    """A person wants everything looked at now."""
    next_at: float = 0.0
    """When to look again (monotonic seconds)."""
    hurry_at: float = 0.0
    """When to look again at the soonest, however much is wanted (monotonic seconds)."""
    aged_at: float = 0.0
    """When to look again for what has outlived its retention (monotonic seconds)."""
    offset: float | None = None
    """Seconds between the wall clock and the one that nobody moves, when they were last compared."""
    begun: bool = False
    """Has what an earlier launcher left in the trash been looked at?"""
    stuck: set[int] = field(default_factory=set)
    """Processings whose files could not be moved away; they are left alone from now on."""
    followed: set[int] = field(default_factory=set)
    """Processings whose working files were removed here because they are at another place now."""
    strays_at: int = 0
    """When to look again for directories whose processings are elsewhere (microseconds)."""
    _thread: threading.Thread | None = None
    _used: tuple[int, float, float] = (0, 0.0, -1.0)

    @property
    def busy(self) -> bool:
        """Is it still at what it was asked to do last?"""
        return self._thread is not None and self._thread.is_alive()

    def do(self, act: Callable[[], None]) -> None:
        """Do this; whatever goes wrong is told to the log, and the next time is another try."""
        if not self.apart:
            _guarded(act)
            return
        self._thread = threading.Thread(target=_guarded, args=(act,), name="sweeper", daemon=True)
        self._thread.start()

    def close(self, patience: float = 5.0) -> None:
        """Wait for what it is at; what it does not finish is finished by the next launcher."""
        if self._thread is not None:
            self._thread.join(patience)

    def used(self, tx: Tx, place: str) -> int:
        """Bytes of all directories here with working files; with a million of them not summed up at every claim."""
        value, at, cost = self._used
        now = time.monotonic()
        mine = cost < CHEAP or threading.current_thread() is self._thread
        if cost < 0 or (mine and now - at > SHARE * cost):
            value = disk.used(tx, place)
            self._used = value, now, time.monotonic() - now
        return value

    def measured(self, count: int) -> None:
        """So many bytes have become known since the sum was made."""
        value, at, cost = self._used
        self._used = value + count, at, cost


def _guarded(act: Callable[[], None]) -> None:
    try:
        act()
    except (ProcessionError, OSError) as error:
        log.error("the sweeper: %s", error)
    except Exception:
        log.exception("the sweeper failed; it is asked again")
