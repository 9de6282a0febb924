"""What the file says of sets, of alerts, and of who needs to know: ``[sets]``, ``[alerts]``, ``[[rules]]``."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from procession.definitions.commands import resolve
from procession.definitions.project_tables import AlertsTable, MainFile, RuleTable
from procession.definitions.sources import Place
from procession.definitions.steps import Surroundings
from procession.definitions.tables import read_table
from procession.definitions.task_tables import SetTable
from procession.definitions.values import NAME
from procession.errors import Invalid
from procession.model.command import placeholders
from procession.model.event import OWN
from procession.model.message import Recipients, Rule
from procession.model.pieces import SetPlan, expand


def read_sets(top: MainFile, place: Place) -> tuple[SetPlan, ...]:
    """The sets of the file; those with a mistake are left out, and it is noted."""
    plans = {}
    for name, raw in (top.sets or {}).items():
        at = place.at(name)
        if not NAME.fullmatch(name):
            at.error("is not a name; write 1 to 128 letters, digits and . _ : - only, not starting with - or .")
        if plan := _set(name, raw, at):
            plans[name] = plan
    for plan in plans.values():
        if _comes_back(plan, tuple(plans.values())):
            place.at(plan.name).error(
                f"emits {plan.emit}, which would be a piece of it again, and so on for ever; emit another name"
            )
    return tuple(plans.values())


def _set(name: str, raw: Any, place: Place) -> SetPlan | None:
    table = read_table(SetTable, raw, place)
    pieces = table.written().get("pieces")
    if pieces is None:
        return None
    right = True
    for key, template in (("by", pieces.by), ("piece", pieces.piece)):
        for part in placeholders(template):
            if part.source:
                place.at("pieces", key).error(f"{part} is an output of a step; an event has parameters only")
                right = False
    if not any(placeholders(pieces.piece)):
        place.at("pieces", "piece").error('is the same for every event; write which piece it is, such as "{segment}"')
    try:
        critical = expand(pieces.critical or ())
    except Invalid as error:
        place.at("pieces", "critical").error(str(error))
        return None
    emit = table.emit or name
    if emit.partition(":")[0] in OWN and ":" in emit:
        place.at("emit").error("is the name of Procession's own events; choose another")
    if not right:
        return None
    return SetPlan(
        name,
        pieces.event,
        pieces.by,
        pieces.piece,
        emit,
        pieces.wanted,
        critical,
        pieces.timeout,
        table.late or "ignore",
    )


def _comes_back(plan: SetPlan, plans: tuple[SetPlan, ...]) -> bool:
    """Does what this set emits become a piece of it, perhaps through others?"""
    reached, open_ = set(), [plan.emit]
    while open_:
        name = open_.pop()
        if name == plan.event:
            return True
        if name not in reached:
            reached.add(name)
            open_ += [other.emit for other in plans if other.event == name]
    return False


def read_alerts(top: MainFile, place: Place, around: Surroundings) -> tuple[str, ...]:
    """The command that tells a person: words, the program absolute; empty if there is none."""
    if top.alerts is None:
        return ()
    table = read_table(AlertsTable, top.alerts, place).written()
    if not table and not top.alerts:
        place.error("says neither command nor to; write one of them, or remove it")
    run = table.get("command")
    if run is None:
        return ()
    at = place.at("command")
    found = resolve(run, {}, around.root, lambda: around.find_python(around.python, around.python_place), at)
    if found.command is None:
        return ()
    if asked := found.command.parameters() | {name for _, name in found.command.outputs()}:
        at.error(
            f"{{{min(asked)}}} has no value here; the message is JSON on standard input and in PROCESSION_MESSAGE_…"
        )
        return ()
    try:
        given = {"project": str(around.root), "work": "", "date": "", "id": "", "key": ""}
        return tuple(found.command.render({}, {}, given))
    except Invalid as error:
        at.error(str(error))
        return ()


def read_recipients(top: MainFile, place: Place, around: Surroundings) -> Recipients:
    """The addresses at which people are told; what is wrong with them is told by `read_alerts`."""
    if not isinstance(top.alerts, dict):
        return Recipients()
    said = {key: value for key, value in top.alerts.items() if key in ("to", "to_file")}
    table = AlertsTable.model_validate(said) if not _wrong(said) else AlertsTable()
    file = table.to_file or ""
    path = around.root / file.replace("{project}", str(around.root)) if file else None
    if path is not None and not path.is_file():
        place.at("to_file").warning(f"there is no file {path} yet; nobody is told at its addresses before it is there")
    elif path is not None and path.stat().st_mode & 0o077:
        place.at("to_file").warning(f"others can read {path}, and perhaps passwords in it; chmod 600 it")
    return Recipients(tuple(table.to or ()), "" if path is None else str(path))


def _wrong(said: dict[str, Any]) -> bool:
    try:
        AlertsTable.model_validate(said)
    except ValidationError:
        return True
    return False


def read_rules(top: MainFile, place: Place) -> tuple[Rule, ...]:
    """Which messages need a person, in the order in which the rules are written."""
    rules = []
    for number, raw in enumerate(top.rules or ()):
        said = read_table(RuleTable, raw, place.at(number)).written()
        if "needs_person" in said:
            rules.append(Rule(**{key: value for key, value in said.items() if value is not None}))
    return tuple(rules)
