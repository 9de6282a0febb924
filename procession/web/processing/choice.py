"""Which step, which attempt and which tab of a processing are shown: what the address says, else what matters most.

*Always:* pure; an address that names what is not there is NotFound.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from procession.errors import Invalid, NotFound

TABS = ("log", "artifacts", "variables", "environment", "files", "history")
JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """What is shown."""

    step: JSON
    attempt: JSON | None
    """None: the step has not begun."""
    tab: str
    named: bool
    """The address names the step."""


def choose(found: JSON, step: str | None, query: Mapping[str, str]) -> Choice:
    """What the address of a page means."""
    chosen = matters(found["steps"]) if step is None else next((s for s in found["steps"] if s["name"] == step), None)
    if chosen is None:
        raise NotFound(f"processing {found['id']} has no step {str(step)[:60]!r}")
    tab = query.get("tab") or TABS[0]
    if tab not in TABS:
        raise Invalid(f"tab is one of {', '.join(TABS)}, not {tab[:40]!r}")
    return Choice(chosen, _attempt(chosen, query.get("a", "")), tab, step is not None)


def matters(steps: list[JSON]) -> JSON:
    """The step that failed, else the one that runs or is tried again, else the last one that has begun."""
    for states in (("failed",), ("running",)):
        for each in steps:
            if each["state"] in states:
                return each
    again = [each for each in steps if each["state"] == "ready" and each["attempts"]]
    begun = [each for each in steps if each["attempts"]]
    return (again or begun[-1:] or steps)[0]


def _attempt(step: JSON, number: str) -> JSON | None:
    attempts: list[JSON] = step["attempts"]
    if not number:
        return attempts[-1] if attempts else None
    found = next((each for each in attempts if str(each["number"]) == number), None)
    if found is None:
        raise NotFound(f"step {step['name']} has no attempt {number[:20]!r}")
    return found
