"""The framework's log: the journal, followed and told line by line, in a file and, if wanted, on the terminal.

It tells what Procession did, apart from what the scripts said (their logs lie beside them). Nothing else in the system
writes prose about moves.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path

from procession.model.journal import Entry
from procession.store import journal
from procession.store.database import Store

log = logging.getLogger("procession.journal")

QUIET = 0.05
"""Seconds without anything to do after which the log is written."""
LATE = 0.5
"""Seconds that the log is behind at most, however much there is to do."""


OVERLAP = 200
"""Lines that are read again on PostgreSQL, where a line with a smaller id may be committed later."""


class JournalLog:
    """Follows the journal from its present end, or from behind the entry with this id."""

    def __init__(self, store: Store, tell: Callable[[Sequence[Entry]], None], after: int | None = None) -> None:
        self._store = store
        self._tell = tell
        with store.read() as tx:
            self._cursor = journal.end(tx) if after is None else after
        self._overlap = OVERLAP if store.engine.dialect.name == "postgresql" else 0
        self._told: deque[int] = deque(maxlen=2 * OVERLAP)
        self._behind_since: float | None = None

    def patience(self, seconds: float) -> float:
        """How long to wait for something more urgent, of so many seconds at most."""
        return seconds if self._behind_since is None else min(seconds, QUIET)

    def expect(self) -> bool:
        """There may be new lines: they are written when it is quiet; True if they have waited long enough for that."""
        now = time.monotonic()
        if self._behind_since is None:
            self._behind_since = now
        return now - self._behind_since > LATE

    def write(self) -> None:
        """Write everything that is new."""
        if self._behind_since is None:
            return
        while True:
            with self._store.read() as tx:
                entries = journal.since(tx, self._cursor - self._overlap)
            new = entries
            if self._overlap:
                told = set(self._told)
                new = [entry for entry in entries if entry.id not in told]
                self._told.extend(entry.id for entry in new)
            if new:
                self._tell(new)
            if not new:
                break
            self._cursor = max(self._cursor, entries[-1].id)
        self._behind_since = None


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
    handlers[0].setFormatter(EachLine("%(asctime)s %(levelname)s %(message)s"))
    if terminal:
        handlers.append(logging.StreamHandler())
        handlers[1].setFormatter(EachLine("%(asctime)s %(message)s", "%H:%M:%S"))
    root = logging.getLogger("procession")
    root.setLevel(logging.INFO)
    root.handlers[:] = handlers
    root.propagate = False


def tell(entries: Sequence[Entry]) -> None:
    """Write entries to the framework's log, all at once: a line of the log costs more than a line of the journal."""
    log.info("%s", "\n".join(map(told, entries)))


class EachLine(logging.Formatter):
    """Gives each line of a message what stands before the first."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        first, *more = text.split("\n")
        said = record.getMessage().split("\n", 1)[0]
        if not more or record.exc_info or not first.endswith(said):
            return text
        before = first[: len(first) - len(said)]
        return "\n".join([first, *(before + line for line in more)])
