"""Verbs on what there is to run with: queues, limits, hosts; and on what this installation is."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.clock import iso, iso_at
from procession.commands import about as installation
from procession.commands import resources
from procession.project import Project
from procession.store.serving import Tried
from procession.verbs.verb import Caller, verb


@verb("queues", "read", "GET /queues")
def queues(project: Project, caller: Caller) -> Any:
    """Every queue: how many wait and since when, how many run, how many may, and who paused it."""
    return {
        "items": [
            {
                "name": each.name, "waiting": each.waiting, "oldest": iso(each.oldest), "running": each.running,
                "asking": each.asking, "at_once": each.at_once, "file": each.file, "launchers": list(each.launchers),
                "paused": None if each.pause is None else present.pause(each.pause),
            }
            for each in resources.queues(project)
        ]
    }  # fmt: skip


@verb("limits", "read", "GET /limits")
def limits(project: Project, caller: Caller) -> Any:
    """Every limit: how much there is of it, and which processings have how much."""
    return {
        "items": [
            {
                "name": each.name, "there": each.there, "file": each.file, "taken": each.taken,
                "users": [{"processing": pid, "amount": amount} for pid, amount in each.users],
            }
            for each in resources.limits(project)
        ]
    }  # fmt: skip


@verb("host", "read", "GET /hosts/{name}")
def host(project: Project, caller: Caller, name: str) -> Any:
    """One host: its launchers, what runs there, and the last attempts."""
    found = resources.host(project, name)
    return {
        "name": found.name,
        "launchers": [present.launcher(each) for each in found.launchers],
        "running": [_tried(each) for each in found.running],
        "last": [_tried(each) for each in found.last],
    }


@verb("about", "read", "GET /about")
def about(project: Project, caller: Caller) -> Any:
    """What this installation is: versions, database, places, licences."""
    found = installation.about(project)
    return {
        "version": found.version, "python": found.python, "platform": found.platform, "database": found.database,
        "size": found.size, "revision": found.revision, "root": found.root, "var": found.var,
        "warnings": list(found.warnings),
        "packages": [{"name": name, "version": of, "licence": by} for name, of, by in found.packages],
    }  # fmt: skip


def _tried(found: Tried) -> dict[str, Any]:
    return {
        "processing": found.processing_id, "task": found.task, "step": found.step, "attempt": found.number,
        "launcher": found.launcher, "outcome": found.outcome, "reason": found.reason,
        "claimed_at": iso_at(found.claimed_at), "started_at": iso_at(found.started_at),
        "finished_at": iso_at(found.finished_at), "cpus": found.cpus, "memory": found.memory,
    }  # fmt: skip
