"""From ``counter = "…"`` in a task to a `CounterPlan`: where the last run's number stands, what becomes of a run."""

from __future__ import annotations

import re
from typing import Any

from procession.definitions.sources import Place
from procession.definitions.steps import Surroundings
from procession.definitions.tables import read_table
from procession.definitions.task_tables import TaskTable
from procession.definitions.values import NAME
from procession.model.command import placeholders
from procession.model.counting import CounterPlan
from procession.model.watching import WATCH
from procession.watch.counter import names_in

ONLY_COUNTED = ("counter", "number", "expect_path", "expect_within", "params", "gap", "emit", "key", "title", "quiet",
                "group", "check_missed")  # fmt: skip
"""What a task may say that only makes events of runs."""


def build_counter(name: str, raw: Any, place: Place, around: Surroundings) -> CounterPlan | None:
    """The counter of one table of tasks; None if it has none, or if something is wrong with it, which is noted."""
    if not isinstance(raw, dict) or "counter" not in raw:
        return None
    table = read_table(TaskTable, raw, place)
    if table.counter is None:
        return None
    if "emit" in raw:
        _check_only_counted(name, raw, place)
    params = dict(table.params or {})
    said: dict[str, Any] = {
        key: value
        for key, value in (
            ("pattern", table.number), ("within", table.expect_within), ("gap", table.gap), ("quiet", table.quiet),
            ("key", table.key), ("title", table.title), ("group", table.group),
        )
        if value is not None
    }  # fmt: skip
    expect = _path(table.expect_path, around)
    _check_names(expect, params, place)
    if table.number is not None and re.compile(table.number).groups > 1:
        place.at("number").error("has more than one group; put round brackets around the number alone")
    for key in ("key", "title"):
        _check_template(getattr(table, key) or "", [*params, "run", *(["path"] if expect else [])], place.at(key))
    return CounterPlan(
        name, _path(table.counter, around), table.emit or WATCH + name, expect=expect, params=params, **said
    )


def _path(text: str | None, around: Surroundings) -> str:
    if not text:
        return ""
    return str(around.root / text.replace("{project}", str(around.root)))


def _check_names(expect: str, params: dict[str, Any], place: Place) -> None:
    if not expect:
        return
    try:
        found = list(names_in(expect))
    except ValueError as error:
        place.at("expect_path").error(f"{error}; write it as /data/LRMECS{{run:08d}}.nxs")
        return
    for name, wide in found:
        if name != "run" and name not in params:
            place.at("expect_path").error(f"{{{name}}} has no value; give it one in params, or write {{run:08d}}")
        elif name != "run" and wide:
            place.at("expect_path").error(f"only {{run}} has a width, {{{name}}} has none")
    if "run" not in dict(found):
        place.at("expect_path").error("is the same for every run; write {run:08d} into it")


def _check_only_counted(name: str, raw: dict[str, Any], place: Place) -> None:
    if not NAME.fullmatch(name):
        place.error("is not a name; write 1 to 128 letters, digits and . _ : - only, not starting with - or .")
    for key in raw:
        if key not in ONLY_COUNTED and key in {f.alias or n for n, f in TaskTable.model_fields.items()}:
            place.at(key).error(
                "stands beside emit; with emit the runs become events for other tasks, and nothing runs here: "
                "write a task with on = ... for them, or leave emit out"
            )


def _check_template(template: str, known: list[str], place: Place) -> None:
    for part in placeholders(template):
        if part.source or part.name not in known:
            place.error(f"{part} has no value; a run gives {', '.join(f'{{{name}}}' for name in known)}")
