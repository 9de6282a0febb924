"""In what an attempt ran: command, directory, environment, interpreter and packages, and how it ended, in words.

*In:* the record of the attempt and its row. *Out:* the tab Environment. *Always:* values of variables that may be
secrets are not sent to the browser.
"""

from __future__ import annotations

import shlex
from typing import Any

from procession import code, contract
from procession.commands.changes import SECRET
from procession.supervise import spool
from procession.units import duration, size
from procession.web.page import Ask
from procession.web.processing.choice import Choice

JSON = dict[str, Any]
MASK = "••••••"
WIDEST = 2_000


def panel(ask: Ask, found: JSON, chosen: Choice) -> JSON:
    """The tab."""
    attempt = chosen.attempt
    if attempt is None:
        return {"attempt": None}
    spec = record_of(ask, found["id"], chosen.step, attempt["number"])
    around = attempt["surroundings"] or {}
    packages = code.text_of(ask.project.var.code, around["packages"]) if around.get("packages") else None
    return {
        "attempt": attempt["number"], "ended": ended(attempt), "command": shlex.join(spec.get("argv", ())) or None,
        "cwd": spec.get("cwd"), "limits": limits(spec.get("limits") or {}), "own": variables(spec.get("env_set", {})),
        "base": variables(spec.get("env_base", {})), "interpreter": around.get("interpreter"),
        "version": around.get("version"), "commit": around.get("commit"),
        "packages": [line.rsplit(" ", 1) for line in (packages or "").splitlines()],
        "code": attempt["code"], "used": used(attempt),
        "record": bool(spec), "by_hand": attempt["made_by"] is not None,
    }  # fmt: skip


def record_of(ask: Ask, pid: int, step: JSON, number: int) -> JSON:
    """What its shim was told; nothing where that is not kept any more, or where it was a function."""
    directory = ask.project.var.attempt(pid, step["ordinal"], step["name"], number)
    record = spool.archived(directory)
    if record is None:
        seen = spool.look(ask.project.var.spool, ask.project.attempt_key(pid, step["ordinal"], number))
        record = getattr(seen, "record", None)
    found: JSON = (record.spec if record else None) or {}
    return found


def variables(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values, but for secrets."""
    return [(name, MASK if SECRET.search(name) else str(found[name])[:WIDEST]) for name in sorted(found)]


def limits(found: JSON) -> list[tuple[str, str]]:
    """What the system would not let it exceed."""
    return [(name, str(soft)) for name, (soft, _) in sorted(found.items()) if soft not in (-1, 0)]


def ended(attempt: JSON) -> str:
    """How it ended, for people."""
    if attempt["outcome"] is None:
        return "It has not ended"
    if attempt["signal"]:
        name = contract.signal_name(attempt["signal"])
        why = {"memory": ", for it took more memory than it may", "timeout": ", for it took too long"}
        return f"Killed by {name}{why.get(attempt['outcome'], '')}"
    said = {75: "exit code 75: try again", 77: "exit code 77: skip the rest", 0: "exit code 0"}
    if attempt["exit_code"] is not None:
        code_ = attempt["exit_code"]
        return f"Ended with {said.get(code_, f'exit code {code_}')}"
    if attempt["made_by"]:
        how = "Accepted" if attempt["asks"] is None else f"Answered {attempt['answer']}"
        return f"{how} by {attempt['made_by']}" + (f": {attempt['note']}" if attempt["note"] else "")
    return str(attempt["reason"] or attempt["outcome"]).capitalize()


def used(attempt: JSON) -> list[tuple[str, str]]:
    """What it took of the machine."""
    made = [
        ("Duration", None if attempt["seconds"] is None else duration(attempt["seconds"])),
        ("Processor time", None if attempt["cpu_seconds"] is None else duration(attempt["cpu_seconds"])),
        ("Largest process", None if attempt["max_rss"] is None else size(attempt["max_rss"])),
        ("Log", None if attempt["log_bytes"] is None else size(attempt["log_bytes"])),
    ]
    return [(name, text) for name, text in made if text is not None]
