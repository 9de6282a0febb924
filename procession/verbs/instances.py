"""Verbs of tasks that programs register, of their instances, and of what is delivered when these end."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.commands import deliveries as sent
from procession.commands import instances, registering
from procession.commands.instances import NewInstance
from procession.errors import Invalid, ProcessionError
from procession.flow.deliver import name_of
from procession.model.event import read_moment
from procession.model.processing import Processing
from procession.model.states import PROCESSING, State
from procession.project import Project
from procession.units import to_seconds
from procession.verbs.bounds import Fields, fields, identity, up_to
from procession.verbs.verb import Caller, Raw, verb

MOST_LISTED = 500
LONGEST_WAIT, USUAL_WAIT = 60.0, 30.0
"""Seconds that one call waits at most, whoever waits longer asks again; and where it says nothing."""


@verb("register", "define", "POST /tasks")
def register(
    project: Project, caller: Caller, name: str, handler: str | None = None, timeout: float | str | None = None,
    retention: float | str | None = None, attempts: int | None = None, options: dict[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Define a task, or change one that a program defined; without a handler, programs elsewhere do the work.

    `options` are other keys of ``[tasks.NAME]``: queue, max_waiting, priority, at_once, labels, uses, inputs, python …
    """
    task = registering.register(
        project, name, handler, caller.asked(), timeout=timeout, retention=retention, attempts=attempts, options=options
    )
    return {"task": task.name, "definition": task.hash}


@verb("unregister", "define", "DELETE /tasks/{name}")
def unregister(project: Project, caller: Caller, name: str, force: bool = False) -> dict[str, Any]:
    """Forget a task that a program defined; with force its instances too: what has not ended is cancelled first."""
    return {"task": name, "deleted": registering.unregister(project, name, caller.asked(), force=force)}


@verb("submit", "trigger", "POST /tasks/{task}/instances", status=201)
def submit(
    project: Project, caller: Caller, task: str, key: str | None = None, inputs: Any = None,
    params: dict[str, Any] | None = None, priority: int | None = None, not_before: str | None = None,
    delay: float | str | None = None, title: str = "", callback: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Submit an instance of a task; its key is taken until it is deleted or has retired."""
    at = None if not_before is None else read_moment("not_before", not_before, project.clock.now())
    if delay is not None:
        at = read_moment("delay", f"+{to_seconds(delay)} s", project.clock.now())
    new = NewInstance(key, inputs, params or {}, priority, at, title, callback)
    born = instances.submit(project, task, new, caller.asked())
    return {"id": born.processing_id, "task": born.task, "key": born.key}


_FIELDS: Fields = {
    "key": (str, None, "a text"),
    "inputs": (object, None, "a JSON value"),
    "params": (dict, {}, "an object"),
    "priority": (int, None, "a whole number"),
    "title": (str, "", "a text"),
    "callback": (str, None, "a text"),
}


@verb("submit-all", "trigger", "POST /tasks/{task}/submissions")
def submit_all(project: Project, caller: Caller, task: str, instances_: list[dict[str, Any]]) -> dict[str, Any]:
    """Submit many instances in one transaction; an answer for each, and one that is refused stops no other."""
    new = [NewInstance(**fields("an instance", each, _FIELDS)) for each in instances_]
    answers = instances.submit_all(project, task, new, caller.asked())
    return {
        "items": [
            {"error": type(each).__name__, "text": str(each)}
            if isinstance(each, ProcessionError)
            else {"id": each.processing_id, "key": each.key}
            for each in answers
        ]
    }


@verb("instances", "read", "GET /tasks/{task}/instances")
def find(
    project: Project, caller: Caller, task: str, state: str | None = None, before: int | None = None, limit: int = 100
) -> dict[str, Any]:
    """Instances of a task, newest first."""
    if state is not None and state not in PROCESSING.states:
        raise Invalid(f"there is no state {state[:20]!r}; there are: {', '.join(PROCESSING.states)}")
    limit = up_to("limit", limit, MOST_LISTED)
    before = None if before is None else identity("before", before)
    found = instances.find(project, task, state=None if state is None else State(state), before=before, limit=limit + 1)
    items = [present.instance(each, project.var) for each in found[:limit]]
    return present.page(items, found[limit - 1].id if len(found) > limit else None)


@verb("instance", "read", "GET /tasks/{task}/instances/{key}")
def status(project: Project, caller: Caller, task: str, key: str) -> dict[str, Any]:
    """How an instance stands."""
    return present.instance(instances.status(project, task, key), project.var)


@verb("wait", "read", "GET /processings/{id}/wait")
def wait(project: Project, caller: Caller, id: int, timeout: float = USUAL_WAIT) -> dict[str, Any]:
    """Wait until a processing has ended, at most a minute; then as it is, ended or not."""
    return _waited(project, instances.wait(project, identity("id", id), span(timeout)))


def span(timeout: float | None) -> float:
    """Seconds that one call waits, of those that it asks for."""
    return min(max(to_seconds(USUAL_WAIT if timeout is None else timeout), 0.0), LONGEST_WAIT)


def _waited(project: Project, found: Processing) -> dict[str, Any]:
    return present.instance(found, project.var)


@verb("instance-journal", "read", "GET /tasks/{task}/instances/{key}/journal")
def history(project: Project, caller: Caller, task: str, key: str) -> dict[str, Any]:
    """All that has happened to an instance, oldest first, with what its worker said."""
    return present.page([present.entry(line) for line in instances.history(project, task, key)], None)


@verb("instance-result", "read", "GET /tasks/{task}/instances/{key}/result")
def result(project: Project, caller: Caller, task: str, key: str) -> Raw:
    """What an instance came to, as it was given, under its own type."""
    mime, body = instances.result(project, instances.status(project, task, key).id)
    return Raw(body, mime)


@verb("result", "read", "GET /processings/{id}/result")
def result_of(project: Project, caller: Caller, id: int) -> Raw:
    """What a processing came to, as it was given, under its own type."""
    mime, body = instances.result(project, identity("id", id))
    return Raw(body, mime)


@verb("delete-instance", "operate", "DELETE /tasks/{task}/instances/{key}")
def delete(project: Project, caller: Caller, task: str, key: str, cancel: bool = False) -> dict[str, Any]:
    """Delete an instance that has ended, or cancel it first; its key is free again."""
    return {"task": task, "key": key, "deleted": instances.delete(project, task, key, caller.asked(), cancel=cancel)}


@verb("deliveries", "read", "GET /deliveries")
def deliveries(
    project: Project, caller: Caller, failed: bool = False, before: int | None = None, limit: int = 50
) -> dict[str, Any]:
    """What was sent out or is to be, newest first."""
    limit = up_to("limit", limit, MOST_LISTED)
    before = None if before is None else identity("before", before)
    found = sent.newest(project, failed=failed, before=before, limit=limit + 1)
    items = [present.delivery(each, name_of(project, each.id)) for each in found[:limit]]
    return present.page(items, found[limit - 1].id if len(found) > limit else None)


@verb("redeliver", "operate", "POST /deliveries/{id}/redeliver")
def redeliver(project: Project, caller: Caller, id: int, reason: str | None = None) -> dict[str, Any]:
    """Send a delivery again that arrived or was given up; the receiver sees the same name."""
    return present.delivery(sent.redeliver(project, identity("id", id), caller.asked(reason)), name_of(project, id))
