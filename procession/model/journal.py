"""Entry: something moved; when, by whom, why.

The journal is append-only, written in the transaction of the move that it tells, and its ids are the cursor by which
logs, live pages and bridges follow what happens.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One line of the journal."""

    id: int
    at: int
    """Microseconds UTC."""
    noun: str
    processing_id: int | None
    ordinal: int | None
    attempt: int | None
    verb: str
    state: str | None
    """The state after the move; None where nothing moved (a refusal, a wish, a late result)."""
    by: str
    reason: str | None
