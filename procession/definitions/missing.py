"""From ``check_missed`` and ``missed`` of a task to what compares its source with the books.

A check is a task of its own, ``NAME:missed``, that runs ``procession missed NAME --submit`` every so often: so it has
attempts, a log and a why, can be paused, and tells of its failures, like everything else.
"""

from __future__ import annotations

import sys
from typing import Any

from procession.definitions.commands import resolve
from procession.definitions.sources import Place
from procession.definitions.steps import Surroundings
from procession.definitions.tables import read_table
from procession.definitions.task_tables import MissedTable, TaskTable
from procession.definitions.tasks import build_task
from procession.model.listing import ListPlan
from procession.model.task import Task


def build_list(name: str, raw: Any, place: Place, around: Surroundings) -> ListPlan | None:
    """The command that tells what the source of a task has; None if it names none, or a wrong one, which is noted."""
    if not isinstance(raw, dict) or not isinstance(raw.get("missed"), dict):
        return None
    here = place.at("missed")
    table = read_table(MissedTable, raw["missed"], here)
    event = table.event or raw.get("on")
    if not isinstance(event, str):
        here.error('does not say which events they are; write event = "..."')
        return None
    if table.run is None or table.key is None:
        here.error('needs the command and the key; write { run = "python list_runs.py", key = "{run}" }')
        return None
    at = here.at("run")
    found = resolve(table.run, {}, around.root, lambda: around.find_python(raw.get("python", around.python), at), at)
    if found.command is None:
        return None
    if asked := sorted(found.command.parameters()):
        at.error(f"{{{asked[0]}}} has no value; nobody gives this command parameters")
        return None
    argv = found.command.render({}, {}, {"project": str(around.root)})
    return ListPlan(name, tuple(argv), event, table.key, table.title or "")


def build_check(name: str, raw: Any, place: Place, around: Surroundings) -> Task | None:
    """The task that submits what was missed, where ``check_missed`` says how often."""
    if not isinstance(raw, dict) or "check_missed" not in raw:
        return None
    at = place.at("check_missed")
    if not raw.keys() & {"watch", "counter", "missed"}:
        at.error('has nothing to compare; write watch, counter, or missed = { run = "...", key = "..." }')
        return None
    every = read_table(TaskTable, raw, place).check_missed
    if every is None:
        return None
    words = [sys.executable, "-P", "-m", "procession", "--project", "{project}", "missed", name, "--submit"]
    table = {"every": f"{every:g} s", "catch_up": "one", "at_once": 1, "steps": [{"name": "missed", "run": words}]}
    return build_task(f"{name}:missed", table, at, around)
