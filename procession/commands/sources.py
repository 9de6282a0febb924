"""Sources and experiments: known from the first processing on that names them.

In: processings that are born, in the caller's transaction; what a person asks. Out: a row for each name that was not
known; each source with what there is of it, and how it is paused. Always: what there is is counted from rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from procession.model.command import Command
from procession.model.origin import NOWHERE, Origin, origin_of
from procession.model.setting import Pause
from procession.model.task import Task
from procession.project import Project
from procession.store import settings
from procession.store import sources as store
from procession.store.database import Tx
from procession.store.sources import Known


def origin(task: Task, params: Mapping[str, Any], given: Mapping[str, Any]) -> Origin:
    """Where a processing of this task comes from; Invalid where the event brings no value for it, or an unfit one."""
    if not (task.source or task.experiment):
        return NOWHERE
    values = task.values(params)
    return origin_of(
        task.source,
        task.experiment,
        lambda template: Command((template,), allow_dash=True).render(values, {}, given)[0],
    )


def note(project: Project, tx: Tx, origins: Iterable[Origin]) -> None:
    """Remember those that were not known."""
    new: dict[tuple[str, str], str | None] = {}
    for each in origins:
        if each.source is not None:
            new["source", each.source] = None
        if each.experiment is not None:
            new["experiment", each.experiment] = each.source
    unknown = {name: parent for name, parent in new.items() if name not in project.known_sources}
    if unknown:
        store.add(tx, [(kind, name, parent) for (kind, name), parent in unknown.items()], project.now())
        tx.after(partial(project.known_sources.update, unknown))


@dataclass(frozen=True, slots=True)
class Source:
    """A source or experiment, and how it stands."""

    known: Known
    pause: Pause | None


def listed(project: Project, *, kind: str = "source", limit: int = 100) -> list[Source]:
    """Sources, or experiments: those first of which something came last."""
    with project.store.read() as tx:
        set_now = settings.all_of(tx)
        return [
            Source(each, set_now.pause_of_source(each.name) if kind == "source" else None)
            for each in store.listed(tx, kind, limit)
        ]
