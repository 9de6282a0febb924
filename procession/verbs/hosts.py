"""Verbs on launchers: who serves, and what each may do."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.commands import hosts
from procession.project import Project
from procession.verbs.verb import Caller, verb


@verb("launchers", "read", "GET /launchers")
def launchers(project: Project, caller: Caller, stopped: bool = False) -> Any:
    """Who serves, where, and what each does."""
    return {"items": [present.launcher(each) for each in hosts.list_all(project, stopped=stopped)]}


@verb("drain", "operate", "POST /launchers/{name}/drain")
def drain(project: Project, caller: Caller, name: str, reason: str | None = None) -> Any:
    """Let a launcher start nothing new."""
    hosts.set_mode(project, name, "drain", caller.asked(reason))
    return launchers(project, caller)


@verb("maintenance", "operate", "POST /launchers/{name}/maintenance")
def maintenance(project: Project, caller: Caller, name: str, reason: str | None = None) -> Any:
    """Let a launcher serve only the queue maintenance."""
    hosts.set_mode(project, name, "maintenance", caller.asked(reason))
    return launchers(project, caller)


@verb("undrain", "operate", "POST /launchers/{name}/undrain")
def undrain(project: Project, caller: Caller, name: str, reason: str | None = None) -> Any:
    """Let a launcher start work again: end its draining or maintenance."""
    hosts.set_mode(project, name, None, caller.asked(reason))
    return launchers(project, caller)


@verb("stop-launcher", "operate", "POST /launchers/{name}/stop")
def stop_launcher(project: Project, caller: Caller, name: str, how: str = "stop", reason: str | None = None) -> Any:
    """Let a launcher leave: its scripts run on (stop), are waited for (drain) or ended (kill)."""
    hosts.stop(project, name, how, caller.asked(reason))
    return launchers(project, caller)


@verb("give-up", "operate", "POST /launchers/{name}/give-up")
def give_up(project: Project, caller: Caller, name: str, reason: str | None = None) -> Any:
    """Give up a launcher that never comes back: what ran there is lost, and tried again elsewhere."""
    return {"text": hosts.give_up(project, name, caller.asked(reason))}
