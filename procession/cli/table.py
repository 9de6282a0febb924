"""Tables and colours on a terminal, plain aligned text in a pipe; control characters of scripts never get through."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import click

from procession.clock import read_moment

MARKS = {
    "succeeded": ("✓", "green"),
    "failed": ("✖", "red"),
    "running": ("◔", "cyan"),
    "asking": ("!", "yellow"),
    "waiting": ("·", None),
    "ready": ("·", None),
    "pending": ("·", None),
    "cancelled": ("–", "yellow"),
    "retry": ("△", "yellow"),
    "timeout": ("✖", "red"),
    "lost": ("✖", "red"),
    "not_started": ("✖", "red"),
    "memory": ("✖", "red"),
    "void": ("–", None),
    "skipped": ("–", "yellow"),
}
"""A glyph as well as a colour for each state and outcome: colour alone tells too few people."""


def clean(text: object) -> str:
    """Text that cannot move the cursor, set a title or touch the clipboard: only printable characters."""
    return "".join(c if c.isprintable() else " " for c in str(text))


def plain(value: object) -> str:
    """A value as it was written: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def without(running: int, asking: int) -> int:
    """How many run of those in state running: the others ask a person."""
    return max(0, running - asking)


def apart(states: Mapping[str, int], asking: int) -> dict[str, int]:
    """How many are in each state, those that ask a person apart from those that run."""
    return {**states, "running": without(states.get("running", 0), asking), "asking": asking}


def many(n: int, noun: str) -> str:
    """``1 task``, ``2 tasks``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def state(name: str, errors: int = 0) -> str:
    """A state or outcome with its mark, coloured on a terminal; with recorded errors a success is amber."""
    mark, colour = MARKS.get(name, ("?", None))
    said = f"{name}, {many(errors, 'error')}" if errors else name
    if errors and name == "succeeded":
        mark, colour = "△", "yellow"
    return click.style(f"{mark} {said}", fg=colour) if sys.stdout.isatty() else said


def table(head: Sequence[str], rows: Sequence[Sequence[object]], nothing: str = "") -> None:
    """Print rows under a head: a table on a terminal, tab-aligned columns in a pipe. `nothing` is said instead of a
    head without rows."""
    if nothing and not rows:
        click.echo(nothing)
        return
    if sys.stdout.isatty():
        from rich import box  # noqa: PLC0415  0.1 s, and only for people
        from rich.console import Console  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        drawn = Table(*head, box=box.SIMPLE_HEAD, pad_edge=False)
        for row in rows:
            drawn.add_row(*(Text.from_ansi(str(cell)) for cell in row))
        Console(highlight=False).print(drawn)
        return
    texts = [[str(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(head))]
    for row in texts:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def age(at: datetime | None, now: datetime) -> str:
    """A moment as people say it: the time of today, else the date; always in UTC, and said so."""
    if at is None:
        return "–"
    at = at.astimezone(UTC)
    return f"{at:%H:%M:%S}Z" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M}Z"


def said_age(at: str | None, now: datetime) -> str:
    """As `age`, of a moment as JSON says it."""
    return age(None if at is None else read_moment(at), now)


def bar(share: float | None, width: int = 12) -> str:
    """A progress bar; without a share, nothing."""
    if share is None:
        return ""
    full = round(share * width)
    return "█" * full + "░" * (width - full) + f" {share:4.0%}"
