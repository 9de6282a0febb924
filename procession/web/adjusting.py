"""Forms for variables: what one may type for each, what it is without that, and what was wrong beside it.

*In:* the variables of a task, and what has been typed. *Out:* a `Row` for each. *Always:* an empty field means: as it
would be anyway; what was typed stands there again after a refusal; a value that no form can show has no field.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from procession import verbs
from procession.errors import ProcessionError
from procession.model.variable import ADVANCED, OTHER
from procession.web import dialogs, forms
from procession.web.page import Ask

TYPED = "texts."
"""Before the name of a variable in a form."""


@dataclass(frozen=True, slots=True)
class Row:
    """One variable in a form."""

    name: str
    field: str
    """As the form names it: with its section where both have one of this name."""
    type: str
    help: str
    rule: str
    """Which values it takes, in words; empty for any."""
    choices: tuple[str, ...]
    now: str
    """What it is where nothing is typed."""
    typed: str
    advanced: bool


def plain(value: Any) -> str:
    """A value as one types it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(each, int | float) for each in value):
        return ", ".join(json.dumps(each) for each in value)
    return json.dumps(value, ensure_ascii=False)


def rule(found: Mapping[str, Any]) -> str:
    """Which values a variable takes, in words."""
    low, high = found["min"], found["max"]
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None:
        return f"at least {low:g}"
    return f"at most {high:g}" if high is not None else ""


def rows(
    declared: Iterable[Mapping[str, Any]], now: Mapping[str, Any], given: Mapping[str, str], typed: Mapping[str, Any]
) -> list[Row]:  # fmt: skip
    """The fields of a form. `now`: name → value it has without the form; `given`: what was sent, as the form names it;
    `typed`: name → value that stands there at first."""
    found = [each for each in declared if each["type"] != OTHER]
    twice = {name for name, n in Counter(each["name"] for each in found).items() if n > 1}
    return [_row(each, twice, now, given, typed) for each in found]


def _row(
    each: Mapping[str, Any], twice: set[str], now: Mapping[str, Any], given: Mapping[str, str], typed: Mapping[str, Any]
) -> Row:  # fmt: skip
    name = str(each["name"])
    key = f"{ADVANCED}.{name}" if name in twice and each["advanced"] else name
    first = plain(typed[name]) if name in typed else ""
    choices = ("true", "false") if each["type"] == "boolean" else tuple(plain(one) for one in each["choices"])
    return Row(
        name, TYPED + key, each["type"].replace("_", " of "), each["help"], rule(each), choices,
        plain(now.get(name, each["default"])), given.get(TYPED + key, first), each["advanced"],
    )  # fmt: skip


def was_sent(given: Mapping[str, str]) -> bool:
    """Does this come from a form that was filled in, so that what stands in it is all that was meant?"""
    return any(name.startswith(TYPED) for name in given)


# ── the dialogs ────────────────────────────────────────────────────────────────────────────────────


def of_set(ask: Ask, given: Mapping[str, str]) -> dict[str, Any]:
    """Of ``variable-set-add``: the variables, and the set that is changed where the query says ``edit``."""
    task = given.get("task", "")
    declared = ask.verb("variables", task=task)
    edited = _edited(ask, task)
    scope = {name: given.get(name, "") for name in ("first_run", "last_run", "group", "where", "description")}
    typed: dict[str, Any] = {}
    if edited is not None and not was_sent(given):
        scope = {name: "" if edited[name] is None else str(edited[name]) for name in scope}
        typed = {**edited["standard_vars"], **edited["advanced_vars"]}
    about = ask.verb("task", name=task)["definition"]
    return {
        "task": task, "edited": edited, "scope": scope, "problem_of_file": declared["problem"],
        "variables": rows(declared["items"], {}, given, typed),
        "by_run": bool(about["run_by"]), "by_group": bool(about["group_by"]),
        "replace": given.get("replace", "true" if edited else ""), "fix_all": given.get("fix_all", ""),
    }  # fmt: skip


def _edited(ask: Ask, task: str) -> dict[str, Any] | None:
    wanted = ask.query.get("edit", "") or next(iter(ask.form.get("show.edit", [])), "")
    sets = ask.verb("variable-sets", task=task)["items"] if wanted else []
    return next((each for each in sets if str(each["id"]) == wanted), None)


def of_processing(ask: Ask, given: Mapping[str, str]) -> dict[str, Any]:
    """Of ``rerun`` and ``trial``: the variables with the values that the processing had."""
    found = ask.verb("show", id=int(given["id"])) if given.get("id", "").isdigit() else None
    had = {} if found is None or found["variables"] is None else _flat(found["variables"])
    variables, problem = _declared(ask, None if found is None else found["task"])
    return {"processing": found, "variables": rows(variables, had, given, {}), "problem_of_file": problem}


def of_runs(ask: Ask, given: Mapping[str, str]) -> dict[str, Any]:
    """Of ``rerun-runs``: the variables, and what would become of each run once the runs are known."""
    variables, problem = _declared(ask, given.get("task"))
    found: dict[str, Any] = {"variables": rows(variables, {}, given, {}), "problem_of_file": problem, "given": given}
    if given.get("runs") and not ask.form and "change" not in ask.query:
        verb = verbs.load()["rerun-runs"]
        try:
            arguments = forms.arguments(verb, {name: [value] for name, value in given.items()})
            preview = verbs.call(ask.project, ask.caller, verb.name, {**arguments, "dry_run": True})
        except ProcessionError as error:
            return {**found, "problem": str(error)}
        return {**found, "preview": preview, "sent": [(name, value) for name, value in given.items() if value]}
    return found


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    return {**values["standard_vars"], **values["advanced_vars"]}


def _declared(ask: Ask, task: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """The variables of a task; none where it has none, or is gone."""
    if task is None:
        return [], None
    try:
        found = ask.verb("variables", task=task)
    except ProcessionError:
        return [], None
    return found["items"], found["problem"]


dialogs.MORE |= {"variable-set-add": of_set, "rerun": of_processing, "trial": of_processing, "rerun-runs": of_runs}
