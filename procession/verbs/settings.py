"""Verbs on settings: what a person changes while it runs."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.commands import settings
from procession.project import Project
from procession.verbs.verb import Caller, verb


@verb("settings", "read", "GET /settings")
def settings_(project: Project, caller: Caller) -> Any:
    """What holds now beside what the file says, and who set it."""
    return {"items": [present.setting(held) for held in settings.list_all(project)]}


@verb("set", "operate", "POST /settings")
def set_(project: Project, caller: Caller, name: str, value: str | float, reason: str | None = None) -> Any:
    """Change a value while it runs: at_once:TASK, limit:NAME, queue:NAME, launcher:NAME:cpus, cpus, memory and more."""
    whole = not isinstance(value, str) and value == value // 1
    settings.change(project, name, str(int(value) if whole else value), caller.asked(reason))
    return settings_(project, caller)


@verb("banner", "operate", "POST /banner")
def banner(project: Project, caller: Caller, text: str | None = None, reason: str | None = None) -> Any:
    """Show a text at the top of every page; without a text, remove it."""
    return present.setting(settings.announce(project, text, caller.asked(reason)))


@verb("reset", "operate", "POST /settings/reset")
def reset(project: Project, caller: Caller, name: str, reason: str | None = None) -> Any:
    """Go back to the value in procession.toml."""
    settings.reset(project, name, caller.asked(reason))
    return settings_(project, caller)
