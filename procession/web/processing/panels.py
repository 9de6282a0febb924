"""The panel below the timeline: the chosen tab of the chosen step and attempt; only that one is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from procession.commands import processings
from procession.commands.logs import FRAMEWORK
from procession.errors import NotFound
from procession.web.logs import reading
from procession.web.logs.excerpt import excerpt
from procession.web.page import Ask
from procession.web.processing import directory, previews, surroundings, values
from procession.web.processing.choice import Choice

JSON = dict[str, Any]
MOST_ARTIFACTS = 100
"""Files of a step that are shown."""


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


def _artifacts(ask: Ask, found: JSON, chosen: Choice) -> JSON:
    root = ask.project.var.work(found["id"])
    steps = [_left(root, each, chosen, found["outputs"]) for each in found["steps"] if each["attempts"]]
    return {"steps": [each for each in steps if each["files"] or each["outputs"] or each["metrics"]]}


def _left(root: Path, step: JSON, chosen: Choice, outputs: JSON) -> JSON:
    """What a step has left: its chosen attempt, else its last one."""
    here = step["name"] == chosen.step["name"] and chosen.attempt is not None
    attempt = chosen.attempt if here and chosen.attempt is not None else step["attempts"][-1]
    place = f"{step['ordinal']:02d}-{step['name']}/{attempt['number']}/artifacts"
    files = list(directory.below(root, place, MOST_ARTIFACTS + 1))
    shown = [previews.preview(root, each) for each in files[:MOST_ARTIFACTS]]
    return {
        "step": step["name"], "attempt": attempt["number"], "files": shown, "more": len(files) > MOST_ARTIFACTS,
        "outputs": outputs.get(step["name"], {}), "metrics": attempt["metrics"], "prefix": len(place) + 1,
    }  # fmt: skip


def _files(ask: Ask, found: JSON, chosen: Choice) -> JSON:
    root = ask.project.var.work(found["id"])
    wanted = ask.query.get("dir") or "files"
    number = 0 if chosen.attempt is None else chosen.attempt["number"]
    own = f"{chosen.step['ordinal']:02d}-{chosen.step['name']}"
    roots = [("files", "files"), (f"{own}/files", "files of the step"), (f"{own}/{number}/artifacts", "artifacts")]
    if not directory.allowed(wanted) or not wanted.split("/")[-1]:
        raise NotFound("there is no directory at this address that pages show")
    entries, whole = directory.listed(root, wanted)
    there = [(path, text) for path, text in roots if path == wanted or (root / path).is_dir()]
    pieces = wanted.split("/")
    trail = [("/".join(pieces[: n + 1]), piece) for n, piece in enumerate(pieces)]
    trail = [each for each in trail if directory.allowed(each[0])]
    return {"dir": wanted, "roots": there, "trail": trail, "entries": entries, "whole": whole, "root": str(root)}


def _variables(ask: Ask, found: JSON, chosen: Choice) -> JSON:
    return values.panel(ask, found)


def _environment(ask: Ask, found: JSON, chosen: Choice) -> JSON:
    return surroundings.panel(ask, found, chosen)


PANELS = {
    "log": _log, "artifacts": _artifacts, "variables": _variables, "environment": _environment, "files": _files,
    "history": _history,
}  # fmt: skip
