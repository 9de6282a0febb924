"""The tab Variables of a task: what may be changed without touching a script, for which runs, and what a run would get.

*In:* a task; in the query a run, a group or parameters to look at. *Out:* the variables with the values that such a run
would have, the sets that change them, processings on which other values can be tried. *Always:* what cannot be read in
the query is said beside it, and the rest is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from procession.errors import Invalid, ProcessionError
from procession.model.command import placeholders
from procession.web.adjusting import plain, rule
from procession.web.page import Ask
from procession.web.pages.task import TABS

NEWEST = 8
"""Processings on which one may try other values."""
MOST_SHOWN = 200
"""Characters of a value in the table."""


def variables(ask: Ask, task: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The tab."""
    name, definition = task["name"], task["definition"]
    if not (definition["declared"] or definition["variables_from"]):
        return "tabs/variables.html", {"declared": None}
    declared = ask.verb("variables", task=name)
    wanted, problem = _wanted(ask)
    try:
        preview = ask.verb("variables-preview", task=name, **wanted)
    except ProcessionError as error:
        problem, preview = str(error), ask.verb("variables-preview", task=name)
    sets = ask.verb("variable-sets", task=name)["items"]
    return "tabs/variables.html", {
        "declared": declared, "asked": {each: ask.query.get(each, "") for each in ("run", "group", "params")},
        "asks": bool(wanted), "problem": problem, "preview": preview,
        "rows": [_row(each, _users(definition, each["name"])) for each in preview["variables"]],
        "sets": [_set(each, preview) for each in sets], "files": _files(ask, name, wanted),
        "newest": ask.verb("list", query=f'task:"{name}"', limit=NEWEST)["items"],
        "by_run": bool(definition["run_by"]),
    }  # fmt: skip


def _wanted(ask: Ask) -> tuple[dict[str, Any], str]:
    """What the query says of a run, and what of it cannot be read."""
    found: dict[str, Any] = {}
    for name in ("run", "group", "params"):
        try:
            value = ask.argument("variables-preview", name)
        except Invalid as error:
            return {}, str(error).removeprefix("variables-preview: ")
        found |= {} if value is None else {name: value}
    return found, ""


def _row(each: Mapping[str, Any], users: list[str]) -> dict[str, Any]:
    text, default = plain(each["value"]), plain(each["default"])
    kind = "default" if each["origin"] == "default" else "set" if each["origin"].startswith("set ") else "task"
    return {
        **each, "text": text[:MOST_SHOWN], "cut": len(text) > MOST_SHOWN, "kind": kind, "rule": rule(each),
        "was": default[:MOST_SHOWN] if text != default else "", "users": users,
        "type": each["type"].replace("_", " of "), "choices": [plain(one) for one in each["choices"]],
    }  # fmt: skip


def _users(definition: Mapping[str, Any], name: str) -> list[str]:
    """Steps that read a variable: those of which the command names it, and reductions, which read all."""
    found = []
    for step in definition["steps"]:
        command = step["command"] or {"words": [], "shell": False}
        if command["shell"]:
            used = any(f"${{{name}}}" in word or f"${name}" in word for word in command["words"])
        else:
            used = any(not p.source and p.name == name for word in command["words"] for p in placeholders(word))
        if used or step["kind"] == "reduce":
            found.append(step["name"])
    return found


def _set(each: Mapping[str, Any], preview: Mapping[str, Any]) -> dict[str, Any]:
    values = {**each["standard_vars"], **each["advanced_vars"]}
    why = next((one["why"] for one in preview["sets"] if one["id"] == each["id"]), "")
    return {
        **each, "values": [(name, plain(value)[:MOST_SHOWN]) for name, value in values.items()], "why": why,
        "applies": preview["set"] == each["id"],
    }  # fmt: skip


def _files(ask: Ask, task: str, wanted: Mapping[str, Any]) -> dict[str, str] | None:
    """The script with these values, where it is asked for; None where it is not."""
    if not ask.query.get("script"):
        return None
    try:
        found: dict[str, str] = ask.verb("variables-script", task=task, **wanted)["files"]
    except ProcessionError as error:
        return {"": str(error)}
    return found


TABS["variables"] = ("Variables", variables)
