"""Grid: the states of many processings as one picture, a byte for each cell.

*In:* facts of steps, or of whole processings. *Out:* bytes: for each column all its rows, the low four bits a `Mark`,
the high four a count (attempts, or processings of the cell), at most 15. *Always:* pure; where a cell stands for many,
the worst of their marks is shown, for that is what one has to look at.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from procession.model.states import PROCESSING, State

MOST_COUNTED = 15
LEVELS = 7
"""Of the shades that a cell may have where a grid is coloured by a number."""
_BESIDE = (0.25, 0.5, 0.8, 1.25, 2.0, 4.0)
"""Ratios to what is usual, between the shades: the fourth is as usual."""


class Mark(IntEnum):
    """What a cell shows. The numbers are part of the interface: none ever gets another meaning."""

    NOTHING = 0
    """It has not run and will not, or there is no such step."""
    WAITING = 1
    HELD = 2
    RUNNING = 3
    OK = 4
    OK_AGAIN = 5
    """After more than one attempt."""
    AGAIN = 6
    """It failed and is tried again."""
    FAILED = 7
    LOST = 8
    CANCELLED = 9
    SKIPPED = 10
    OK_AMBER = 11
    """With errors that its scripts recorded."""
    ASKING = 12
    """It asks a person, and nobody has answered."""


WORST = (
    Mark.LOST, Mark.FAILED, Mark.AGAIN, Mark.CANCELLED, Mark.HELD, Mark.ASKING, Mark.RUNNING, Mark.WAITING,
    Mark.OK_AMBER, Mark.OK_AGAIN, Mark.OK, Mark.SKIPPED, Mark.NOTHING,
)  # fmt: skip
"""From the worst to nothing."""
_RANK = {mark: rank for rank, mark in enumerate(WORST)}


def mark_of_step(
    state: str, attempt: int, *, due: bool, held: bool, over: bool, lost: bool, asking: bool = False
) -> Mark:  # fmt: skip
    """The mark of a step. `due`: it has a moment before which it is not tried again; `over`: its processing has ended;
    `lost`: its last attempt was lost; `asking`: it asks a person."""
    if state in (State.PENDING, State.READY):
        if over:
            return Mark.NOTHING
        if held:
            return Mark.HELD
        return Mark.AGAIN if attempt and due else Mark.WAITING
    if state == State.SUCCEEDED:
        return Mark.OK_AGAIN if attempt > 1 else Mark.OK
    if state == State.RUNNING:
        return Mark.ASKING if asking else Mark.RUNNING
    if state == State.FAILED:
        return Mark.LOST if lost else Mark.FAILED
    return {State.CANCELLED: Mark.CANCELLED, State.SKIPPED: Mark.SKIPPED}[State(state)]


def mark_of_processing(state: str, *, errors: int, held: bool, again: bool = False, asking: bool = False) -> Mark:
    """The mark of a whole processing. `again`: a step of it took more than one attempt; `asking`: one asks a
    person."""
    if state == State.SUCCEEDED:
        return Mark.OK_AMBER if errors else Mark.OK_AGAIN if again else Mark.OK
    if state == State.WAITING:
        return Mark.HELD if held else Mark.WAITING
    if state == State.RUNNING:
        return Mark.ASKING if asking else Mark.RUNNING
    return {
        State.FAILED: Mark.FAILED, State.CANCELLED: Mark.CANCELLED,
        State.SKIPPED: Mark.SKIPPED,
    }[State(state)]  # fmt: skip


def worst(marks: Iterable[Mark]) -> Mark:
    """The mark of a cell that stands for all of these."""
    return min(marks, key=_RANK.__getitem__, default=Mark.NOTHING)


def cell(mark: Mark, count: int) -> int:
    """One cell as a byte."""
    return min(count, MOST_COUNTED) << 4 | mark


def read_cell(value: int) -> tuple[Mark, int]:
    """What a cell says."""
    return Mark(value & 15), value >> 4


@dataclass(frozen=True, slots=True)
class Column:
    """What stands above a column."""

    title: str | None
    """None: of those that have no such parameter."""
    id: int | None = None
    """Of the processing that it is; None: it stands for several."""
    state: str = ""
    started_at: int | None = None
    """Microseconds."""
    seconds: float | None = None
    """How long it took."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The picture."""

    rows: tuple[str | None, ...]
    """Steps, or values; None: of those that have no such parameter."""
    columns: tuple[Column, ...]
    cells: bytes
    """Column after column."""
    complete: bool = True
    """Is there nothing older that it does not show?"""
    medians: tuple[float | None, ...] = ()
    """Of each step the seconds that it takes."""
    counts: tuple[tuple[int, ...], ...] = ()
    """Of a pivot, column after column: of how many processings each cell is."""
    oldest: int | None = None
    """The lowest id that it shows, where it is not complete."""
    query: str = ""
    """What was asked for, as text that reads back as this one, whenever that is."""

    @property
    def base64(self) -> str:
        """The cells as text."""
        return base64.b64encode(self.cells).decode("ascii")

    def at(self, row: int, column: int) -> tuple[Mark, int]:
        """Mark and count of a cell."""
        return read_cell(self.cells[column * len(self.rows) + row])


def between(value: float, low: float, high: float) -> int:
    """The shade of a value among others, from 1 to `LEVELS`; the middle one where all are the same."""
    if high <= low:
        return (LEVELS + 1) // 2
    share = min(1.0, max(0.0, value / (high - low) - low / (high - low)))
    return 1 + min(LEVELS - 1, int(share * LEVELS))


def beside(value: float, usual: float) -> int:
    """The shade of a value beside what is usual."""
    ratio = value / usual if usual > 0 else 1.0
    return 1 + sum(ratio > each for each in _BESIDE)


def pack(columns: Sequence[Sequence[int]]) -> bytes:
    """Cells of columns of one length, one after the other."""
    return b"".join(bytes(column) for column in columns)


def is_over(state: str) -> bool:
    """Has a processing in this state ended?"""
    return state in PROCESSING.terminal
