"""The panel below the timeline: the chosen tab of the chosen step and attempt; only that one is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from procession.commands import processings
from procession.commands.logs import FRAMEWORK
from procession.web.logs import reading
from procession.web.logs.excerpt import excerpt
from procession.web.page import Ask
from procession.web.processing.choice import Choice

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tab:
    """A link to a tab."""

    name: str
    text: str
    count: str
    href: str
    current: bool


def tabs(ask: Ask, found: JSON, chosen: Choice) -> list[Tab]:
    """All tabs."""
    attempt = None if chosen.attempt is None else chosen.attempt["number"]
    inside = ask.query.get("in")
    texts = {"log": "Log", "artifacts": "Artifacts", "variables": "Variables", "environment": "Environment",
             "files": "Files", "history": "History"}  # fmt: skip
    changed = len(((found["variables"] or {}).get("origin")) or {})
    counts = {"variables": f"{changed} changed" if changed else "", "history": str(len(found["journal"]))}
    return [
        Tab(name, text, counts.get(name, ""),
            ask.rel("p", found["id"], "s", chosen.step["name"], a=attempt, tab=None if name == "log" else name,
                    **{"in": inside}), name == chosen.tab)
        for name, text in texts.items()
    ]  # fmt: skip


def panel(ask: Ask, found: JSON, chosen: Choice) -> JSON:
    """What the chosen tab shows."""
    return PANELS[chosen.tab](ask, found, chosen)


def _log(ask: Ask, found: JSON, chosen: Choice) -> JSON:
    if chosen.attempt is None:
        return {}
    whole = processings.get(ask.project, found["id"])
    step = processings.find_step(whole, chosen.step["name"])
    attempt = next(each for each in step.attempts if each.number == chosen.attempt["number"])
    directory = ask.project.var.attempt(whole.id, step.ordinal, step.name, attempt.number)
    framework = ask.query.get("framework") == "1"
    with reading.of(ask, whole, step, attempt, framework=framework) as log:
        return {
            "log": reading.about(log), "excerpt": excerpt(log), "framework": framework,
            "reduction": (directory / FRAMEWORK).is_file(), "attempts": [e.number for e in step.attempts],
        }  # fmt: skip


def _history(ask: Ask, found: JSON, chosen: Choice) -> JSON:
    names = {each["ordinal"]: each["name"] for each in found["steps"]}
    return {"lines": [{**each, "step_name": names.get(each["step"])} for each in reversed(found["journal"])]}


PANELS = {"log": _log, "history": _history}
