"""Verbs of what pages show: the overview, the grid of a task, counts, neighbours, durations, galleries, arrivals."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from procession import present
from procession.commands import arrivals, galleries, grids, overviews, searching, spans
from procession.project import Project
from procession.store import tasks
from procession.verbs.bounds import identity, up_to
from procession.verbs.verb import Caller, verb

MOST_DAYS = 400


def seen(project: Project, caller: Caller) -> Collection[str] | None:
    """Names of the tasks that a caller may see; None: all."""
    if caller.groups is None:
        return None
    with project.store.read() as tx:
        return frozenset(task.name for task in tasks.current(tx).values() if task.group in caller.groups)


@verb("overview", "read", "GET /overview")
def overview(project: Project, caller: Caller, days: int = 1) -> Any:
    """How every task stands, what came and how it ended in these days, and what is new."""
    found = overviews.overview(project, up_to("days", days, MOST_DAYS), seen(project, caller))
    return present.overview(found)


@verb("grid", "read", "GET /tasks/{name}/grid")
def grid(
    project: Project, caller: Caller, name: str, query: str = "", newest: int = 1000, rows: str = "steps",
    columns: str = "processings", colour: str = "state",
) -> Any:  # fmt: skip
    """The newest processings of a task as one picture: by steps, or by days and parameters.

    `colour`: state, duration, attempts, host or metric.NAME, a number that its scripts report.
    """
    most = grids.MOST if rows == "steps" else grids.MOST_IN_PIVOT
    found = grids.grid(project, name, query, up_to("newest", newest, most), rows, columns, colour)
    return present.grid(name, *found)


@verb("count", "read", "GET /processings/count")
def count(project: Project, caller: Caller, query: str = "") -> Any:
    """How many processings a query means, counted up to ten thousand."""
    return present.counted(searching.count(project, query, seen(project, caller)))


@verb("neighbours", "read", "GET /processings/{id}/neighbours")
def neighbours(project: Project, caller: Caller, id: int, query: str = "") -> Any:
    """The next newer and the next older processing among all that a query means."""
    found = searching.beside(project, identity("id", id), query, seen(project, caller))
    return present.beside(id, found)


@verb("complete", "read", "GET /processings/complete")
def complete(project: Project, caller: Caller, text: str = "", whole: bool = False) -> Any:
    """How the last word of a query may go on; or, 'whole', every term that there is."""
    found = searching.complete(project, text, seen(project, caller), whole=whole)
    return present.page([present.completion(each) for each in found], None)


@verb("durations", "read", "GET /tasks/{name}/durations")
def durations(project: Project, caller: Caller, name: str, days: int = 7) -> Any:
    """How long the steps of a task took, of a sample over these days, and since when one takes longer."""
    return present.spans(spans.spans(project, name, up_to("days", days, MOST_DAYS)))


@verb("gallery", "read", "GET /tasks/{name}/gallery")
def gallery(
    project: Project, caller: Caller, name: str, artifact: str | None = None, query: str = "", newest: int = 60,
    cursor: int | None = None,
) -> Any:  # fmt: skip
    """The same artifact of the newest processings of a task."""
    before = None if cursor is None else identity("cursor", cursor)
    newest = up_to("newest", newest, galleries.MOST)
    return present.gallery(galleries.gallery(project, name, artifact, query, newest, before))


@verb("arrivals", "read", "GET /events/arrivals")
def arrivals_(project: Project, caller: Caller, hours: int = 24) -> Any:
    """How many events came in every ten minutes, and from where the newest ones came."""
    return present.arrivals(arrivals.arrivals(project, up_to("hours", hours, 24 * 7)))
