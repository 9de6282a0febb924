"""The tab Grid of a task: its newest processings and their steps as one picture, which a table says in words too."""

from __future__ import annotations

from typing import Any

from procession.commands.shading import COLOURS, METRIC, check_colour
from procession.errors import Invalid, NotFound
from procession.verbs.bounds import up_to
from procession.web import filters, grids
from procession.web.listing import listing, typed
from procession.web.page import Ask, Piece, page, told
from procession.web.pages.task import TABS

CHOICES = (200, 1_000)
ROWS = 20
"""Of the table that stands for the picture."""


def _newest(ask: Ask) -> int:
    text = ask.query.get("newest", "")
    if text and not (text.isascii() and text.isdigit()):
        raise Invalid(f"newest is a whole number, not {text[:40]!r}")
    return up_to("newest", int(text[:9]) if text else grids.MOST, grids.MOST)


@page("/t/{task}/grid.json")
def grid_json(ask: Ask) -> Piece:
    """What the island draws."""
    ask.verb("task", name=ask.values["task"])
    return told(
        grids.of_steps(ask, ask.values["task"], typed(ask), _newest(ask), ask.query.get("colour") or COLOURS[0])
    )


def grid(ask: Ask, task: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The picture; or the newest rows of it as a table, to which a browser without scripts goes by itself."""
    table = ask.query.get("view") == "table"
    by, colour = ask.query.get("rows") or "steps", ask.query.get("colour") or COLOURS[0]
    named = [f"{METRIC}{name}" for name in grids.numbers(ask, task["name"])]
    found: dict[str, Any] = {
        **listing(ask, task["name"], ROWS if table else 0),
        "of_event": "", "by": by, "newest": _newest(ask), "pivot": None,
        "sizes": CHOICES,
        "rows_of": ["steps", "hour", *(f"param.{name}" for name in grids.parameters(ask, task["name"]))],
        "colour": colour, "colours": [*COLOURS, *named, *({colour} - {*COLOURS, *named})],
        "table_view": table,
    }  # fmt: skip
    if not found["error"]:
        try:
            check_colour(colour)
            found["pivot"] = None if by == "steps" else grids.pivot(ask, task["name"], typed(ask), by)
        except (Invalid, NotFound) as error:
            found["error"] = str(error)
    found["failed_query"] = filters.replaced(found["whole"], "state", "state:failed")
    return "tabs/grid.html", found


TABS["grid"] = ("Grid", grid)
