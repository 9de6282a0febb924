"""Programs elsewhere that are not heard of any more, or take too long: what they have claimed is taken back.

In: attempts whose moment has passed. Out: one that was never started is given back uncounted; one that was is a
time-out, or lost; both are counted, limited and tried again at their old place.
Always: the attempt has its outcome from then on, so whatever its worker says later is refused. A clock that is put
forward takes back too much: that is done twice, never lost.
"""

from __future__ import annotations

from datetime import datetime

from procession.clock import moment
from procession.commands.work import UNSTARTED
from procession.flow.candidates import Definitions
from procession.flow.conclude import Conclusion, conclude
from procession.model.outcome import Ending, Outcome
from procession.project import Project
from procession.store import work
from procession.store.database import Tx
from procession.units import duration

BATCH = 256


def lapse(project: Project, tx: Tx) -> datetime | None:
    """Take back what is over; say when the next one will be."""
    if project.serving.kind != "up":
        return None
    now = project.now()
    if work.over(tx, now, 1):
        tx.claim_alone()  # another launcher on this database does the same
        definitions = Definitions(tx)
        found = work.over(tx, now, BATCH)
        conclude(project, tx, [Conclusion(each.which, _ending(each, definitions, now)) for each in found])
    following = work.next_over(tx)
    return None if following is None else moment(max(following, now))


def _ending(found: work.Claimed, definitions: Definitions, now: int) -> Ending:
    if found.started_at is None:
        if found.cancel_requested_at is not None:
            return Ending(Outcome.CANCELLED, UNSTARTED)
        return Ending(Outcome.VOID, f"worker {found.worker} claimed it and did not start it")
    timeout = definitions[found.definition_id].step(found.ordinal).timeout
    if timeout is not None and now >= found.started_at + int(timeout * 1e6):
        return Ending(Outcome.TIMEOUT, f"it took longer than {duration(timeout)} with worker {found.worker}")
    return Ending(Outcome.LOST, f"worker_silent: worker {found.worker} has not been heard of any more")
