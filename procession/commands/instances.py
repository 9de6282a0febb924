"""Instances: processings that are submitted to a task by its name, and known by their key.

In: a task, a key, inputs. Out: one processing of that task, or a refusal that says why: the key is taken, as many wait
as may. Always: of all who submit the same key one is taken, however many there are; what was acknowledged is in the
database. A key is free again when its instance was deleted or has retired.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from procession.commands import deletions, events, work
from procession.commands.asked import Asked
from procession.commands.birth import check_parameters
from procession.commands.processings import cancel_one, look
from procession.commands.registering import current
from procession.errors import Duplicate, Invalid, NotFound, ProcessionError, QueueFull, Refused
from procession.flow.budget import refuse_if_full
from procession.model.body import MAX_INPUTS, keep_json
from procession.model.callback import check_callback
from procession.model.event import NewEvent
from procession.model.journal import Entry
from procession.model.processing import Processing
from procession.model.states import PROCESSING, State
from procession.model.task import CALL, Task
from procession.project import Project
from procession.store import bodies, instances, journal, processings, steps, tasks
from procession.store import events as store_events
from procession.store.database import Tx

LOOK_EVERY = (0.02, 1.0)
"""Seconds between two looks of whoever waits: at first, and at last."""
MOST_AT_ONCE = 10_000
"""So many are submitted in one transaction."""


@dataclass(frozen=True, slots=True)
class NewInstance:
    """An instance as somebody hands it in."""

    key: str | None = None
    """Makes it unique in its task; None: one is made up."""
    inputs: Any = None
    """Any JSON value; None: none."""
    params: Mapping[str, Any] = field(default_factory=dict)
    priority: int | None = None
    not_before: datetime | None = None
    title: str = ""
    callback: str | None = None
    """URL to which its end is told."""


@dataclass(frozen=True, slots=True)
class Born:
    """An instance that was taken."""

    processing_id: int
    task: str
    key: str


Answer = Born | ProcessionError
"""What came of one of many: taken, or why not (Duplicate, QueueFull, Invalid)."""


# ── submitting ─────────────────────────────────────────────────────────────────────────────────────


def submit(project: Project, task: str, new: NewInstance, who: Asked) -> Born:
    """Submit one; raises Duplicate, QueueFull, Invalid, or NotFound where there is no such task."""
    (answer,) = submit_all(project, task, [new], who)
    if isinstance(answer, ProcessionError):
        raise answer
    return answer


def submit_all(project: Project, task: str, new: Sequence[NewInstance], who: Asked) -> list[Answer]:
    """Submit many in one transaction; an answer for each, in their order. One that is refused stops no other."""
    if len(new) > MOST_AT_ONCE:
        raise Invalid(f"{len(new)} are too many at once; submit {MOST_AT_ONCE} at a time")
    refuse_if_full(project)
    answers: dict[int, Answer] = {}
    fit: dict[int, tuple[NewEvent, bodies.Input | None]] = {}
    for n, each in enumerate(new):
        try:
            fit[n] = _checked(project, task, each, who)
        except Invalid as error:
            answers[n] = error
    with project.store.begin() as tx:
        definition_id, found = current(tx, task)
        answers |= _refuse_unfit(project, found, fit)
        answers |= _refuse_full(project, tx, found, fit)
        answers |= _submit(project, tx, (definition_id, found), fit)
    return [answers[n] for n in range(len(new))]


def _checked(project: Project, task: str, new: NewInstance, who: Asked) -> tuple[NewEvent, bodies.Input | None]:
    """As an event of this task alone, with its inputs."""
    if not isinstance(new.params, Mapping):
        raise Invalid("parameters are an object of names and values")
    if new.callback is not None:
        check_callback(new.callback, project.settings.web.callbacks)
    inputs = None if new.inputs is None else bodies.Input("json", keep_json("the inputs", new.inputs, MAX_INPUTS))
    key = secrets.token_hex(8) if new.key is None else new.key
    if not isinstance(key, str) or not isinstance(new.title, str):
        raise Invalid("a key and a title are texts")
    event = NewEvent(
        CALL + task, dict(new.params), key, new.title, f"{CALL}{who.by}", new.priority, not_before=new.not_before,
        callback=new.callback,
    )  # fmt: skip
    return event.check(), inputs


def _refuse_unfit(
    project: Project, task: Task, fit: dict[int, tuple[NewEvent, bodies.Input | None]]
) -> dict[int, Answer]:
    """Those that miss a parameter; they are taken out of `fit`."""
    refused: dict[int, Answer] = {}
    for n, (event, _) in fit.items():
        try:
            check_parameters(project, task, event.params, event.key, project.now())
        except Invalid as error:
            refused[n] = error
    for n in refused:
        del fit[n]
    return refused


def _refuse_full(
    project: Project, tx: Tx, task: Task, fit: dict[int, tuple[NewEvent, bodies.Input | None]]
) -> dict[int, Answer]:
    """Those for which there is no room where they would wait; they are taken out of `fit`. What is known by its key
    takes none, and what is tried again is never asked."""
    plan = dict(project.settings.plans_of_queues).get(task.queue)
    in_queue = 0 if plan is None else plan.max_waiting
    if not (task.max_waiting or in_queue):
        return {}
    tx.submit_alone([f"task {task.name}"] * bool(task.max_waiting) + [f"queue {task.queue}"] * bool(in_queue))
    known = store_events.known_keys(tx, [{"name": event.name, "key": event.key} for event, _ in fit.values()])
    rooms = []
    if task.max_waiting:
        left = task.max_waiting - instances.waiting(tx, task.name, task.max_waiting)
        rooms.append((left, f"{task.max_waiting} instances of task {task.name}"))
    if in_queue:
        names = [each.name for each in tasks.current(tx).values() if each.queue == task.queue]
        left = in_queue - sum(instances.waiting(tx, name, in_queue) for name in names)
        rooms.append((left, f"{in_queue} processings in queue {task.queue or 'without a name'}"))
    room, what = min(rooms)
    refused: dict[int, Answer] = {}
    for n, (event, _) in fit.items():
        if (event.name, str(event.key)) in known:
            continue
        if room <= 0:
            refused[n] = QueueFull(f"{what} wait, as many as may; submit it again when some have begun")
        room -= 1
    for n in refused:
        del fit[n]
    return refused


def _submit(
    project: Project, tx: Tx, task: tuple[int, Task], fit: Mapping[int, tuple[NewEvent, bodies.Input | None]]
) -> dict[int, Answer]:
    """Store them; one whose key is taken is a repeat of the event that has it, and counted so."""
    done = events.submit_all(project, tx, [event for event, _ in fit.values()], only=(task,))
    answers: dict[int, Answer] = {}
    inputs = []
    for (n, (event, given)), submitted in zip(fit.items(), done, strict=True):
        name, key = task[1].name, str(event.key)
        if submitted.duplicate:
            answers[n] = Duplicate(
                f"task {name} has an instance {key!r}; the key is free again when that one was deleted or has retired"
            )
            continue
        if given is not None:
            inputs.append((submitted.event_id, given))
        answers[n] = Born(submitted.processings[0], name, key)
    bodies.add_inputs(tx, inputs)
    return answers


# ── looking ────────────────────────────────────────────────────────────────────────────────────────


def status(project: Project, task: str, key: str) -> Processing:
    """The instance with its steps and attempts; NotFound if there is none (any more)."""
    with project.store.read() as tx:
        return look(tx, find_id(tx, task, key))


def find_id(tx: Tx, task: str, key: str) -> int:
    """The newest version of the instance of this key."""
    ids = instances.versions(tx, task, key)
    if not ids:
        if tasks.stand(tx, task) is None:
            current(tx, task)  # says what may have been meant
        raise NotFound(f"task {task} has no instance {str(key)[:60]!r}; it may have been deleted, or has retired")
    return ids[-1]


def history(project: Project, task: str, key: str) -> list[Entry]:
    """All that has happened to the instance, oldest first, with what its worker said."""
    with project.store.read() as tx:
        find_id(tx, task, key)
        return [entry for pid in instances.versions(tx, task, key) for entry in journal.of(tx, pid)]


def result(project: Project, processing_id: int) -> tuple[str, bytes]:
    """MIME type and bytes of what a processing came to; NotFound with the reason why there is nothing."""
    with project.store.read() as tx:
        found, kept = look(tx, processing_id), bodies.find_result(tx, processing_id)
    if kept is not None and found.state is State.SUCCEEDED:
        return kept.mime, kept.body.bytes()
    if found.state not in PROCESSING.terminal:
        raise NotFound(f"processing {processing_id} has no result yet: it is {found.phase}")
    if found.state is State.SUCCEEDED:
        raise NotFound(f"processing {processing_id} succeeded and left no result")
    because = f": {found.reason}" if found.reason else ""
    raise NotFound(f"processing {processing_id} has no result: it is {found.state}{because}")


def result_if_any(project: Project, processing_id: int) -> tuple[str, bytes] | None:
    """As `result`; None where there is none."""
    try:
        return result(project, processing_id)
    except NotFound:
        return None


def find(
    project: Project, task: str, *, state: State | None = None, before: int | None = None, limit: int = 100
) -> list[Processing]:
    """Instances of a task, newest first; `before` is the id to go on from."""
    with project.store.read() as tx:
        if tasks.stand(tx, task) is None:
            current(tx, task)
        found = instances.newest(tx, task, state=state, before=before, limit=limit)
        return [replace(p, steps=steps.of(tx, p.id)) if p.state is State.RUNNING else p for p in found]


def wait(project: Project, processing_id: int, timeout: float | None = None) -> Processing:
    """Wait until a processing has ended, at most so many seconds; return it as it is then, ended or not."""
    until = None if timeout is None else project.clock.monotonic() + timeout
    pause, most = LOOK_EVERY
    while True:
        with project.store.read() as tx:
            found = processings.find(tx, processing_id)
            if found is None or found.state in PROCESSING.terminal:
                return look(tx, processing_id)
            left = None if until is None else until - project.clock.monotonic()
            if left is not None and left <= 0:
                return look(tx, processing_id)
        project.clock.sleep(pause if left is None else min(pause, left))
        pause = min(1.5 * pause, most)


# ── deleting ───────────────────────────────────────────────────────────────────────────────────────


def delete(project: Project, task: str, key: str, who: Asked, *, cancel: bool = False) -> int:
    """Delete an instance that has ended, with all its versions; its key is free. Return how many versions went.

    Refused while it waits or runs, unless `cancel` says to cancel it first; what a launcher runs of it has to end
    before it can be deleted: ask again then.
    """

    def act(tx: Tx) -> int:
        find_id(tx, task, key)
        ids = instances.versions(tx, task, key)
        standing = processings.standings(tx, ids)
        alive = [pid for pid in ids if standing[pid].state not in PROCESSING.terminal]
        if alive and not cancel:
            raise Refused(
                f"instance {key!r} of task {task} cannot be deleted: it is {standing[alive[-1]].state}; cancel it first"
            )
        for pid in alive:
            cancel_one(project, tx, pid, who)
        work.end_all(project, tx, alive, who)
        if any(s.state not in PROCESSING.terminal for s in processings.standings(tx, alive).values()):
            return 0
        for pid in reversed(ids):
            deletions.delete_one(project, tx, pid, who)
        return len(ids)

    gone = project.store.change(act)
    if not gone:
        raise Refused(
            f"instance {key!r} of task {task} is being ended by the launcher that runs it; delete it again in a moment"
        )
    return gone
