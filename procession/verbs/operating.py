"""Verbs of whoever operates the installation: what is going on, how it went, the disk, the doctor, leaving."""

from __future__ import annotations

from typing import Any, Literal

from procession import present
from procession.commands import books, disk, launchers, statistics
from procession.doctor import examine
from procession.errors import Invalid
from procession.project import Project
from procession.verbs.bounds import up_to
from procession.verbs.verb import Caller, verb


@verb("status", "read", "GET /status")
def status(project: Project, caller: Caller) -> Any:
    """What is going on: who serves, how many processings in which state, what runs, what failed last."""
    return present.status(launchers.status(project), project.settings.name, project.var)


@verb("stats", "read", "GET /stats")
def stats(project: Project, caller: Caller, task: str | None = None, days: int = 7) -> Any:
    """How much came, how it ended, how long it took: by day (UTC), and for each step."""
    found = statistics.stats(project, task, up_to("days", days, 3660))
    return {"days": days, "items": [present.statistics(each) for each in found]}


@verb("books", "read", "GET /books")
def books_(project: Project, caller: Caller, quick: bool = False) -> Any:
    """Everything that came, and where it is now; 'quick' by the sums alone, which costs the same however many rows."""
    return present.books(books.books(project, quick=quick))


@verb("disk", "read", "GET /disk")
def disk_(project: Project, caller: Caller, quick: bool = False) -> Any:
    """How full the disk is, who takes it, and what goes next; 'quick' counts the newest 10,000 processings alone."""
    return present.disk(disk.look(project, quick=quick))


@verb("disk-preview", "read", "GET /disk/preview")
def disk_preview(project: Project, caller: Caller, quick: bool = False) -> Any:
    """What the retention would delete now, and why; nothing is deleted. 'quick' looks at the oldest few of each task
    and state alone."""
    return {"items": present.going(disk.preview(project, quick=quick))}


@verb("clean", "operate", "POST /disk/clean")
def clean(project: Project, caller: Caller) -> Any:
    """Delete now what has outlived its retention."""
    disk.clean(project)
    return present.disk(disk.look(project))


@verb("doctor", "read", "GET /doctor")
def doctor(project: Project, caller: Caller, full: bool = False) -> Any:
    """Check rows, records, directories, disk, clock and launcher. Changes nothing."""
    return present.findings(examine(project, full=full))


@verb("stop", "operate", "POST /stop")
def stop(project: Project, caller: Caller, how: Literal["stop", "drain", "kill"] = "stop") -> Any:
    """Tell the launcher of this place to leave, and do not wait for it; scripts run on, but for 'kill'."""
    if how not in ("stop", "drain", "kill"):
        raise Invalid(f"how is stop, drain or kill, not {str(how)[:40]!r}")
    running = len(launchers.awaited(project))
    return {"pid": launchers.tell(project, how).pid, "how": how, "running": running}
