"""Verbs on events, on the sets that they are pieces of, and on messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from procession import present
from procession.commands import arrivals, messages, refusals, sets
from procession.commands import events as births
from procession.errors import Invalid, NotFound
from procession.model.event import NewEvent, read_moment
from procession.project import Project
from procession.store import events as store
from procession.store import families, processings
from procession.verbs.bounds import Fields, fields, identity, up_to
from procession.verbs.verb import Caller, verb

MOST = 1000
"""Events of one request."""


@verb("emit", "trigger", "POST /events")
def emit(
    project: Project, caller: Caller, event: str, params: dict[str, Any] | None = None, key: str | None = None,
    title: str = "", priority: int | None = None, backfill: bool = False, not_before: str | None = None,
) -> Any:  # fmt: skip
    """Submit an event; every task that takes it makes a processing of it."""
    new = new_event(project, caller, event, params, key, title, priority, backfill, not_before)
    return _answers(project, [births.submit(project, new)])[0]


def new_event(
    project: Project, caller: Caller, event: str, params: dict[str, Any] | None = None, key: str | None = None,
    title: str = "", priority: int | None = None, backfill: bool = False, not_before: str | None = None,
) -> NewEvent:  # fmt: skip
    """The event that one asks to submit; Invalid where it cannot be one."""
    raw = {"event": event, "params": params, "key": key, "title": title, "priority": priority, "backfill": backfill}
    return _new(project, caller, {**raw, "not_before": not_before})


@verb("emit-many", "trigger", "POST /events/batch")
def emit_many(project: Project, caller: Caller, events: list[dict[str, Any]]) -> Any:
    """Submit up to 1000 events in one transaction, each as 'emit' takes it; all of them, or none."""
    if len(events) > MOST:
        raise Invalid(f"{len(events)} events are too many at once: at most {MOST}; send them in parts")
    return {"items": _answers(project, births.submit_many(project, [_new(project, caller, raw) for raw in events]))}


_FIELDS: Fields = {
    "event": (str, "", "a text"),
    "params": (dict, {}, "an object"),
    "key": (str, None, "a text"),
    "title": (str, "", "a text"),
    "priority": (int, None, "a whole number"),
    "backfill": (bool, False, "true or false"),
    "not_before": (str, None, "a text"),
}


def _new(project: Project, caller: Caller, raw: dict[str, Any]) -> NewEvent:
    """What one asks to submit; Invalid where a field is unknown or of another kind."""
    found = fields("an event", raw, _FIELDS)
    moment = found.pop("not_before")
    at = None if moment is None else read_moment("not_before", moment, project.clock.now())
    return NewEvent(
        found.pop("event"), source=f"{caller.via}:{caller.by}", not_before=at, origin_id=origin_of(project, caller),
        **found,
    )  # fmt: skip


def origin_of(project: Project, caller: Caller) -> int | None:
    """What a script emits on this way is its processing's child, as what it leaves in its file."""
    if caller.attempt is None:
        return None
    with project.store.read() as tx:
        return families.root(tx, caller.attempt[0])


def _answers(project: Project, done: list[births.Submitted]) -> list[dict[str, Any]]:
    if all(each.stored is not None for each in done):
        return [shown(each) for each in done]
    with project.store.read() as tx:
        return [shown(replace(each, stored=each.stored or store.find(tx, each.event_id))) for each in done]


def shown(done: births.Submitted) -> dict[str, Any]:
    """The answer to an event; it was looked up where it was known before."""
    if done.stored is not None:
        return present.submitted(done, done.stored)
    return {  # known by its key alone: its row was cleaned away
        "id": done.event_id, "duplicate": done.duplicate, "conflict": done.conflict, "matched": False,
        "processings": [],
    }  # fmt: skip


@verb("events", "read", "GET /events")
def events_(
    project: Project, caller: Caller, name: str | None = None, unmatched: bool = False, no_timetables: bool = False,
    limit: int = 20, cursor: int | None = None,
) -> Any:  # fmt: skip
    """Events, newest first: how often each came again, and what became of it.

    `no_timetables`: none that a timetable made; a page may then be short though there is more.
    """
    limit = up_to("limit", limit, 500)
    before = None if cursor is None else identity("cursor", cursor)
    with project.store.read() as tx:
        found, following = arrivals.newest(
            tx, name=name, untaken=unmatched, before=before, limit=limit, untimed=no_timetables
        )
        born = processings.of_events(tx, [each.id for each in found])
        decided = arrivals.decisions(tx, found, born)
    items = [present.event_decided(each, born.get(each.id, []), decided[each.id]) for each in found]
    return present.page(items, following)


@verb("event", "read", "GET /events/{id}")
def event_(project: Project, caller: Caller, id: int) -> Any:
    """Everything about one event: its parameters, its repeats, and the processings that came of it."""
    with project.store.read() as tx:
        found = store.find(tx, identity("id", id))
        if found is None:
            raise NotFound(f"there is no event {id}; see: procession events")
        born = processings.of_events(tx, [id])
        return present.event_decided(found, born.get(id, []), arrivals.decisions(tx, [found], born)[id])


@verb("sets", "read", "GET /sets")
def sets_(project: Project, caller: Caller, name: str | None = None, limit: int = 20) -> Any:
    """Sets that are being collected, and the last ones that were: which pieces are there, which are missing."""
    found = sets.newest(project, name, up_to("limit", limit, 1000))
    return present.page([present.slot(each) for each in found], None)


@verb("messages", "read", "GET /messages")
def messages_(project: Project, caller: Caller, ended: bool = False, unread: bool = False, limit: int = 50) -> Any:
    """What people should know: one for each cause that still occurs, however often it has occurred."""
    found = messages.newest(project, unread=unread, ended=ended, limit=up_to("limit", limit, 1000))
    return present.page([present.message(each) for each in found], None)


@verb("read", "operate", "POST /messages/read")
def read(project: Project, caller: Caller, ids: list[int] | None = None, everything: bool = False) -> Any:
    """Mark messages as read, these or all; they are shown while they occur, no longer as new."""
    if bool(ids) == everything:
        raise Invalid("say which messages have been read, by their ids, or everything; see: procession messages")
    each = None if everything else [identity("an id", one) for one in ids or ()]
    return {"read": messages.read(project, each, caller.by)}


@verb("refused", "read", "GET /events/refused")
def refused(project: Project, caller: Caller, limit: int = 50, cursor: int | None = None) -> Any:
    """What came and could not be taken, newest first: the reason, and the beginning of what came."""
    most = up_to("limit", limit, 500)
    found = refusals.newest(project, most, None if cursor is None else identity("cursor", cursor))
    return present.page([present.refusal(each) for each in found], found[-1].id if len(found) == most else None)
