"""Facts: JSON as text for people, where there are no model objects: what a server elsewhere has answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import click

from procession.cli import going_on, table
from procession.clock import read_moment
from procession.units import duration, size

LONGEST = 200
"""Characters of a value in a table."""
WIDEST = 8
"""Columns of a table whose columns nobody has chosen."""


def rows(*columns: str) -> Callable[[Any], None]:
    """What prints the items of a list with these of their fields."""

    def tell(found: Any) -> None:
        shown = [[_cell(_told(each, column)) for column in columns] for each in found["items"]]
        if shown:
            table.table(columns, shown)
        else:
            click.echo("nothing")
        going_on.tell(found.get("next"))

    return tell


def fields(found: Any) -> None:
    """Print an object, a line for each of its fields; what is empty is left out, lists of objects come after."""
    for name, value in found.items():
        if value not in (None, "", [], {}) and not _is_list(value):
            click.echo(f"{name:<12} {_cell(_told(found, name))}")
    for name, value in found.items():
        if _is_list(value):
            click.echo(f"{name}:")
            columns = [column for column in value[0] if not isinstance(value[0][column], list | dict)][:WIDEST]
            table.table(columns, [[_cell(_told(each, column)) for column in columns] for each in value])


def text(found: Any) -> None:
    """Print the sentence of an object that has one."""
    click.echo(table.clean(found["text"]))


def reason(found: Mapping[str, Any], now: datetime, asked_at: datetime | None = None) -> str:
    """Why a processing is where it is: the sentence, since when, and where it asks a person what keeps it besides."""
    held = [each["text"] for each in found["also"] if each["code"] == "held"]
    since = asked_at or (None if found["waiting_at"] is None else read_moment(found["waiting_at"]))
    said = found["text"]
    if since is not None and found["code"] != "not_before":
        span = duration(max(0, round((now - since).total_seconds())))
        said += f"; since {table.age(since, now)} (for {span})"
    return table.clean("; also, ".join((said, *held)))


SIZES = frozenset(
    {"bytes", "size", "memory", "used_memory", "free", "committed", "room", "reserve", "keep_free", "max_total",
     "max_rss", "log_bytes"}
)  # fmt: skip
"""Fields that are bytes."""
OF_DISK = frozenset({"total", "used"})
"""And these, where they stand beside what is free."""


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _told(found: Mapping[str, Any], name: str) -> Any:
    """A field for people: bytes with their unit."""
    value = found.get(name)
    of_bytes = name in SIZES or (name in OF_DISK and "free" in found)
    return size(value) if of_bytes and isinstance(value, int) and not isinstance(value, bool) else value


def _cell(value: Any) -> str:
    return table.clean("" if value is None else table.plain(value))[:LONGEST]
