"""Orders of a list: by id, by the end, by the duration; and the cursor by which each goes on.

In: a `Query`, an order, a cursor as it was answered before. Out: processings and the next cursor: an id, or a text.
"""

from __future__ import annotations

import re
from typing import Literal

from procession.errors import Invalid
from procession.model.processing import Processing
from procession.model.query import MAX_ID, Query
from procession.store import ordered, search
from procession.store.database import Tx
from procession.store.ordered import Place

Order = Literal["id", "ended", "duration"]
ORDERS: tuple[Order, ...] = ("id", "ended", "duration")
"""Newest first; what ended last first; what took longest first, within a range of time."""
Cursor = int | str
_PLACE = re.compile(r"(-?[0-9]{1,19})\.([0-9]{1,19})")


def page(
    tx: Tx, query: Query, order: Order, cursor: Cursor | None, limit: int
) -> tuple[list[Processing], Cursor | None]:  # fmt: skip
    """Processings in this order, and where to go on; Invalid for a cursor of another order."""
    if order not in ORDERS:
        raise Invalid(f"a list is ordered by {', '.join(ORDERS)}, not by {str(order)[:40]!r}")
    if order == "id":
        return search.page(tx, query, None if cursor is None else _id(cursor), limit)
    read = ordered.by_end if order == "ended" else ordered.by_duration
    found, after = read(tx, query, None if cursor is None else _place(cursor), limit)
    return found, None if after is None else f"{after.by}.{after.id}"


def _id(cursor: Cursor) -> int:
    text = str(cursor)
    if isinstance(cursor, bool) or not re.fullmatch(r"[0-9]{1,19}", text) or not 1 <= int(text) <= MAX_ID:
        raise Invalid(f"cursor is a whole number from 1 on, not {text[:40]!r}")
    return int(text)


def _place(cursor: Cursor) -> Place:
    found = _PLACE.fullmatch(str(cursor))
    if found is None or max(int(found[1]), int(found[2])) > MAX_ID:
        raise Invalid(f"cursor is what 'next' said in this order, not {str(cursor)[:40]!r}")
    return Place(int(found[1]), int(found[2]))
