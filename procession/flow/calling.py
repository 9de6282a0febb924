"""Claimed calls are handed to the pool: what their functions are given.

In: claims of steps that name a function. Out: orders for `executors/calls.py`, sent after the commit. Always: nothing
is sent before the commit; inputs go as they came: JSON as its text, a pickle unopened, with its signature.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from procession.commands.outgoing import publish_began
from procession.errors import Invalid
from procession.executors.call import CallPlan, Order
from procession.executors.calls import Calls
from procession.flow.candidates import Definitions
from procession.flow.conclude import Conclusion, conclude
from procession.flow.room import Room
from procession.model.body import Body
from procession.model.capacity import Candidate
from procession.model.outcome import Ending, Outcome
from procession.model.task import Task
from procession.project import Project
from procession.store import bodies, calls, claiming, moves, scripts, steps
from procession.store.bodies import Input
from procession.store.database import Tx

quoted = json.encoder.encode_basestring_ascii
"""A text as JSON, at once: this is the hot path."""
MOST_BYTES = 16 << 20
"""Of the inputs of calls that are claimed as one set."""
MOST_PLANS = 1000
"""So many are remembered; definitions come and go."""


def plan_of(pool: Calls, definition_id: int, task: Task, ordinal: int) -> CallPlan:
    """What all calls of this step have in common; the same object each time."""
    if (known := pool.plans.get((definition_id, ordinal))) is None:
        plan = task.step(ordinal)
        if len(pool.plans) >= MOST_PLANS:
            pool.plans.clear()
        known = pool.plans[definition_id, ordinal] = CallPlan(
            next(pool.plan_numbers), plan.function, task.name, plan.name, ordinal, task.on, plan.python, plan.timeout,
            len(task.steps) == 1 and task.retention is None,
        )  # fmt: skip
    return known


def call(
    project: Project,
    tx: Tx,
    definitions: Definitions,
    claimed: Sequence[Candidate],
    orders: Mapping[int, scripts.Order],
) -> None:
    """Have these claims called after the commit."""
    pool = project.serving.calling
    inputs = bodies.inputs_of(tx, {orders[c.processing_id].event_id for c in claimed})
    again = {c.processing_id for c in claimed if c.attempt or c.ordinal > 1}
    saved = scripts.outputs(tx, again) if again else {}
    sent: dict[CallPlan, list[Order]] = defaultdict(list)
    unfit: list[Conclusion] = []
    for c in claimed:
        task, order = definitions[c.definition_id], orders[c.processing_id]
        which = (c.processing_id, c.ordinal, c.attempt + 1)
        plan = plan_of(pool, c.definition_id, task, c.ordinal)
        try:
            extra = _given(project, task, inputs.get(order.event_id))
        except Invalid as error:
            unfit.append(Conclusion(which, Ending(Outcome.FAILED, str(error), 1)))
            continue
        if (outputs := saved.get(c.processing_id)) is not None:
            extra["outputs"] = [outputs[each.name] for each in task.steps if each.name in outputs]
        if order.name != task.on:
            extra["event"] = order.name
        waits = [each for each in task.steps[: c.ordinal - 1] if each.kind == "wait"]
        if waits:
            extra["children"] = str(project.var.children(c.processing_id, waits[-1].ordinal, waits[-1].name))
        sent[plan].append((which, _text(which, order, extra, _params(task, order))))
    if unfit:
        conclude(project, tx, unfit)
    for plan, some in sent.items():
        tx.after(partial(pool.submit, plan, some))


def _params(task: Task, order: scripts.Order) -> str:
    """The parameters of a call as JSON, with the variables that its task declares."""
    if not task.declared:
        return order.params
    defaults = {variable.name: variable.default for variable in task.declared if not variable.needs_default}
    return json.dumps({**defaults, **task.brought(json.loads(order.params), order.variables)}, ensure_ascii=False)


def _text(which: tuple[int, int, int], order: scripts.Order, extra: Mapping[str, Any], params: str) -> str:
    """What the worker is told of one call: the rest of a JSON array."""
    key = "null" if order.key is None else quoted(order.key)
    text = f"{which[0]},{which[2]},{order.event_id},{key},{quoted(order.title)},{params}"
    return f"{text},{json.dumps(extra)}" if extra else text


def _given(project: Project, task: Task, found: Input | None) -> dict[str, Any]:
    """The inputs that came beside the parameters."""
    if found is None:
        return {}
    if found.kind != "pickle":
        return {"inputs": json.loads(found.body.bytes())}
    if task.inputs != "pickle" or not project.settings.allow_pickle:
        raise Invalid(
            'its inputs are a pickle, which could run any code; the task must say inputs = "pickle" and '
            "the operator [launcher] allow_pickle = true"
        )
    packed = base64.b64encode(found.body.bytes()).decode()
    return {"pickle": packed, "pickle_key": str(project.var.pickle_key)}


# ── by the thousand ────────────────────────────────────────────────────────────────────────────────


def call_many(project: Project, tx: Tx, definitions: Definitions, room: Room, most: int) -> int | None:
    """Claim what waits, where all that waits are calls of tasks with one step that want nothing but a worker, and every
    worker has its processor: then the order decides alone. Return how many; None: it is not so, `choose` decides.
    """
    live, here, post = room.live, room.capacity, project.serving
    if post.calls is None or post.kind != "up" or post.trouble or here.calls_ahead == 0:
        return None
    n = min(most, here.workers + here.calls_ahead - live.calls)
    if here.cpus - (live.cpus - live.call_cpus) < here.workers or not _nothing_odd(project, room):
        return None
    if n <= 0 or claiming.ready(tx, None, float("inf"), 1) or steps.held(tx):
        return None
    rows: list[calls.Next] = []
    for name in claiming.tasks_waiting(tx):
        found = calls.next_of(tx, name, n)
        if any(row.started_at is not None or not _is_plain(definitions, room, row.definition_id) for row in found):
            return None
        rows += found
    rows = _that_fit(sorted(rows, key=lambda row: (-row.rank, row.id))[:n])
    if not rows:
        return 0
    sent: dict[CallPlan, list[Order]] = defaultdict(list)
    ids = [row.id for row in rows]
    try:
        told = {each.id: each for each in calls.told(tx, ids)}
        for each in (told[id_] for id_ in ids):
            task = definitions[each.definition_id]
            sent[plan_of(post.calls, each.definition_id, task, 1)].append(((each.id, 1, 1), _told(project, task, each)))
    except Invalid:
        return None
    now = project.now()
    moves.begin_calls(tx, ids, now)
    publish_began(project, tx, ids, now)
    calls.add_attempts(tx, ids, post.launcher_id, now)
    for plan, some in sent.items():
        tx.after(partial(post.calls.submit, plan, some))
    return len(rows)


def _that_fit(rows: list[calls.Next]) -> list[calls.Next]:
    """The first of these, as many as their inputs have room in memory together; one always has."""
    total = 0
    for n, row in enumerate(rows):
        total += row.size
        if n and total > MOST_BYTES:
            return rows[:n]
    return rows


def _nothing_odd(project: Project, room: Room) -> bool:
    """Is there nothing that would decide beside the order?"""
    here = room.capacity
    return (
        not room.drained
        and here.full is None
        and here.disk is None
        and not room.live.kept
        and not project.settings.plans_of_queues
    )


def _is_plain(definitions: Definitions, room: Room, definition_id: int) -> bool:
    """Does a processing of this definition want nothing but a worker and its processor, for one step?"""
    if not definitions.readable(definition_id):
        return False
    task = definitions[definition_id]
    plan = task.steps[0]
    return (
        len(task.steps) == 1
        and not task.declared
        and bool(plan.function)
        and (plan.cpus, plan.memory, plan.gpus, plan.queue, plan.when) == (1.0, 0, 0, "", None)
        and not (plan.labels or plan.uses or task.uses or task.source)
        and "" in room.capacity.queues
        and not room.settings.at_once(task.name, task.at_once)
        and room.settings.pause_of_step(task.name, task.group, "") is None
    )


def _told(project: Project, task: Task, row: calls.Told) -> str:
    """What the worker is told of one call."""
    key = "null" if row.key is None else quoted(row.key)
    text = f"{row.id},1,{row.event_id},{key},{quoted(row.title)},{row.params}"
    if row.kind is None and row.name == task.on:
        return text
    if row.kind == "json" and row.form == "text" and row.name == task.on:
        return f'{text},{{"inputs":{row.body}}}'
    found = Input(row.kind, Body(row.form or "", row.body or "", 0)) if row.kind else None
    extra = _given(project, task, found)
    return f"{text},{json.dumps(extra if row.name == task.on else {**extra, 'event': row.name})}"
