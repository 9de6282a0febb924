"""Claims: programs elsewhere take what may start now, and do it themselves (`work.py`).

In: a worker's name, what it can and may do, and how many. Out: attempts with all that is needed to do them, each under
a key. Always: who may start is decided as for launchers, under the same lock and by the same function.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from procession.commands.work import believed_until
from procession.errors import Invalid, NotFound
from procession.flow.candidates import SPARE, Choice, Definitions, choose
from procession.flow.dispatch import begin
from procession.flow.room import room_for
from procession.model.capacity import Candidate, Capacity
from procession.model.event import check_name
from procession.model.wants import queue_named
from procession.project import Project
from procession.store import bodies, claiming, moves, scripts, tasks
from procession.store import work as store
from procession.store.database import Tx
from procession.store.moves import Moving

MOST = 1_000
"""So many are claimed at once."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An attempt that was claimed, and all that is needed to do it."""

    attempt: str
    """Its key: what is told of it is told with this."""
    processing_id: int
    task: str
    step: str
    number: int
    key: str | None
    """Of the instance."""
    title: str
    params: Mapping[str, Any]
    inputs: Any
    inputs_kind: str
    """``json``; ``pickle``: `inputs` is the text of the pickle, in base64."""
    outputs: Mapping[str, Mapping[str, Any]]
    """Step name → what it left, of earlier steps."""
    handler: str | None
    """``module.name``, where the task says it."""
    timeout: float | None
    """Seconds that it may take from its start."""
    expires_at: int
    """Not started and not heard of until then, it is given back (microseconds)."""


def claim(
    project: Project,
    worker: str,
    *,
    queues: Collection[str] = ("",),
    limit: int = 1,
    only: Collection[str] | None = None,
    labels: Collection[str] = (),
    bearer: str | None = None,
) -> list[Claim]:
    """Claim what may start now: none, one, or up to `limit`, in the order of all that waits.

    `only` names the tasks that this worker knows; None: all that are calls. What it claims it starts, or is heard of,
    within a minute. `bearer`: the user or token with which it comes, to which the attempts belong from here.
    """
    _check_worker(worker, queues, labels, limit)
    served = frozenset(queue_named(each) for each in queues)
    return project.store.change(lambda tx: _claim(project, tx, (worker, bearer), served, limit, only, labels))


def _check_worker(worker: str, queues: Collection[str], labels: Collection[str], limit: int) -> None:
    for what, names in (("a worker", [worker]), ("a queue", [q for q in queues if q != ""]), ("a label", labels)):
        for name in names:
            if not isinstance(name, str):
                raise Invalid(f"the name of {what} is a text, not {type(name).__name__}")
            check_name(f"the name of {what}", name)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MOST:
        raise Invalid(f"a worker claims 1 to {MOST} at a time, not {limit!r}")


def _claim(
    project: Project, tx: Tx, who: tuple[str, str | None], queues: frozenset[str], limit: int,
    only: Collection[str] | None, labels: Collection[str],
) -> list[Claim]:  # fmt: skip
    tx.claim_alone()
    now = project.now()
    claiming.wake_due(tx, now)
    names = tasks.with_calls(tx)
    if only is not None and (unknown := sorted(set(only) - names)):
        raise NotFound(f"{unknown[0][:60]!r} is no task that a program elsewhere could do; register it first")
    definitions = Definitions(tx)
    capacity = Capacity(math.inf, labels=frozenset(labels), queues=queues)
    names = names if only is None else names & set(only)
    choice = choose_outside(project, tx, definitions, capacity, limit, names)
    admitted = sorted(choice.admitted, key=lambda candidate: candidate.turn)[:limit]
    if not admitted:
        return []
    begin(project, tx, choice, admitted, now, None)
    worker, bearer = who
    by, until = f"worker:{worker}", believed_until(now)
    moves.steps(tx, "claim", [Moving(c.processing_id, now, c.ordinal, c.attempt) for c in admitted], by)
    store.add(
        tx,
        [
            {
                "processing_id": c.processing_id, "ordinal": c.ordinal, "number": c.attempt + 1, "cpus": c.cpus,
                "memory": c.memory, "claimed_at": now, "worker": worker, "claimed_by": bearer, "expires_at": until,
            }
            for c in admitted
        ],
    )  # fmt: skip
    return _claims(project, tx, definitions, admitted, until)


def choose_outside(
    project: Project, tx: Tx, definitions: Definitions, capacity: Capacity, limit: int, names: Collection[str],
    *, for_people: bool = False,
) -> Choice:  # fmt: skip
    """Who may start, for a worker: limits, pauses and queues hold, but it has its own processors, memory and disk."""
    room = room_for(project, tx, None, capacity)
    room.for_people = for_people
    here = room.capacity
    here.cpus, here.memory, here.disk, here.disk_most, here.outside = math.inf, None, None, None, True
    return choose(tx, definitions, room, None, limit + SPARE, (), names)


def _claims(
    project: Project, tx: Tx, definitions: Definitions, admitted: Sequence[Candidate], until: int
) -> list[Claim]:
    ids = [c.processing_id for c in admitted]
    orders, outputs = scripts.orders(tx, ids), scripts.outputs(tx, ids)
    inputs = bodies.inputs_of(tx, [order.event_id for order in orders.values()])
    found = []
    for c in admitted:
        task, order, given = definitions[c.definition_id], orders[c.processing_id], None
        plan, kept = task.step(c.ordinal), inputs.get(orders[c.processing_id].event_id)
        if kept is not None:
            given = json.loads(kept.body.bytes()) if kept.kind == "json" else kept.body.bytes().decode()
        found.append(
            Claim(
                project.attempt_key(c.processing_id, c.ordinal, c.attempt + 1), c.processing_id, task.name, plan.name,
                c.attempt + 1, order.key, order.title, task.values(json.loads(order.params), order.variables), given,
                kept.kind if kept else "json", outputs.get(c.processing_id, {}), plan.function or None, plan.timeout,
                until,
            )
        )  # fmt: skip
    return found
