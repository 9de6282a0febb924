"""Everything that a filter finds as a file: a table, or JSON line by line.

*In:* an `Ask` and a filter. *Out:* a `Piece` that is made while it is sent, page after page of the verb ``list``.
*Always:* a cell that a spreadsheet would take for a formula is text (B44); moments in UTC; nothing is kept in memory
but one page.
"""

from __future__ import annotations

import csv as tables
import io
import json
from collections.abc import Iterator
from typing import Any

from procession.web.page import Ask, Piece

AT_ONCE = 200
COLUMNS = (
    *("id", "task", "event_name", "key", "title", "version", "state", "reason", "cause", "source", "experiment"),
    *("created_at", "started_at", "finished_at", "params"),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of what a spreadsheet executes."""


def csv(ask: Ask, text: str) -> Piece:
    """A table: a line for each processing, newest first."""
    pages = _pages(ask, text)
    return Piece(_line(COLUMNS), "text/csv; charset=utf-8", _named("processings.csv"), map(_lines, pages))


def json_lines(ask: Ask, text: str) -> Piece:
    """JSON lines: what the verb ``list`` says of each."""
    written = (b"".join(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in some)
               for some in _pages(ask, text))  # fmt: skip
    return Piece(b"", "application/x-ndjson", _named("processings.json"), written)


def _named(name: str) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"content-disposition", f'attachment; filename="{name}"'.encode()), (b"cache-control", b"no-store"))


def _pages(ask: Ask, text: str) -> Iterator[list[dict[str, Any]]]:
    """All pages; the first is asked for at once, so that a wrong filter is refused before anything is sent."""
    first = ask.verb("list", query=text, limit=AT_ONCE)
    return _rest(ask, text, first)


def _rest(ask: Ask, text: str, found: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    while True:
        yield found["items"]
        if found["next"] is None:
            return
        found = ask.verb("list", query=text, limit=AT_ONCE, cursor=found["next"])


def _lines(items: list[dict[str, Any]]) -> bytes:
    return b"".join(_line([_cell(item[name]) for name in COLUMNS]) for item in items)


def _cell(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(FORMULA) else text


def _line(cells: Any) -> bytes:
    out = io.StringIO()
    tables.writer(out).writerow(cells)
    return out.getvalue().encode()
