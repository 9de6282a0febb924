"""Variables of a processing: each value, where it comes from, and what it was before; and the form that changes them.

*Always:* values are shown as JSON would write them but for texts; a form that comes back has what was typed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from procession.errors import NotFound, ProcessionError, Refused
from procession.web.page import Ask

JSON = dict[str, Any]


def panel(ask: Ask, found: JSON) -> JSON:
    """The tab."""
    rows, problem = rows_of(ask, found)
    return {
        "rows": rows, "problem": problem, "params": {name: text(value) for name, value in found["params"].items()},
        "difference": difference(ask, found), "set": (found["variables"] or {}).get("set"),
    }  # fmt: skip


def rows_of(ask: Ask, found: JSON) -> tuple[list[JSON], str | None]:
    """Every variable of the task, and those of the processing that the task does not declare any more."""
    own = found["variables"] or {}
    changed = {**(own.get("standard_vars") or {}), **(own.get("advanced_vars") or {})}
    origin, problem = own.get("origin") or {}, None
    declared: list[JSON] = []
    try:
        told = ask.verb("variables", task=found["task"])
        declared, problem = told["items"], told["problem"]
    except (Refused, NotFound):
        pass
    except ProcessionError as error:
        problem = str(error)
    rows = [
        {**each, "value": text(changed.get(each["name"], each["default"])), "default": text(each["default"]),
         "origin": origin.get(each["name"], "default"), "changed": each["name"] in changed}
        for each in declared
    ]  # fmt: skip
    known = {each["name"] for each in declared}
    gone = [
        {"name": name, "type": "", "help": "", "choices": [], "min": None, "max": None, "advanced": False,
         "value": text(value), "default": "", "origin": origin.get(name, ""), "changed": True}
        for name, value in changed.items() if name not in known
    ]  # fmt: skip
    return rows + gone, problem


def difference(ask: Ask, found: JSON) -> list[str]:
    """What is different from the version before, where there is one."""
    if found["version"] == 1:
        return []
    try:
        return [each["text"] for each in ask.verb("diff", id=found["id"])["changes"]]
    except (NotFound, Refused):
        return []


def text(value: Any) -> str:
    """A value as people type it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def typed(rows: list[JSON], given: Mapping[str, str]) -> list[JSON]:
    """The rows with what was typed into their fields (``texts.NAME``); ``differs``: it is another value than before."""
    return [
        {**row, "typed": (new := given.get(f"texts.{row['name']}", row["value"])), "differs": new != row["value"]}
        for row in rows
        if row["type"]
    ]
