"""Verbs on alerts."""

from __future__ import annotations

from typing import Any

from procession.commands import alerts
from procession.project import Project
from procession.verbs.verb import Caller, verb


@verb("alerts-test", "operate", "POST /alerts/test")
def alerts_test(project: Project, caller: Caller) -> Any:
    """Send a test message to everybody whom [alerts] names, and say who was reached."""
    return {"items": alerts.test(project, caller.by)}
