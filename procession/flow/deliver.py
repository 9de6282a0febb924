"""Deliveries that are due are sent out, beside the loop, and what came of them is written down.

In: rows of `delivery`, and what the courier brings back. Out: those that were taken are done; the others are tried
again later, and after the last try given up, of which people are told.
Always: sent at least once, under one name; of one processing in order, the next when the one before is over. Two
launchers on one database never send the same one at the same time.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from procession.clock import moment
from procession.commands.messages import Notice, note
from procession.courier import AT_ONCE, LIMIT, Parcel, Returned
from procession.model.delivery import TRIES, Delivery, next_try
from procession.model.message import MAX_TEXT
from procession.project import Project
from procession.store import deliveries, messages, processings
from procession.store.database import Tx

LEASE = 3 * LIMIT
"""Seconds for which a try belongs to the launcher that makes it; then it is taken for lost with its launcher."""
SOON = timedelta(seconds=1)


def deliver(project: Project, tx: Tx) -> datetime | None:
    """Take in what has come back, and send what is due; say when the next one is."""
    post = project.serving
    if post.kind != "up":
        return None
    for returned in post.courier.take():
        _write(project, tx, returned)
    waits = _begin(project, tx)
    following = deliveries.next_due(tx)
    if following is None:
        return None
    return max(moment(following), project.clock.now() + (SOON if waits else timedelta()))


def _begin(project: Project, tx: Tx) -> bool:
    """Begin as many tries as there are hands for; True: some that are due wait for a hand.

    Hosts that have all the hands that one may have are left out and it is asked again: however much is due for one of
    them, nobody else waits behind it.
    """
    courier, now = project.serving.courier, project.now()
    until, going, full, waits = now + int(LEASE * 1e6), list[str](), set[str](), False
    while rows := deliveries.due(tx, now, 4 * AT_ONCE, full):
        before = len(full)
        for found in rows:
            parts = urlsplit(found.target)
            if not courier.may_take(parts.netloc, going):
                waits = True
                full.add(f"{parts.scheme}://{parts.netloc}")
            elif found.id in courier.under_way:
                waits = True
            elif deliveries.begin(tx, found, until):
                going.append(parts.netloc)
                tx.after(partial(_send, project, found, parts.netloc, until))
        if len(full) == before or len(courier.under_way) + len(going) >= AT_ONCE:
            break
    return waits


def _send(project: Project, found: Delivery, host: str, until: int) -> None:
    parcel = Parcel(found.id, name_of(project, found.id), found.target, found.body, found.tries + 1, until)
    project.serving.courier.begin(parcel, host, project.settings.web.callbacks, project.wake)


def name_of(project: Project, delivery_id: int) -> str:
    """The name by which a receiver knows a delivery: the same for every try, and never given twice."""
    return f"{project.installation.key}-{delivery_id}"


def _write(project: Project, tx: Tx, returned: Returned) -> None:
    found = deliveries.find(tx, returned.parcel.delivery_id)
    if found is None:  # its instance was deleted meanwhile
        return
    now, task = project.now(), _task(tx, found)
    if returned.problem is None:
        if not deliveries.arrived(tx, found.id, returned.parcel.number, returned.parcel.until, now):
            return  # it came too late, or is asked for anew: then it is sent once more
        if task is not None and not deliveries.any_given_up(tx, task):
            messages.end_kind(tx, "delivery", task, now)
        return
    seconds = next_try(returned.parcel.number, random.random)
    due = None if seconds is None else now + int(seconds * 1e6)
    if not deliveries.failed(tx, found.id, returned.parcel.number, returned.parcel.until, returned.problem, due):
        return
    if due is None:
        said = (
            f"its result could not be delivered in {TRIES} tries: {returned.problem}; when the receiver is well: "
            f"procession redeliver {found.id}"
        )
        note(project, tx, [Notice("delivery", task or "", said[:MAX_TEXT], processing_id=found.processing_id)])


def _task(tx: Tx, found: Delivery) -> str | None:
    if found.processing_id is None:
        return None
    standing = processings.standings(tx, [found.processing_id]).get(found.processing_id)
    return None if standing is None else standing.task
