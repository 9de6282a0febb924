"""Sets: events that are pieces are put into their slots; a complete slot, or one whose time is over, becomes an event.

In: new events, in the transaction of their birth. Out: slots and pieces; one event for each slot. Always: a slot
becomes an event once, by its key; whoever brings a piece is not refused for what the set makes of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from procession.commands.messages import Notice, note
from procession.errors import Invalid, NotFound
from procession.model.event import MAX_TITLE, NewEvent
from procession.model.pieces import SetPlan, in_order
from procession.project import Project
from procession.store import messages as message_rows
from procession.store import slots
from procession.store.database import Tx
from procession.store.slots import Slot

CLOSED_AT_ONCE = 100
"""Slots whose time is over that one turn closes."""

Submit = Callable[[NewEvent], int | None]
"""Submits an event in the open transaction, and returns its id; Invalid if it cannot be."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A new event that belongs into a slot."""

    plan: SetPlan
    slot: str
    name: str
    event_id: int
    backfill: bool


def check(project: Project, event: NewEvent) -> None:
    """Raise Invalid where a set wants an event and cannot tell which piece it is."""
    for plan in project.settings.sets:
        if plan.event == event.name:
            plan.place(event.params)


def collect(project: Project, tx: Tx, events: Sequence[tuple[int, NewEvent]], submit: Submit) -> None:
    """Put new events into the slots that they are pieces of; what is complete by that becomes an event."""
    found = [
        Piece(plan, *plan.place(event.params), event_id, event.backfill)
        for plan in project.settings.sets
        for event_id, event in events
        if plan.event == event.name
    ]
    if not found:
        return
    now = project.now()
    opened = slots.open_(tx, list({(p.plan.name, p.slot): _row(p, now) for p in found}.values()))
    before = slots.pieces(tx, [slot.id for slot in opened.values()])
    new: dict[tuple[str, str], dict[str, Piece]] = {}
    for piece in found:
        where = piece.plan.name, piece.slot
        if piece.name not in before[opened[where].id]:
            new.setdefault(where, {}).setdefault(piece.name, piece)
    slots.add_pieces(
        tx,
        [
            {"slot_id": opened[where].id, "name": piece.name, "event_id": piece.event_id}
            for where, named in new.items()
            for piece in named.values()
        ],
    )
    for where, named in sorted(new.items()):
        slot = opened[where]
        have = before[slot.id] | {name: piece.event_id for name, piece in named.items()}
        backfill = all(piece.backfill for piece in named.values())
        if slot.done_at is not None:
            _late(project, tx, slot, have, len(named), submit)
        elif not slot.plan.missing(have):
            _close(project, tx, slot, have, submit, backfill=backfill)


def close_due(project: Project, tx: Tx, submit: Submit) -> int | None:
    """Close the slots whose time is over; return when that of the next one is."""
    now = project.now()
    over = slots.due(tx, now, CLOSED_AT_ONCE)
    pieces = slots.pieces(tx, [slot.id for slot in over])
    for slot in over:
        have = pieces[slot.id]
        if critical := slot.plan.missing_critical(have):
            slots.close(tx, slot.id, now, complete=False, event_id=None)
            _tell(project, tx, slot, f"slot {slot.key} was given up: its time is over without {_some(critical)}")
        else:
            _close(project, tx, slot, have, submit)
    return slots.next_due(tx)


@dataclass(frozen=True, slots=True)
class Standing:
    """A slot and its pieces."""

    slot: Slot
    pieces: tuple[str, ...]
    missing: tuple[str, ...]


def newest(project: Project, name: str | None, limit: int) -> list[Standing]:
    """Slots, those that are waited for first; NotFound if there is no such set."""
    with project.store.read() as tx:
        found = slots.newest(tx, name, limit)
        names = [plan.name for plan in project.settings.sets]
        if name is not None and not found and name not in names:
            raise NotFound(f"there is no set {name!r}; the sets are: {', '.join(names) or 'none yet'}")
        pieces = slots.pieces(tx, [slot.id for slot in found])
        return [Standing(slot, tuple(in_order(pieces[slot.id])), slot.plan.missing(pieces[slot.id])) for slot in found]


def _row(piece: Piece, now: int) -> dict[str, Any]:
    timeout = piece.plan.timeout
    due = None if timeout is None else now + int(timeout * 1e6)
    return {
        "name": piece.plan.name, "key": piece.slot, "plan": piece.plan.to_json(), "first_at": now, "due_at": due,
    }  # fmt: skip


def _close(
    project: Project, tx: Tx, slot: Slot, have: Mapping[str, int], submit: Submit, *, backfill: bool = False
) -> None:
    """Let a slot become its event; what cannot be one is told, and the slot is closed all the same."""
    event = _event(tx, slot, have, slot.key, backfill=backfill)
    complete = not slot.plan.missing(have)
    try:
        event_id = submit(event.check())
    except Invalid as error:
        slots.close(tx, slot.id, project.now(), complete=complete, event_id=None)
        _tell(project, tx, slot, f"slot {slot.key} could not become an event: {error}")
        return
    slots.close(tx, slot.id, project.now(), complete=complete, event_id=event_id)
    if complete:
        message_rows.end_kind(tx, "incomplete", slot.name, project.now())


def _late(project: Project, tx: Tx, slot: Slot, have: Mapping[str, int], n: int, submit: Submit) -> None:
    slots.count_late(tx, [{"id": slot.id, "n": n}])
    if slot.plan.late != "emit":
        return
    event = _event(tx, slot, have, f"{slot.key}+{slot.late + n}", late=slot.late + n)
    try:
        submit(event.check())
    except Invalid as error:
        _tell(project, tx, slot, f"a late piece of slot {slot.key} could not become an event: {error}")


def _event(tx: Tx, slot: Slot, have: Mapping[str, int], key: str, *, late: int = 0, backfill: bool = False) -> NewEvent:
    """What the slot says as an event: what its pieces share, which are there, which are not, their paths."""
    plan, names = slot.plan, in_order(have)
    of_pieces = slots.params_of(tx, have.values())
    missing = plan.missing(have)
    params: dict[str, Any] = plan.values(next(iter(of_pieces.values()), {})) if of_pieces else {}
    params |= {"pieces": names, "missing": list(missing), "complete": not missing}
    paths = [of_pieces.get(have[name], {}).get("path") for name in names]
    if all(isinstance(path, str) for path in paths):
        params["paths"] = paths
    if late:
        params["late"] = late
    title = f"{plan.name} {slot.key}"[:MAX_TITLE]
    return NewEvent(plan.emit, params, key, title, f"set:{plan.name}", backfill=backfill)


def _tell(project: Project, tx: Tx, slot: Slot, text: str) -> None:
    note(project, tx, [Notice("incomplete", slot.name, text, signature="")])


def _some(names: Sequence[str], most: int = 10) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
