"""What may be deleted, in which order, and how much may still be written.

*In:* plain rows about processings, the rules, the present moment. *Out:* ids. *Always:* what is active, pinned or
entered by a person stays, and so do the newest failures of each task, whatever their age and however full the disk
is. The rules are asked anew each time and nothing is noted on a processing, so a changed rule holds for what is
already there.

Age is one reason to delete (`expired`), lack of space the other (`to_free`); the second takes the least valuable
first and knows no age, because the disk budget is a law (N3) and a retention is a wish.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from procession.model.states import PROCESSING, State

DAY = 86_400.0

LEARN_FROM = 20
"""So many finished processings of a task tell what its next one will write."""

_VALUE = {State.SUCCEEDED: 0, State.SKIPPED: 1, State.CANCELLED: 1, State.FAILED: 2}
"""What is deleted first when space is short: what is delivered, then what nobody wanted, then what needs a person."""


@dataclass(frozen=True, slots=True)
class Keep:
    """How long things stay after a processing has ended: seconds; None, 0 or less is for ever."""

    succeeded: float | None = 2 * DAY
    """Working files of what succeeded."""
    failed: float | None = 14 * DAY
    cancelled: float | None = 2 * DAY
    skipped: float | None = 2 * DAY
    failed_at_least: int = 5
    """So many failures of each task, the newest, keep everything whatever their age."""
    logs: float | None = 30 * DAY
    """Logs and artifacts, which outlive the working files."""
    rows: float | None = 365 * DAY
    """What the database knows of it, after the working files are gone."""

    def files(self, state: State) -> float | None:
        """Seconds that the working files of a processing in this state stay; None: for ever, as for all that lives."""
        spans = {
            State.SUCCEEDED: self.succeeded,
            State.FAILED: self.failed,
            State.CANCELLED: self.cancelled,
            State.SKIPPED: self.skipped,
        }
        return spans.get(state)


@dataclass(frozen=True, slots=True)
class Kept:
    """A processing as far as it matters here."""

    id: int
    task: str
    state: State
    finished_at: datetime | None
    bytes: int
    """What its working files take."""
    pinned: bool = False
    entered: bool = False
    """A person is in its directory (`procession shell`)."""
    cleaned: bool = False
    """Its working files are gone."""


def expired(rows: Iterable[Kept], keep: Keep, now: datetime) -> list[int]:
    """Ids whose working files have outlived their retention, oldest first.

    `rows` must hold all failures with working files of each task that it holds any of, so that the newest are known.
    """
    rows = [row for row in rows if not row.cleaned]
    stays = _newest_failures(rows, keep)
    return _ids(row for row in rows if _free(row, stays) and _outlived(row, keep.files(row.state), now))


def logs_expired(rows: Iterable[Kept], keep: Keep, now: datetime) -> list[int]:
    """Ids whose logs and artifacts have outlived theirs, oldest first; never before the working files."""
    rows = list(rows)
    stays = _newest_failures(rows, keep)
    return _ids(row for row in rows if row.cleaned and _free(row, stays) and _outlived(row, keep.logs, now))


def rows_expired(rows: Iterable[Kept], keep: Keep, now: datetime) -> list[int]:
    """Ids that the database may forget, oldest first; never before the working files are gone."""
    rows = list(rows)
    stays = _newest_failures(rows, keep)
    return _ids(row for row in rows if row.cleaned and _free(row, stays) and _outlived(row, keep.rows, now))


def to_free(rows: Iterable[Kept], keep: Keep, wanted_bytes: int) -> list[int]:
    """Ids to delete, in this order, until so many bytes are free: all that may go, if that is not enough.

    First what succeeded, then what was skipped or cancelled, then failures beyond `failed_at_least` of their task;
    the oldest first. Their retention does not protect them. What takes no space is left out.
    """
    rows = [row for row in rows if not row.cleaned]
    stays = _newest_failures(rows, keep)
    found: list[int] = []
    for row in sorted((row for row in rows if row.bytes > 0 and _free(row, stays)), key=_by_value):
        if wanted_bytes <= 0:
            break
        found.append(row.id)
        wanted_bytes -= row.bytes
    return found


@dataclass(frozen=True, slots=True)
class Budget:
    """The disk budget: bytes; the strictest rule counts."""

    keep_free: int | None = None
    """So much stays free on the disk."""
    max_total: int | None = None
    """So much at most take all working files together."""
    reserve: int = 10**9
    """The hard floor of free space, also where nothing else is said."""

    def room(self, free: int, used: int, committed: int) -> int:
        """Bytes that what starts next may write; less than nothing: so much is already too much.

        `free` is what the disk has, `used` what all working files take, `committed` what running processings are
        expected still to write: it is theirs, although it is not on the disk yet.
        """
        rooms = [free - max(self.keep_free or 0, self.reserve)]
        if self.max_total is not None:
            rooms.append(self.max_total - used)
        return min(rooms) - committed


def learned(sizes: Sequence[int]) -> int:
    """The bytes to expect of a task's next processing, from those of its last ones, newest first; 0: nothing is known.

    It is the largest of the last `LEARN_FROM`, and a tenth more. An average would be exceeded by half of all
    processings, and many that run together would break the budget together. The price: after one that was far too
    large, fewer run at a time until twenty others have finished.
    """
    largest = max(sizes[:LEARN_FROM], default=0)
    return largest + -(-largest // 10)


def _newest_failures(rows: Iterable[Kept], keep: Keep) -> frozenset[int]:
    """Ids of the failures that stay: of each task the newest."""
    failures: defaultdict[str, list[Kept]] = defaultdict(list)
    for row in rows:
        if row.state == State.FAILED and row.finished_at is not None:
            failures[row.task].append(row)
    most = max(0, keep.failed_at_least)
    return frozenset(row.id for each in failures.values() for row in sorted(each, key=_age, reverse=True)[:most])


def _free(row: Kept, stays: frozenset[int]) -> bool:
    """May it go at all?"""
    ended = row.state in PROCESSING.terminal and row.finished_at is not None
    return ended and not row.pinned and not row.entered and row.id not in stays


def _outlived(row: Kept, span: float | None, now: datetime) -> bool:
    at = row.finished_at
    return at is not None and span is not None and 0 < span < (now - at).total_seconds()


def _age(row: Kept) -> tuple[float, int]:
    """Smaller is older; of the same moment, the one that was born first."""
    return (row.finished_at.timestamp() if row.finished_at else 0.0, row.id)


def _by_value(row: Kept) -> tuple[int, float, int]:
    return (_VALUE[row.state], *_age(row))


def _ids(rows: Iterable[Kept]) -> list[int]:
    return [row.id for row in sorted(rows, key=_age)]
