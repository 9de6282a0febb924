"""How the server itself is."""

from __future__ import annotations

from typing import Any

from procession import __version__
from procession.clock import iso
from procession.project import Project
from procession.verbs.verb import Caller, verb

HIDDEN = "the files are wrong, the older ones hold; who may see all tasks is told why"
"""What is said to others: a file may tell of tasks that are not theirs."""


@verb("health", "read", "GET /health")
def health(project: Project, caller: Caller) -> dict[str, Any]:
    """Which project this is, whether somebody serves it, and who you are to it."""
    with project.store.read() as tx:
        serving = project.is_served(tx)
    return {
        "project": project.settings.name,
        "version": __version__,
        "now": iso(project.clock.now()),
        "serving": serving,
        "problem": project.file_problem if caller.groups is None or not project.file_problem else HIDDEN,
        "you": {
            "by": caller.by,
            "scopes": sorted(caller.scopes),
            "groups": None if caller.groups is None else sorted(caller.groups),
        },
    }
