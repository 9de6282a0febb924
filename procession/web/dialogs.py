"""Dialogs: what one may say of a verb before it is done, made of its arguments, and its dry run where it has one.

*In:* a verb, and what is known of its arguments. *Out:* a form, as a page of its own and as a part of another page.
*Always:* a form that was refused comes back as it was sent, secrets excepted, with what was wrong beside the field. A
template ``ask/VERB.html`` takes the place of the usual one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from procession import units, verbs
from procession.api.problems import Problem
from procession.errors import Invalid, ProcessionError
from procession.verbs import Verb
from procession.verbs.meanings import meaning
from procession.verbs.shape import hints
from procession.verbs.witness import HIDDEN
from procession.web import forms
from procession.web.page import Ask, Shown, one
from procession.web.standings import kind
from procession.web.url import inside

OWN = frozenset(each.stem for each in (Path(__file__).parent / "templates" / "ask").glob("*.html"))
"""Verbs that have a template of their own."""
SHOWN_AS_PAGES = frozenset({401, 403, 404, 410, 500, 503})
"""Refusals that no other word in a field would mend."""
DANGEROUS = frozenset(
    {"delete", "cancel", "unlock", "unregister", "stop", "give-up", "clean", "delete-instance", "token-revoke",
     "user-remove", "stop-launcher"}
)  # fmt: skip
"""Verbs whose button is red."""
SIZES = frozenset({"memory", "keep_free", "max_total"})
"""Settings in bytes, which people write with a unit."""
SUBJECTS = frozenset({"task", "group", "source", "queue", "everything"})
"""What a verb may be about, one of them: as soon as one is chosen, the others are not asked for."""
LABELS = {"reason": "Why", "fresh": "Start among new data", "params": "Parameters", "mute.span": "For how long",
          "mute.more": "For how many more failures"}  # fmt: skip
SAID = {
    "alerts-test": "Send test message", "batch-cancel": "Cancel bulk action", "cancel-key": "Cancel event",
    "cause-note": "Add note to cause", "clean": "Delete what has outlived its retention", "drain": "Drain launcher",
    "emit-many": "Emit events", "give-up": "Give up launcher", "login-link": "Make login link",
    "maintenance": "Maintain launcher", "mute": "Mute cause", "note": "Add note to", "redeliver": "Resend delivery",
    "remove-view": "Remove view", "republish": "Publish again", "rerun": "Re-run", "rerun-runs": "Re-run runs",
    "resolve": "Resolve cause", "save-view": "Save view", "set": "Change", "stop-launcher": "Stop launcher",
    "token-add": "Make token", "token-revoke": "Revoke token", "unlock": "Release lock", "user-add": "Make user",
    "user-remove": "Remove user", "user-set": "Change user", "variable-set-add": "Set variables",
    "variable-set-remove": "Delete set",
}  # fmt: skip
"""Verb → what its button says, where that is not its name."""

MORE: dict[str, Callable[[Ask, Mapping[str, str]], Mapping[str, Any]]] = {}
"""Verb → what its own template has beside the usual values, its preview too; entered by the page that has it."""


@dataclass(frozen=True, slots=True)
class Field:
    """One argument of a verb in its form."""

    name: str
    label: str
    kind: str
    """``text``, ``area``, ``number``, ``choice``, ``flag``, ``secret``."""
    value: str
    choices: tuple[str, ...]
    required: bool
    fixed: bool
    """It was chosen before the dialog was opened, and is only shown."""
    problem: str
    meaning: str = ""
    """What it says, beside it."""
    known: tuple[str, ...] = ()
    """Texts that are likely, to choose from or not."""
    none: str = ""
    """A choice that is no text: what it says."""


def dialog(ask: Ask, verb: Verb) -> Shown:
    """The dialog of a verb; what the query names is chosen already, and stays so but for what ``free`` names."""
    given = {name: value for name, value in ask.query.items() if name.partition(".")[0] in verb.parameters}
    free = set(ask.query.get("free", "").split(","))
    if verb.name == "set":
        free.add("value")  # it is what the dialog is for, and begins with what holds
        given["value"] = given.get("value") or _holds(ask, given.get("name", ""))
    return _shown(ask, verb, given, frozenset(given) - free, ask.query.get("back", ""), None)


def _holds(ask: Ask, name: str) -> str:
    """The present value of a setting, as it would be typed; empty where it is not set."""
    found = ask.verb("settings")["items"] if name and ask.may("read") else ()
    value = next((each["value"] for each in found if each["name"] == name), None)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if name in SIZES and value is not None and units.to_bytes(size := units.size(value)) == value:
        return size
    return "" if value is None else ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def again(ask: Ask, verb: Verb, refused: Problem) -> Shown:
    """The dialog of a form that was refused; raises where another page says it better."""
    if refused.status in SHOWN_AS_PAGES:
        raise refused
    given = {name: "\n".join(values) for name, values in ask.form.items() if name.partition(".")[0] in verb.parameters}
    fixed = frozenset(one(ask.form, "show.fixed").split())
    return _shown(ask, verb, given, fixed, one(ask.form, "back"), refused)


def _shown(
    ask: Ask, verb: Verb, given: dict[str, str], fixed: frozenset[str], back: str, refused: Problem | None
) -> Shown:
    problem = refused.detail if refused else ""
    wrong = _field_of(verb, problem)
    kinds = hints(verb)
    chosen = SUBJECTS & fixed
    fields = [
        _field(verb.name, name, kinds[name], parameter, given.get(name, ""), fixed=name in fixed,
               problem=problem if name == wrong else "", meaning=meaning(verb.name, name),
               known=_known(ask, verb.name, name))
        for name, parameter in verb.parameters.items()
        if name != "dry_run" and (name not in SUBJECTS or not chosen or name in chosen)
    ]  # fmt: skip
    if verb.name == "restart":
        fields = [_of_steps(ask, each, given.get("id", "")) if each.name == "step" else each for each in fields]
    named = heading(verb, given)
    values = {
        "verb": verb.name, "why_not": ask.why_not(verb.name, {**{each.name: each.value for each in fields}, **given}),
        "heading": named, "help": _help(verb),
        "fields": fields, "wrongs": {name: problem if name == wrong else "" for name in verb.parameters},
        "given": given, "inner": {name: value for name, value in given.items() if "." in name},
        "problem": "" if wrong else problem, "back": inside(back),
        "danger": verb.name in DANGEROUS,
        "preview": None if verb.name in MORE else _preview(ask, verb, given, refused),
    }  # fmt: skip
    values |= MORE[verb.name](ask, given) if verb.name in MORE else {}
    return Shown(
        f"ask/{verb.name}.html" if verb.name in OWN else "ask/dialog.html", values, named,
        status=refused.status if refused else 200, data={"verb": verb.name, "problem": values["problem"] or None},
    )  # fmt: skip


def _of_steps(ask: Ask, field: Field, pid: str) -> Field:
    """The steps from which this processing may run again, to choose from; the text stays free where it is not known."""
    if field.fixed or not pid.isdigit() or not ask.may("read"):
        return field
    names = tuple(each["name"] for each in ask.verb("show", id=int(pid))["steps"] if "restart" in each["offers"])
    return replace(field, kind="choice", choices=names, none="all, from the first step")


def _known(ask: Ask, verb: str, name: str) -> tuple[str, ...]:
    """Names of events that some task takes."""
    if (verb, name) != ("emit", "event") or not ask.may("read"):
        return ()
    return tuple(sorted({str(each["on"]) for each in ask.verb("tasks")["items"] if kind(each) == "event"}))


def heading(verb: Verb, given: dict[str, str]) -> str:
    """Verb and object: ``Retry 18231``."""
    if verb.name == "batch-add":
        return f"{given.get('verb', '').replace('-', ' ').capitalize()} many".strip()
    of = next(
        (given[name] for name in ("id", "task", "group", "source", "queue", "name", "key") if given.get(name)), ""
    )
    of = of or ("everything" if given.get("everything") else "")
    draining = verb.name == "pause" and given.get("mode") == "drain"
    word = "Drain" if draining else SAID.get(verb.name, verb.name.replace("-", " ").capitalize())
    return f"{word} {of}".strip()


def _help(verb: Verb) -> str:
    return (inspect.getdoc(verb.act) or "").partition("\n\n")[0].replace("\n", " ")


def _field_of(verb: Verb, detail: str) -> str:
    """The argument that a refusal speaks of, where it names one first."""
    text = detail.removeprefix(f"{verb.name}: ")
    word = text.replace(".", " ").partition(" ")[0].strip(":,")
    return word if word in verb.parameters else ""


def _field(
    verb: str, name: str, kind: Any, parameter: inspect.Parameter, value: str, *, fixed: bool, problem: str,
    meaning: str, known: tuple[str, ...],
) -> Field:  # fmt: skip
    kinds = (kind,) if get_origin(kind) is Literal else get_args(kind) or (kind,)
    chosen = next((get_args(each) for each in (kind, *kinds) if get_origin(each) is Literal), ())
    shape = "text"
    if chosen:
        shape = "choice"
    elif kind is bool:
        shape = "flag"
    elif int in kinds or float in kinds:
        shape = "number" if str not in kinds else "text"
    elif {get_origin(each) or each for each in (kind, *kinds)} & {dict, list} or name in ("reason", "note", "text"):
        shape = "area"
    if name in HIDDEN:
        shape, value = "secret", ""
    default = parameter.default
    if not value and shape == "choice" and default not in (parameter.empty, None):
        value = str(default)
    label = LABELS.get(f"{verb}.{name}") or LABELS.get(name, name.replace("_", " ").capitalize())
    required = default is parameter.empty
    return Field(name, label, shape, value, tuple(map(str, chosen)), required, fixed, problem, meaning, known)


def _preview(ask: Ask, verb: Verb, given: dict[str, str], refused: Problem | None) -> Any:
    """What the verb would do, by its own dry run; None where it has none, or does not know enough yet."""
    if "dry_run" not in verb.parameters or verb.scope not in ask.caller.scopes:
        return None
    try:
        arguments = forms.arguments(verb, {name: [value] for name, value in given.items() if name != "expect"})
        return verbs.call(ask.project, ask.caller, verb.name, {**arguments, "dry_run": True})
    except Invalid:
        return None
    except ProcessionError:
        if refused is None:
            raise
        return None
