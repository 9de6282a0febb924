"""From ``watch = "…"`` in a task to a `WatchPlan`: what is looked for, and what becomes of it."""

from __future__ import annotations

from typing import Any

from procession.definitions.patterns import pattern_of
from procession.definitions.sources import Place
from procession.definitions.steps import Surroundings
from procession.definitions.tables import read_table
from procession.definitions.task_tables import TaskTable
from procession.definitions.values import NAME
from procession.errors import Invalid
from procession.model.command import placeholders
from procession.model.watching import WATCH, WatchPlan
from procession.watch import Pattern
from procession.watch.pattern import GIVEN

ONLY_WATCHED = ("watch", "emit", "key", "title", "quiet", "ignore", "empty", "group",
                "check_missed")  # fmt: skip
"""What a task may say that only makes events of files."""


def build_watch(name: str, raw: Any, place: Place, around: Surroundings) -> WatchPlan | None:
    """The watch of one table of tasks; None if it has none, or if something is wrong with it, which is noted."""
    if not isinstance(raw, dict) or "watch" not in raw:
        return None
    table = read_table(TaskTable, raw, place)
    if table.watch is None:
        return None
    if "emit" in raw:
        _check_only_watched(name, raw, place)
    said = {key: getattr(table, key) for key in ("quiet", "empty", "key", "title", "group") if getattr(table, key)}
    said |= {"quiet": table.quiet} if table.quiet is not None else {}
    ignore = None if table.ignore is None else tuple(table.ignore)
    plan = WatchPlan(name, table.watch, table.emit or WATCH + name, ignore=ignore, **said)
    try:
        pattern = pattern_of(plan, str(around.root))
    except Invalid as error:
        place.at("watch").error(str(error))
        return None
    for key, template in zip(("key", "title"), plan.said, strict=True):
        _check_template(template, pattern, place.at(key))
    return plan


def _check_only_watched(name: str, raw: dict[str, Any], place: Place) -> None:
    if not NAME.fullmatch(name):
        place.error("is not a name; write 1 to 128 letters, digits and . _ : - only, not starting with - or .")
    for key in raw:
        if key not in ONLY_WATCHED and key in {f.alias or n for n, f in TaskTable.model_fields.items()}:
            place.at(key).error(
                "stands beside emit; with emit the files become events for other tasks, and nothing runs here: "
                "write a task with on = ... for them, or leave emit out"
            )


def _check_template(template: str, pattern: Pattern, place: Place) -> None:
    known = [*sorted(GIVEN), *pattern.names, "project"]
    for part in placeholders(template):
        if part.source or part.name not in known:
            place.error(f"{part} has no value; a file gives {', '.join(f'{{{name}}}' for name in known)}")
