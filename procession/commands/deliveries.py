"""Deliveries: what was sent out, what could not be, and sending it again.

In: an id. Out: all tries anew, the first at once. Always: the receiver sees the same name and the same body as before.
"""

from __future__ import annotations

from procession.commands.asked import Asked
from procession.errors import NotFound, Refused
from procession.model.delivery import Delivery
from procession.project import Project
from procession.store import deliveries, moves
from procession.store.moves import Moving


def newest(project: Project, *, failed: bool = False, before: int | None = None, limit: int = 50) -> list[Delivery]:
    """The newest first; `failed`: only those that were given up; `before` is the id to go on from."""
    with project.store.read() as tx:
        return deliveries.newest(tx, failed_only=failed, before=before, limit=limit)


def redeliver(project: Project, delivery_id: int, who: Asked) -> Delivery:
    """Send it again, at once; Refused while it is still tried."""
    with project.store.begin() as tx:
        found = deliveries.find(tx, delivery_id)
        if found is None:
            raise NotFound(f"there is no delivery {delivery_id}; see: procession deliveries")
        if found.state == "waiting":
            raise Refused(f"delivery {delivery_id} is still being tried; its next try comes by itself")
        now = project.now()
        deliveries.again(tx, delivery_id, now)
        if found.processing_id is not None:
            reason = f"delivery {delivery_id}" + (f": {who.reason}" if who.reason else "")
            moves.note(tx, "processing", "redeliver", [Moving(found.processing_id, now, why=reason)], who.by)
        tx.after(project.wake)
        return deliveries.find(tx, delivery_id) or found
