"""Batches go on, a piece in each turn.

In: the oldest batch at work. Out: its next processings done or refused, and the row that says so, in the turn.
Always: what was done is counted in the transaction in which it was done, so a crash repeats and leaves out
nothing; of several launchers one does a piece.
"""

from __future__ import annotations

from datetime import datetime

from procession.commands.batches import go_on
from procession.project import Project
from procession.store import batches as store
from procession.store.database import Tx


def batches(project: Project, tx: Tx) -> datetime | None:
    """Do the next piece of the oldest batch; say at once that there is more, if there is."""
    if project.serving.kind != "up":
        return None
    batch = store.take_open(tx)
    if batch is None:
        return None
    go_on(project, tx, batch)
    return project.clock.now()
