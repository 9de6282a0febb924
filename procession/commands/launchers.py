"""What people ask of the launcher: is it there, what is going on, stop it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import datetime

from procession.clock import moment
from procession.errors import Refused
from procession.model.processing import Processing
from procession.project import Project, poke
from procession.store import launchers, processings, steps
from procession.workdir import is_held

STOPS_WITHIN = 10.0
"""Seconds; a launcher leaves at once, whatever runs."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A launcher that serves this project."""

    name: str
    host: str
    pid: int
    cpus: float
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """What is going on."""

    serving: Serving | None
    counts: dict[str, dict[str, int]]
    """Task → state → how many processings."""
    running: tuple[Processing, ...]
    """The newest running processings, with their steps."""
    failed: tuple[Processing, ...]
    """The newest failed ones, with their steps."""
    problem: str | None
    """What is wrong with the definition files as they are now."""


def status(project: Project, limit: int = 10) -> Status:
    """A picture of the whole installation, quick at any size."""
    with project.store.read() as tx:
        row = next((r for r in reversed(launchers.not_stopped(tx)) if r.kind == "up"), None)
        serving = None
        if row is not None and project.is_served(tx):
            serving = Serving(row.name, row.host, row.pid, row.cpus, moment(row.started_at))
        found = {
            name: tuple(
                replace(p, steps=steps.of(tx, p.id))
                for p in processings.newest(tx, task=None, state=name, before=None, limit=limit)
            )
            for name in ("running", "failed")
        }
        counts = processings.counts(tx)
    return Status(serving, counts, found["running"], found["failed"], project.file_problem)


def stop(project: Project) -> int | None:
    """Let the launcher of this place leave, and wait until it has; scripts run on. Returns its process id."""
    if not is_held(project.var.lock):
        raise Refused("nobody serves this project here; there is nothing to stop")
    try:
        pid: int | None = int(project.var.lock.read_text())
    except (OSError, ValueError):
        pid = None
    if not poke(project.var.wake, "stop"):
        raise Refused(f"the launcher (process {pid}) does not listen at {project.var.wake}; is it starting? try again")
    deadline = time.monotonic() + STOPS_WITHIN
    while is_held(project.var.lock):
        if time.monotonic() > deadline:
            raise Refused(
                f"the launcher (process {pid}) was told to stop and has not yet left; look at: {project.var.log}"
            )
        time.sleep(0.02)
    return pid
