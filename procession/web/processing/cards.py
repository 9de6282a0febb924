"""What stands below the head: why it failed and what is known of that, or why it waits and what one can do about it.

*In:* the answers of ``show``, ``why`` and ``changes``. *Out:* a card. *Always:* everything in it is said in words, and
what can be done about an obstacle is a verb like any other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from procession.clock import iso, moment
from procession.errors import NotFound, Refused
from procession.model.outcome import Outcome
from procession.store import causes, journal, tasks
from procession.web.page import Ask
from procession.web.processing.differences import Differences, differences
from procession.web.processing.timeline import kind_of

JSON = dict[str, Any]
MOST_CHANGES = 8
WAITS = frozenset({"waiting", "running"})
RUNS = frozenset({"running", "starting", "scheduled", "foreground", "pausing"})
"""Answers of ``why`` that are no obstacles."""


@dataclass(frozen=True, slots=True)
class Deed:
    """A button of a card: a verb with what is known of its arguments, or a link."""

    label: str
    verb: str = ""
    given: dict[str, str] = field(default_factory=dict)
    asks: bool = True
    """It opens the dialog; else it is done at once."""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that it waits for."""

    code: str
    text: str
    deeds: tuple[Deed, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a step failed."""

    step: str
    attempt: int
    of: int | None
    """How often it would have been tried, where it was tried as often as it may."""
    text: str
    error: str
    others: int
    signature: str | None
    since: str | None
    compared: JSON | None
    changes: Differences
    shell: str
    enters: bool
    cleaned: bool
    asked: bool
    """A person answered, so there is no log."""


def failed(ask: Ask, found: JSON, step: JSON) -> Failed | None:
    """Why this step failed; None where it has not."""
    attempts = [each for each in step["attempts"] if each["outcome"]]
    if step["state"] != "failed" or not attempts:
        return None
    last = attempts[-1]
    cause = _cause(ask, last["cause"])
    others = max(0, (cause.failed if cause else 0) - 1)
    compared = _compared(ask, found["id"], step["name"])
    changes = differences(_telling(compared["changes"], last["outcome"]) if compared else (), MOST_CHANGES)
    since = iso(moment(cause.first_at)) if cause and others and cause.first_at else None
    return Failed(
        step["name"], last["number"], _budget(ask, found, step, last), _what(last), error_of(last), others,
        last["cause"], since, compared, changes,
        f"procession shell {found['id']} {step['name']}", last["started_at"] is not None, bool(found["cleaned_at"]),
        last["asks"] is not None,
    )  # fmt: skip


def _telling(changes: list[JSON], outcome: str) -> list[JSON]:
    """What may be why it failed: how long it took and what memory it used follow from that, but for two outcomes."""
    follows = {"duration", "memory"} - {{"timeout": "duration", "memory": "memory"}.get(outcome, "")}
    return [each for each in changes if each["kind"] not in follows]


def accepted(found: JSON) -> list[JSON]:
    """The steps whose result a person gave by hand: who, when, why, and what had come of the attempt before."""
    done = []
    for step in found["steps"]:
        last = step["attempts"][-1] if step["attempts"] else None
        if step["state"] == "succeeded" and last and last["made_by"] and last["asks"] is None:
            before = next((each for each in reversed(step["attempts"][:-1]) if each["outcome"]), None)
            done.append({"step": step["name"], "by": last["made_by"], "at": last["finished_at"], "note": last["note"],
                         "before": before, "error": before and error_of(before)})  # fmt: skip
    return done


def _what(attempt: JSON) -> str:
    said = {"timeout": "took too long", "lost": "was lost", "memory": "ran out of memory",
            "not_started": "could not be started", "retry": "asked to be tried again, too often"}  # fmt: skip
    return said.get(attempt["outcome"], "failed")


def error_of(attempt: JSON) -> str:
    """What it said last: without the code, which stands elsewhere."""
    reason = str(attempt["reason"] or "")
    return re.sub(r"^exit code \d+: ", "", reason) or str(attempt["note"] or "")


def _cause(ask: Ask, signature: str | None) -> causes.Known | None:
    """What is known of a cause: of a processing that they may see, so of a task that they may see."""
    if not signature:
        return None
    with ask.project.store.read() as tx:
        return next(iter(causes.beginning(tx, signature)), None)


def _compared(ask: Ask, pid: int, step: str) -> JSON | None:
    try:
        found: JSON = ask.verb("changes", id=pid, step=step)
    except (NotFound, Refused):
        return None
    return found if found["compared_with"] else None


def _budget(ask: Ask, found: JSON, step: JSON, last: JSON) -> int | None:
    """How many attempts there may be, where this was the last of them; None where only a person had it tried again."""
    if last["number"] == 1 and len(step["attempts"]) == 1:
        return None
    with ask.project.store.read() as tx:
        try:
            retry = tasks.by_hash(tx, found["definition"]).step(step["ordinal"]).retry
        except (LookupError, ValueError, TypeError):
            return None
    if last["outcome"] in (Outcome.FAILED, Outcome.MEMORY) and last["outcome"] not in retry.on:
        return None
    budget = retry.soft_attempts if kind_of(last) == "will-retry" else retry.attempts
    return budget if last["number"] == budget else None


def waiting(ask: Ask, found: JSON) -> list[Obstacle]:
    """Everything that it waits for; nothing where it does not wait."""
    why = found["why"]
    if found["state"] not in WAITS or why is None or why["code"] in RUNS:
        return []
    told = [each for each in (why, *why.get("also", ())) if each["code"] != "person"]  # its question has a card
    return [Obstacle(each["code"], _capital(each["text"]), _deeds(found, each)) for each in told]


def waiting_since(ask: Ask, found: JSON) -> str:
    """Since when it waits; of one that has begun: its birth, the end of what ran of it last, or when somebody let it go
    on."""
    if found["waiting_at"] is not None:
        return str(found["waiting_at"])
    ends = [each["finished_at"] for step in found["steps"] for each in step["attempts"] if each["finished_at"]]
    with ask.project.store.read() as tx:
        again = journal.let_go_on(tx, found["id"])
    moments: list[str] = [found["created_at"], *ends]
    if again is not None:
        moments.append(str(iso(moment(again))))
    return max(moments, key=datetime.fromisoformat)


def _deeds(found: JSON, each: JSON) -> tuple[Deed, ...]:
    """What one can do about an obstacle."""
    holders = tuple(Deed(f"Open {pid}", place=f"p/{pid}") for pid in (each.get("holders") or ())[:3])
    code, name, pid = each["code"], each.get("name") or "", str(found["id"])
    if code == "lock" and name and holders:
        return (*holders, Deed("Release lock…", "unlock", {"name": name}))
    if code in ("limit", "too_much", "lock") and name:
        return (*holders, Deed("Raise limit…", "set", {"name": f"limit:{name}"}))
    if code == "at_once":
        return (*holders, Deed("Raise it…", "set", {"name": f"at_once:{found['task']}"}))
    if code == "queue" and name:
        return (*holders, Deed("Raise it…", "set", {"name": f"queue:{name}"}))
    if code == "held":
        return (Deed("Release", "release", {"id": pid}, asks=False),)
    if code in ("not_before", "retry_at"):
        return (Deed("Run now", "run-now", {"id": pid}, asks=False),)
    if code in ("disk", "disk_full", "too_much_disk", "disk_unknown"):
        return (Deed("See disk", place="disk"),)
    if code in ("no_host", "no_queue", "too_many_cpus", "too_much_memory", "too_many_gpus", "draining", "silent"):
        return (Deed("See hosts", place="hosts"),)
    if code == "paused":
        return (Deed("Resume task", "resume", {"task": found["task"]}),)
    return holders


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
