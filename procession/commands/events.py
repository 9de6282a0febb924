"""Submitting events: the one birth of processings.

In: checked events, an open transaction. Out: events, keys, processings and all their steps, in that transaction.
Always: an event with a known name and key is not stored again, its first one counts the repeat; a parameter that a
task needs and the event does not bring refuses the event before anything is written; nothing is ever half born.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import partial

from procession.clock import micros, moment
from procession.commands import refusals, sets
from procession.commands.birth import Newborn, Own, bear, check_parameters, check_wants
from procession.commands.choosing import Chooser
from procession.errors import Invalid, NotFound, StaleState
from procession.flow.budget import refuse_if_full
from procession.model.event import MAX_DEPTH_OF_EVENTS, Event, NewEvent, payload_hash, ranked
from procession.model.task import Task
from procession.project import Project
from procession.store import events as store
from procession.store import processings, tallies, tasks, tombstones
from procession.store.database import Tx
from procession.store.tallies import Count
from procession.store.tombstones import NOBODY, Tombstone
from procession.units import MAX_SECONDS

MAX_WAIT = int(MAX_SECONDS * 1e6)
"""Microseconds; a moment before which nothing shall begin is at most so far away (B42)."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """The answer to one event."""

    event_id: int
    duplicate: bool
    """It was known; `event_id` is that of the first one."""
    conflict: bool
    """It was known with other parameters; those were not stored."""
    processings: tuple[int, ...]
    stored: Event | None = None
    """The event as it was stored just now; None where it was known before."""


@dataclass(slots=True)
class _Birth:
    """One new event on its way into the tables."""

    event: NewEvent
    params: str
    payload: str
    event_id: int = 0
    matches: tuple[tuple[int, Task], ...] = ()
    known: tuple[int, str] | None = None
    depth: int = 0
    """How many events led to it, one out of the other."""
    cancelled: str | None = None
    """Why nothing of it begins: its cancel came before it did."""


def submit(project: Project, event: NewEvent) -> Submitted:
    """Store one event and everything that follows from it; the launcher is poked after the commit."""
    try:
        event = event.check()
        refuse_if_full(project)
        if project.gathering is not None:
            return project.gathering.submit(event)
        with project.store.begin() as tx:
            (answer,) = submit_all(project, tx, [event])
    except Invalid as error:
        refusals.note_event(project, event, str(error))
        raise
    return answer


def submit_many(project: Project, events: Sequence[NewEvent]) -> list[Submitted]:
    """Store several events in one transaction, all or none; Invalid names the first that cannot be, by its place."""
    refuse_if_full(project)
    try:
        checked = [event.check() for event in events]
        with project.store.begin() as tx:
            return submit_all(project, tx, checked)
    except Invalid as error:
        place, why = _first_refused(project, events) or (0, str(error))
        refusals.note_event(project, events[place], why)
        raise Invalid(f"event {place + 1} of {len(events)}: {why}; none of them was stored") from None


def _first_refused(project: Project, events: Sequence[NewEvent]) -> tuple[int, str] | None:
    with project.store.read() as tx:
        for place, event in enumerate(events):
            try:
                check(project, tx, [event.check()])
            except Invalid as error:
                return place, str(error)
    return None


def submit_for_task(project: Project, task_name: str, event: NewEvent, launcher_id: int) -> Submitted:
    """Store an event for one task alone, to be processed by this foreground launcher and nobody else."""
    refuse_if_full(project)
    with project.store.begin() as tx:
        task = next(((i, t) for i, t in tasks.current(tx).items() if t.name == task_name), None)
        if task is None:
            raise NotFound(unknown_task(task_name, tasks.names(tx)))
        (answer,) = submit_all(project, tx, [event.check()], only=(task,), launcher_id=launcher_id)
    return answer


def unknown_task(name: str, names: Sequence[str]) -> str:
    """What to say when there is no such task."""
    near = get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"there is no task {name[:60]!r}; {hint}the tasks are: {', '.join(names) or 'none yet'}"


def submit_all(
    project: Project,
    tx: Tx,
    events: Sequence[NewEvent],
    *,
    only: tuple[tuple[int, Task], ...] | None = None,
    launcher_id: int | None = None,
    own: Own | None = None,
) -> list[Submitted]:
    """Store checked events in the open transaction; answers come in the order of the events.

    `only` names definitions that take them, whatever they are called; otherwise every task decides by the event's name.
    `own`: what their processings have of their own.
    """
    now = project.now()
    births = check(project, tx, events, only, own)
    if not births:
        return []
    _give_ids(tx, births, now)
    fresh = [b for b in births if b.known is None]
    _write_events(tx, fresh, now)
    _count_known(tx, [b for b in births if b.known is not None], now)
    known = processings.of_events(tx, {birth.known[0] for birth in births if birth.known})
    late = _untaken(tx, births, known)
    _cancel_late(tx, late, now)
    made = _bear(project, tx, [*fresh, *late], now, launcher_id, own or Own())
    tallies.add(tx, now, _counts(births))
    if only is None:
        pieces = [(b.event_id, b.event) for b in fresh if b.cancelled is None]  # what is cancelled completes no set
        sets.collect(project, tx, pieces, partial(submit_one, project, tx))
    at = moment(now)
    return [_answer(birth, made, known, at) for birth in births]


def submit_one(project: Project, tx: Tx, event: NewEvent) -> int:
    """Store one checked event in the open transaction; return its id."""
    return submit_all(project, tx, [event])[0].event_id


def _untaken(tx: Tx, births: Sequence[_Birth], known: Mapping[int, list[int]]) -> list[_Birth]:
    """Repeats of events that no task took when they came, and that some task takes now; from now on they are taken.

    An event whose processings were deleted was taken all the same: a repeat does not bring them back.
    """
    found: dict[int, _Birth] = {}
    for birth in births:
        if birth.known is not None and birth.matches and birth.known[1] == birth.payload:
            found.setdefault(birth.known[0], birth)
    taken = store.take_late(tx, [event_id for event_id in found if not known.get(event_id)])
    for event_id in taken:
        found[event_id].event_id = event_id
    return [found[event_id] for event_id in taken]


def check(
    project: Project, tx: Tx, events: Sequence[NewEvent], only: tuple[tuple[int, Task], ...] | None = None,
    own: Own | None = None,
) -> list[_Birth]:  # fmt: skip
    """Find the tasks that take these events; Invalid if one of them would miss a parameter. Nothing is written."""
    now, chooser, asked = project.now(), Chooser(tx), None if own is None else own.values
    taking = tuple(tasks.current(tx).items()) if only is None and events else only or ()
    births = []
    depths = _depths(tx, events)
    for event in events:
        matches = (
            taking if only is not None else tuple(pair for pair in taking if pair[1].accepts(event.name, event.params))
        )
        for _, task in matches:
            check_parameters(project, task, event.params, event.key, now, event.alone, asked)
            if task.declared and asked is None:
                values = chooser.choose_for(task, event.params)
                check_wants(project, task, event.params, event.key, now, event.alone, values)
        if only is None:
            sets.check(project, event)
        params = event.params_json()
        depth = 0 if event.origin_id is None else depths.get(event.origin_id, 0) + 1
        births.append(_Birth(event, params, payload_hash(params), matches=matches, depth=depth))
    return births


def _depths(tx: Tx, events: Sequence[NewEvent]) -> dict[int, int]:
    """Processing id → depth of its event, for all that scripts emit; Invalid where a task keeps feeding itself."""
    origins = {event.origin_id for event in events if event.origin_id is not None}
    depths = store.depths(tx, origins) if origins else {}
    for event in events:
        if event.origin_id is not None and depths.get(event.origin_id, 0) >= MAX_DEPTH_OF_EVENTS:
            raise Invalid(
                f"event {event.name} would be the last of more than {MAX_DEPTH_OF_EVENTS} events, each emitted by the "
                "processing of the one before: a task seems to feed itself; let its script emit another event, or none"
            )
    return depths


def _give_ids(tx: Tx, births: list[_Birth], now: int) -> None:
    """Take ids and keys; what was known already learns by whom, and takes no id."""
    keyed: dict[tuple[str, str], _Birth] = {}
    buried: list[tuple[str, str]] = []
    first: list[tuple[_Birth, _Birth]] = []
    for birth in births:
        if birth.event.key is not None:
            first.append((birth, keyed.setdefault((birth.event.name, birth.event.key), birth)))
    asked = [{"name": name, "key": key} for name, key in keyed]
    for where, known in store.known_keys(tx, asked).items():
        if known[0] == NOBODY:
            buried.append(where)
        else:
            keyed[where].known = known
    new = [b for b in births if b.known is None and (b.event.key is None or keyed[b.event.name, b.event.key] is b)]
    for birth, event_id in zip(new, tx.reserve_ids("event", len(new)), strict=True):
        birth.event_id = event_id
    rows = [
        {"name": name, "key": key, "event_id": birth.event_id, "payload": birth.payload}
        for (name, key), birth in sorted(keyed.items())
        if birth.known is None and (name, key) not in buried
    ]
    for where, known in store.take_keys(tx, rows).items():  # somebody else took it in between
        if known[0] == NOBODY:
            buried.append(where)
        else:
            keyed[where].known = known
    if buried:
        _cancel_fresh(tx, {where: keyed[where] for where in sorted(buried)}, now)
    for birth, its_first in first:
        if birth is not its_first:  # the same key twice in one batch
            birth.known = its_first.known or (its_first.event_id, its_first.payload)


def _cancel_fresh(tx: Tx, births: Mapping[tuple[str, str], _Birth], now: int) -> None:
    """Events come whose cancel was there before them: they take over their keys, and are born cancelled."""
    rows = [
        {"name": name, "key": key, "event_id": birth.event_id, "payload": birth.payload}
        for (name, key), birth in births.items()
    ]
    if not tombstones.come(tx, rows):
        raise StaleState("another event of the same key has come at this moment; send it again")
    for where, stone in tombstones.of(tx, births).items():
        births[where].cancelled = _buried(stone, now)


def _cancel_late(tx: Tx, births: Sequence[_Birth], now: int) -> None:
    """The same for events that no task took when they came, or when their cancel did."""
    keyed = {(b.event.name, b.event.key): b for b in births if b.event.key is not None}
    for where, stone in tombstones.of(tx, keyed).items() if keyed else ():
        if stone.event_id == keyed[where].event_id:
            keyed[where].cancelled = _buried(stone, now)


def _buried(stone: Tombstone, now: int) -> str | None:
    if stone.until_at < now:
        return None
    return f"cancelled by {stone.by} before it came" + (f": {stone.reason}" if stone.reason else "")


def _write_events(tx: Tx, births: list[_Birth], now: int) -> None:
    if births:
        store.add(
            tx,
            [
                {
                    "id": b.event_id, "name": b.event.name, "key": b.event.key, "title": b.event.title,
                    "params": b.params, "source": b.event.source, "created_at": now, "last_seen_at": now,
                    "origin_id": b.event.origin_id, "depth": b.depth, "taken": int(bool(b.matches)),
                    "alone": b.event.alone,
                }
                for b in births
            ],
        )  # fmt: skip


def _bear(
    project: Project, tx: Tx, births: list[_Birth], now: int, launcher_id: int | None, own: Own
) -> dict[int, list[int]]:
    """Let the tasks that take these events have their processings; return event id → processing ids."""
    if not births:
        return {}
    born = [_newborn(b, i, task, now, launcher_id) for b in births for i, task in b.matches]
    for each in born:
        each.values, each.description = own.values, own.description
    made: dict[int, list[int]] = {birth.event_id: [] for birth in births}
    for each, new_id in zip(born, bear(project, tx, born, births[0].event.source), strict=True):
        made[each.event_id].append(new_id)
    return made


def _newborn(b: _Birth, definition_id: int, task: Task, now: int, launcher_id: int | None) -> Newborn:
    event = b.event
    priority = task.priority if event.priority is None else event.priority
    due = now + int(task.delay * 1e6)
    if event.not_before is not None:
        due = max(due, min(micros(event.not_before), now + MAX_WAIT))
    return Newborn(
        b.event_id, event.key, event.params, definition_id, task, ranked(priority, backfill=event.backfill),
        due if due > now and launcher_id is None else None, event.origin_id, launcher_id,
        callback=event.callback, alone=event.alone, cancelled=b.cancelled,
    )  # fmt: skip


def _count_known(tx: Tx, births: list[_Birth], now: int) -> None:
    counted: dict[int, dict[str, int]] = {}
    for birth in births:
        if birth.known is not None:
            row = counted.setdefault(birth.known[0], {"id": birth.known[0], "repeats": 0, "conflicts": 0, "at": now})
            row["repeats"] += 1
            row["conflicts"] += birth.known[1] != birth.payload
    store.count_repeats(tx, list(counted.values()))


def _counts(births: Sequence[_Birth]) -> list[Count]:
    """What has come, for the books: received = events + repeats (+ what was refused, which is counted where it is)."""
    names = Counter(b.event.name for b in births)
    kinds = Counter((b.event.name, "events" if b.known is None else "repeats") for b in births)
    received = [Count("event", name, "received", n) for name, n in names.items()]
    return received + [Count("event", name, what, n) for (name, what), n in kinds.items()]


def _answer(birth: _Birth, made: dict[int, list[int]], known: dict[int, list[int]], at: datetime) -> Submitted:
    if birth.known is None:
        new = birth.event
        stored = Event(birth.event_id, new.name, new.key, new.title, new.params, new.source, at, 0, 0, at)
        return Submitted(birth.event_id, False, False, tuple(made.get(birth.event_id, ())), stored)
    event_id, payload = birth.known
    return Submitted(event_id, True, payload != birth.payload, tuple(known.get(event_id, ()) or made.get(event_id, ())))
