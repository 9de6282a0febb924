"""Searching: how many, where among them, and how a query may go on → JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what a command does not use it does not load
    from procession.commands.searching import Completion
    from procession.store.search import Beside, Counted


def counted(found: Counted) -> dict[str, Any]:
    """How many."""
    return {"n": found.n, "exact": found.exact}


def beside(processing_id: int, found: Beside) -> dict[str, Any]:
    """A processing among others."""
    return {
        "id": processing_id,
        "newer": found.newer,
        "older": found.older,
        "place": found.place,
        "of": counted(found.of),
    }


def completion(found: Completion) -> dict[str, Any]:
    """One way to go on with a query."""
    return {"text": found.text, "says": found.says}
