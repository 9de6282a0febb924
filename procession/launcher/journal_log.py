"""The framework's log: the journal, followed and told line by line, in a file and, if wanted, on the terminal.

It tells what Procession did, apart from what the scripts said (their logs lie beside them). Nothing else in the system
writes prose about moves.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path

from procession.model.journal import Entry
from procession.store import journal
from procession.store.database import Store

log = logging.getLogger("procession.journal")

QUIET = 0.25
"""Seconds at most that the log is behind while there is much to do."""


class JournalLog:
    """Follows the journal from its present end."""

    def __init__(self, store: Store, tell: Callable[[Entry], None]) -> None:
        self._store = store
        self._tell = tell
        with store.read() as tx:
            self._cursor = journal.end(tx)
        self.behind = True
        self._written_at = 0.0

    def write_if_quiet(self, *, busy: bool) -> None:
        """Write what is new, unless there is more urgent work and it has not been long."""
        if self.behind and (not busy or time.monotonic() - self._written_at > QUIET):
            self.write()

    def write(self) -> None:
        """Write everything that is new."""
        self._written_at = time.monotonic()
        while True:
            with self._store.read() as tx:
                entries = journal.since(tx, self._cursor)
            for entry in entries:
                self._tell(entry)
            if not entries:
                break
            self._cursor = entries[-1].id
        self.behind = False


def told(entry: Entry) -> str:
    """An entry as one line: ``18231/2/1 step succeed → succeeded``."""
    which = "/".join(str(part) for part in (entry.processing_id, entry.ordinal, entry.attempt) if part is not None)
    text = f"{which or '-'} {entry.noun} {entry.verb}"
    if entry.state:
        text += f" → {entry.state}"
    if entry.reason:
        text += f" ({entry.reason})"
    return text if entry.by == "procession" else f"{text} by {entry.by}"


def log_to(path: Path, *, terminal: bool) -> None:
    """Send the framework's log to its file, and to the terminal as well."""
    handlers: list[logging.Handler] = [RotatingFileHandler(path, maxBytes=16 << 20, backupCount=3, delay=True)]
    handlers[0].setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    if terminal:
        handlers.append(logging.StreamHandler())
        handlers[1].setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    root = logging.getLogger("procession")
    root.setLevel(logging.INFO)
    root.handlers[:] = handlers
    root.propagate = False


def tell(entry: Entry) -> None:
    """Write an entry to the framework's log."""
    log.info("%s", told(entry))
