"""Checkpoints of SQLite beside the launcher: its log is carried over into the database while nobody waits for it.

*In:* an opened store. *Out:* a write-ahead log that stays short. *Always:* passive: no reader and no writer is stopped.
Without it, whoever commits carries over all that has gathered, which takes some tenths of a second, with everybody
behind them; so commits do that only where the log has become long all the same, and find little left to do.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from sqlalchemy.engine import make_url

from procession.errors import StoreError
from procession.store.database import Store

log = logging.getLogger("procession")

BUSY, CALM = 0.1, 1.0
"""Seconds between two looks: while much is written, and otherwise."""
MUCH = 200
"""Pages of the log."""


class Checkpointer:
    """The one thread of a launcher that carries the log over; other databases look after themselves."""

    def __init__(self, store: Store) -> None:
        self._store = store
        path = None if store.shared else make_url(store.url).database
        self._log = None if path in (None, "", ":memory:") else Path(f"{path}-wal")
        self._seen = 0
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="procession-checkpoint", daemon=True)

    def start(self) -> None:
        """Look from now on."""
        if self._log is not None:
            self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._leaving.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        seconds = CALM
        while not self._leaving.wait(seconds):
            seconds = CALM
            try:
                if self._has_grown() and self._store.checkpoint() > MUCH:
                    seconds = BUSY
            except StoreError as error:
                log.debug("the log of the database is carried over later: %s", error)

    def _has_grown(self) -> bool:
        """Has anybody written since the last look?"""
        try:
            changed = 0 if self._log is None else self._log.stat().st_mtime_ns
        except OSError:
            return False
        before, self._seen = self._seen, changed
        return changed != before
