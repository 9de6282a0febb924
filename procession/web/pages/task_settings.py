"""The tab Settings of a task: what holds beside what the file says, and all that its file says of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from procession import units
from procession.errors import Denied
from procession.model.task import CALL, TIMETABLE, WATCH, StepPlan, Task
from procession.web import standings
from procession.web.page import Ask
from procession.web.pages.task import TABS

WHOLE = ("cpus", "memory", "gpus")
"""What every task shares."""


def settings(ask: Ask, task: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Values that can be changed while it runs; then the file."""
    plan = standings.definition(task)
    try:
        held = {each["name"]: each for each in ask.verb("settings")["items"]}
        told = ""
    except Denied as error:
        held, told = {}, str(error)
    names = [name for name in dict.fromkeys(_names(plan)) if name in held]
    values = {
        "rows": [_held(held[name]) for name in names], "shared": [_held(held[name]) for name in WHOLE if name in held],
        "told": told, "facts": list(_facts(plan)), "plans": [_step(each) for each in plan.steps],
    }  # fmt: skip
    return "tabs/settings.html", values


def _held(row: dict[str, Any]) -> dict[str, Any]:
    """A setting as people write it: memory with its unit, no more digits than it has, what it is in words."""
    kind, _, of = row["name"].partition(":")
    said = {
        "at_once": "Processings at once", "limit": f"Limit {of}", "queue": f"Steps at once in queue {of}",
        "cpus": "Processors of all tasks", "memory": "Memory of all tasks", "gpus": "GPUs of all tasks",
    }.get(kind, row["name"])  # fmt: skip
    return {**row, "said": said, "typed": _typed(kind, row["value"]), "filed": _said(kind, row["file"]),
            "now": _said(kind, row["value"])}  # fmt: skip


def _typed(kind: str, value: Any) -> str:
    """A value as one types it, so that it reads back as this one."""
    if value is None or isinstance(value, str):
        return value or ""
    if kind == "memory":  # what a host has is no number that anybody would type
        said = units.size(value)
        return said if units.to_bytes(said) == value else ""
    return f"{value:.12g}"


def _said(kind: str, value: Any) -> str:
    if value is None or (value == 0 and kind not in ("gpus", "memory")):
        return "no limit"
    if isinstance(value, str):
        return value
    return units.size(value) if kind == "memory" else f"{value:.12g}" if value else "none"


def _names(plan: Task) -> Iterator[str]:
    """Settings that bear on this task."""
    yield f"at_once:{plan.name}"
    for uses in (plan.uses, *(step.uses for step in plan.steps)):
        yield from (f"limit:{name}" for name, _ in uses)
    yield from (f"queue:{step.queue}" for step in plan.steps if step.queue)


def _facts(plan: Task) -> Iterator[tuple[str, str]]:
    """What the file says of the task; what it leaves out is left out."""
    said: tuple[tuple[str, object], ...] = (
        ("Started by", _started(plan.on)), ("Where", plan.where), ("Every", plan.every and units.duration(plan.every)),
        ("Counted from the end", "yes" if plan.from_end else ""),
        ("Cron", plan.cron and f"{plan.cron} {plan.timezone}"),
        ("Missed runs", plan.catch_up if plan.periodic else ""), ("Group", plan.group), ("Priority", plan.priority),
        ("Delay", plan.delay and units.duration(plan.delay)), ("Queue", plan.queue),
        ("Suspended after failures in a row", plan.max_failures), ("Waiting at most", plan.max_waiting),
        ("Kept at least", plan.retention and units.duration(plan.retention)),
        ("Disk of a processing", plan.disk and units.size(plan.disk)), ("Skipped when", plan.skip_when),
        ("Takes from its first step to its last", _uses(plan.uses)), ("Source", plan.source),
        ("Experiment", plan.experiment), ("Run", plan.run_by), ("Grants", ", ".join(plan.grants)),
        ("Expected", plan.expect and f"at least {plan.expect.at_least} in {units.duration(plan.expect.per)}"),
        ("Variables from", plan.variables_from),
    )  # fmt: skip
    return ((name, str(value)) for name, value in said if value)


def _started(on: str) -> str:
    return "a call by its name" if on.startswith(CALL) or not on else "" if on.startswith((TIMETABLE, WATCH)) else on


def _uses(uses: Any) -> str:
    return ", ".join(f"{amount:g} {name}" for name, amount in uses)


def _many(count: float, what: str) -> str:
    return f"{count:g} {what}{'' if count == 1 else 's'}" if count else ""


def _step(step: StepPlan) -> dict[str, Any]:
    retry, caps = step.retry, step.caps
    soft = [*(f"exit {code}" for code in step.soft.exit), *(f"output {text}" for text in step.soft.output)]
    return {
        "name": step.name, "kind": step.kind, "when": step.when or "",
        "takes": ", ".join(filter(None, (
            _many(step.cpus, "processor"), units.size(step.memory) if step.memory else "",
            _many(step.gpus, "GPU"), _uses(step.uses), *step.labels,
        ))),
        "timeout": units.duration(step.timeout) if step.timeout else "",
        "quiet": units.duration(caps.quiet) if caps.quiet else "",
        "caps": ", ".join(filter(None, (
            f"cpu {units.duration(caps.cpu)}" if caps.cpu else "", f"{caps.files} files" if caps.files else "",
            f"log {units.size(caps.log)}" if caps.log else "",
        ))),
        "retries": f"{retry.attempts}, after a time-out or a loss" + "".join(f", {each}" for each in retry.on),
        "soft": f"{retry.soft_attempts}, after exit 75" + (f", {', '.join(soft)}" if soft else ""),
        "delay": f"{units.duration(retry.delay)}, then × {retry.factor:g}, at most {units.duration(retry.max_delay)}",
    }  # fmt: skip


TABS["settings"] = ("Settings", settings)
