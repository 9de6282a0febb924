"""What can be done with a processing, each with what it will do; only what it allows as it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to do."""

    label: str
    tells: str
    verb: str
    given: dict[str, str] = field(default_factory=dict)
    asks: bool = False
    """It opens a dialog, or a page."""
    place: str = ""
    danger: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """All of it."""

    first: Choice | None
    """What one most likely wants."""
    again: list[Choice]
    """Ways to run it again."""
    more: list[Choice]


def choices(found: JSON, *, adjustable: bool) -> Choices:
    """What is offered."""
    pid = str(found["id"])
    again = _again(found, pid, adjustable=adjustable)
    more = _more(found, pid)
    first = again[0] if again else next((each for each in more if each.verb in ("release", "run-now")), None)
    return Choices(first, again, [each for each in more if each is not first])


def _again(found: JSON, pid: str, *, adjustable: bool) -> list[Choice]:
    if not found["finished_at"]:
        return []
    if found["replaced_by"] is not None:
        return []
    made, kept = [], found["cleaned_at"] is None
    for step in found["steps"]:
        if kept and step["state"] in ("failed", "cancelled") and "retry" in found["offers"]:
            tells = "Same directory, newest code, next attempt; tries are counted from 1 again"
            made.append(Choice(f"Retry from {step['name']}", tells, "retry", {"id": pid, "step": step["name"]}))
            break
    anew = Choice(
        "Restart all", f"A new version, v{found['version'] + 1}, in a fresh directory", "restart", {"id": pid}, True
    )
    if found["state"] != "failed" or not kept:
        made.append(anew)
    if kept:
        for step in found["steps"]:
            if "restart" in step["offers"] and not any(one.given.get("step") == step["name"] for one in made):
                tells = "Same directory; this step and all that need it run again"
                made.append(
                    Choice(f"Restart from {step['name']}", tells, "restart", {"id": pid, "step": step["name"]}, True)
                )
    if anew not in made:
        made.append(anew)
    if adjustable:
        tells = "A new version with other values of its variables"
        made.append(Choice("Re-run with changes…", tells, "rerun", {"id": pid}, True, f"p/{pid}/rerun"))
    return made


def _more(found: JSON, pid: str) -> list[Choice]:
    made: list[Choice] = []
    ended, given = bool(found["finished_at"]), {"id": pid}
    held = "held" in found["marks"]
    if held:
        made.append(Choice("Release", "It may start again", "release", given))
    if not ended:
        if found["state"] == "waiting" or any(each["due_at"] for each in found["steps"]):
            made.append(Choice("Run now", "It starts as soon as there is room, not at its time", "run-now", given))
        if not held:
            made.append(Choice("Hold…", "Nothing more of it starts until it is released", "hold", given, True))
        made.append(Choice("Cancel…", "What runs is ended, nothing more starts", "cancel", given, True, danger=True))
    for step in found["steps"]:
        if ended and "accept" in step["offers"] and found["replaced_by"] is None:
            tells = "What was done by hand is the result; the chain goes on"
            made.append(Choice(f"Accept {step['name']}…", tells, "accept", {**given, "step": step["name"]}, True))
    if "pinned" in found["marks"]:
        made.append(Choice("Unpin", "The cleaner may remove its files again", "unpin", given))
    else:
        made.append(Choice("Pin", "The cleaner never removes its files", "pin", given))
    if ended:
        tells = "Its rows and its directory go; its journal stays"
        made.append(Choice("Delete…", tells, "delete", given, True, danger=True))
        tells = "The same event gets a new processing at once"
        again = {**given, "again": "true"}
        made.append(Choice("Delete and emit again…", tells, "delete", again, True, danger=True))
    return made
