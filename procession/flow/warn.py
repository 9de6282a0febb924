"""A disk at its floor, or a budget that cannot be met, is told to people as long as it lasts.

In: the file system and the rules. Out: one message, which ends when there is room again. Always: it is told while
nothing starts, for then nobody else would.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from procession import disk
from procession.commands.messages import Notice, here, own, said_here, stand
from procession.flow.budget import budget_of, full
from procession.project import Project
from procession.store import messages, settings
from procession.store.database import Tx
from procession.units import size

EVERY = timedelta(seconds=5)


def warn(project: Project, tx: Tx) -> datetime | None:
    """Tell of a full disk, or that it is full no more; say when to look again."""
    if project.serving.kind != "up":
        return None
    told = own(project, tx, "disk")
    if why := full(project.var, project.settings) or _impossible(project, tx):
        stand(project, tx, Notice("disk", "", said_here(project, why), signature=here(project)), told)
    elif told:
        messages.end(tx, [message.id for message in told], project.now())
    return project.clock.now() + EVERY


def _impossible(project: Project, tx: Tx) -> str | None:
    """Why no processing can ever begin: more is to stay free than the disk has."""
    space = disk.space(project.var.root / "work")
    budget = budget_of(project.settings, settings.all_of(tx), space)
    if budget.keep_free is None or budget.keep_free < space.total:
        return None
    return (
        f"keep_free is {size(budget.keep_free)} and the whole disk has {size(space.total)}: nothing can begin; "
        "set it lower: procession set keep_free=…"
    )
