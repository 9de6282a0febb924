"""The heart of a launcher: a counter in its row, which others watch grow, each by its own clock.

In: a row of `launcher`, and how long its silence is borne. Out: one beat more every few seconds, in a transaction and a
thread of its own, so that no long turn starves it; and the lease of the place, renewed by each beat that was taken.
Always: what counts is when a beat began, not when its answer came; no wall clock is asked. Without a beat for a third
of the time after which others take its work over, nothing is claimed here, and scripts that may be run again elsewhere
are ended by their shims.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from procession.clock import Clock, micros
from procession.errors import ProcessionError
from procession.store import launchers
from procession.store.database import Store
from procession.supervise import lease
from procession.supervise.tree import boot_seconds

log = logging.getLogger("procession")

EVERY = 5.0
"""Seconds between two beats at most."""
OFTEN = 12
"""At least so many beats in the time after which a silent launcher is lost."""


class Heart:
    """Beats from `start` to `stop`; `is_fresh` may be asked by another thread."""

    def __init__(self, store: Store, clock: Clock, launcher_id: int, lost_after: float, lease_file: Path) -> None:
        self._store = store
        self._clock = clock
        self._launcher_id = launcher_id
        self._lasts = lost_after / 3
        self._every = min(EVERY, lost_after / OFTEN)
        self._lease = str(lease_file)
        self._renewed = 0.0
        self._silent = False
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self, began: float) -> None:
        """Beat from now on; the row was written by a transaction that `began` then (boot clock)."""
        self._renew(began)
        self._thread.start()

    def stop(self) -> None:
        """Beat no more. The lease runs out by itself."""
        self._enough.set()
        if self._thread.is_alive():
            self._thread.join(EVERY)

    def is_fresh(self) -> bool:
        """May work be claimed, for all that others can know?"""
        return boot_seconds() < self._renewed + self._lasts

    def is_over(self) -> bool:
        """Must what runs be ended, because others will take it over before long?"""
        return boot_seconds() >= self._renewed + 2 * self._lasts

    def _run(self) -> None:
        while not self._enough.wait(self._every):
            began = boot_seconds()
            try:
                with self._store.begin() as tx:
                    launchers.beat(tx, self._launcher_id, micros(self._clock.now()))
            except ProcessionError as error:
                if not self._silent:
                    log.error("no sign of life can be given: %s", error)
                self._silent = True
                continue
            except Exception:  # a heart that stops would be taken for a launcher that is gone
                log.exception("a beat failed; there is another one")
                continue
            if self._silent:
                log.info("signs of life can be given again")
            self._silent = False
            self._renew(began)

    def _renew(self, began: float) -> None:
        try:
            lease.write(self._lease, began, self._lasts)
        except OSError as error:
            log.error("the lease %s cannot be renewed: %s", self._lease, error.strerror)
            return
        self._renewed = began
