"""The audit: who asked for what, from where, and what came of it. Nothing can be removed here."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from procession.web.page import Ask, Piece, Shown, page

AT_ONCE = 100
MOST = 20_000
"""Lines of one export; whoever wants more goes on from the last with ``cursor``."""
FIELDS = (
    "id", "at", "by", "via", "origin", "token", "verb", "subject", "asked", "before", "after", "outcome", "problem",
)  # fmt: skip
FILTERS = ("by", "verb", "subject")
SHOWN = 6
"""Names of which the change is shown on one line."""


@page("/audit", scope="admin")
def audit(ask: Ask) -> Shown:
    """Lines, the newest first, as far as the filters let them through."""
    found = ask.verb("audit", limit=AT_ONCE, cursor=ask.argument("audit", "cursor"), **_filters(ask))
    for each in found["items"]:
        each["changes"] = changes(each["before"], each["after"])
        each["said"] = _said(each["asked"])
    filters = {name: ask.query.get(name, "") for name in FILTERS}
    values = {"lines": found["items"], "next": found["next"], "filters": filters, "filtered": any(filters.values())}
    return Shown("pages/audit.html", values, "Audit", data=found, command="procession audit")


@page("/audit.csv", scope="admin")
def exported(ask: Ask) -> Piece:
    """The same lines as a table for other programs."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(FIELDS)
    for each in _lines(ask):
        table.writerow([_cell(each[name]) for name in FIELDS])
    named = (b"content-disposition", b'attachment; filename="audit.csv"')
    return Piece(text.getvalue().encode(), "text/csv; charset=utf-8", (named, (b"cache-control", b"no-store")))


def _lines(ask: Ask) -> Iterator[dict[str, Any]]:
    cursor, left = ask.argument("audit", "cursor"), MOST
    while left > 0:
        found = ask.verb("audit", limit=min(500, left), cursor=cursor, **_filters(ask))
        yield from found["items"]
        cursor, left = found["next"], left - 500
        if cursor is None:
            return


def _filters(ask: Ask) -> dict[str, str | None]:
    return {name: ask.query.get(name, "").strip() or None for name in FILTERS}


def _cell(value: Any) -> str:
    """A text that no table takes for a formula."""
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _said(asked: Any) -> str:
    """The arguments in one line."""
    if not isinstance(asked, dict):
        return _short(asked) if asked else ""
    return " ".join(f"{name}={_short(value)}" for name, value in asked.items())


def changes(before: Any, after: Any) -> list[tuple[str, str, str]]:
    """What is another after than before: name, and both values as text."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [] if before == after or (before is None and after is None) else [("", _short(before), _short(after))]
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return [(name, _short(before.get(name)), _short(after.get(name))) for name in names[:SHOWN]]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else "–" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:79]}…"
