"""Cancelling by name and key: an event that has come, or one that has not.

In: the name and key of an event. Out: its processings cancelled, each as `cancel` does it; or, where the event has not
come, a tombstone: if it comes within a week, it is stored, and nothing of it ever begins. Always: a cancel and an
arrival at the same moment meet at the key, so one of them is first, and the answer says what holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from procession.clock import moment
from procession.commands.asked import Asked, asked
from procession.commands.processings import Cancelled, look, try_cancel
from procession.errors import StaleState
from procession.model.event import NewEvent
from procession.project import Project
from procession.store import events, processings, tombstones
from procession.store.database import Tx
from procession.store.tombstones import NOBODY

KEPT = 7 * 86_400.0
"""Seconds for which a cancel waits for its event, where nothing is said."""


@dataclass(frozen=True, slots=True)
class KeyCancelled:
    """What came of it."""

    event: str
    key: str
    state: str
    """``before``: it has not come; ``accepted``: nothing more of it starts; ``too_late``: all of it had ended."""
    processings: tuple[tuple[int, Cancelled], ...] = ()
    """Id and answer, for each of its processings that no newer version has replaced."""
    until: datetime | None = None
    """Until when the event may come and is cancelled."""


def cancel(
    project: Project, event: str, key: str, reason: str | None = None, who: Asked | None = None, keep: float = KEPT
) -> KeyCancelled:
    """Cancel the event of this name and key, whether it has come or not."""
    who = who or asked(reason)
    return project.store.change(lambda tx: cancel_in(project, tx, event, key, who, keep))


def cancel_in(project: Project, tx: Tx, event: str, key: str, who: Asked, keep: float = KEPT) -> KeyCancelled:
    """As `cancel`, in the open transaction; Invalid for a name or key that no event can have."""
    NewEvent(event, key=key).check()
    event_id = _known(tx, event, key)
    if event_id == NOBODY:
        return _before(project, tx, event, key, who, keep)
    ids = processings.of_events(tx, [event_id]).get(event_id, [])
    newest = [pid for pid in ids if look(tx, pid).replaced_by is None]
    if not newest:  # no task takes it now; if one ever does, it is cancelled
        return _before(project, tx, event, key, who, keep, event_id)
    answers = tuple((pid, try_cancel(project, tx, pid, who)) for pid in newest)
    state = "accepted" if any(answer.accepted for _, answer in answers) else "too_late"
    return KeyCancelled(event, key, state, answers)


def _known(tx: Tx, event: str, key: str) -> int:
    """The event that has this key; where none has, nobody has it from now on, and nobody else takes it before the end
    of this transaction."""
    row = {"name": event, "key": key, "event_id": NOBODY, "payload": ""}
    known = events.known_keys(tx, [row]) or events.take_keys(tx, [row])
    event_id = known[event, key][0] if known else NOBODY
    if event_id == NOBODY and not tombstones.hold(tx, event, key):
        raise StaleState("the event comes at this moment, or an older cancel of it is forgotten; ask again")
    return event_id


def _before(
    project: Project, tx: Tx, event: str, key: str, who: Asked, keep: float, event_id: int | None = None
) -> KeyCancelled:
    now = project.now()
    until = now + int(keep * 1e6)
    tombstones.add(
        tx, name=event, key=key, at=now, until_at=until, by=who.by, reason=who.reason, event_id=event_id
    )  # fmt: skip
    return KeyCancelled(event, key, "before", until=moment(until))
