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

from procession.errors import Invalid
from procession.executors.calls import CallPlan, Calls, Order
from procession.flow.candidates import Definitions
from procession.flow.conclude import Conclusion, conclude
from procession.model.admission import Candidate
from procession.model.outcome import Ending, Outcome
from procession.model.task import Task
from procession.project import Project
from procession.store import bodies, steps
from procession.store.bodies import Input
from procession.store.database import Tx

quoted = json.encoder.encode_basestring_ascii
"""A text as JSON, at once: this is the hot path."""


def plan_of(calls: Calls, definition_id: int, task: Task, ordinal: int) -> CallPlan:
    """What all calls of this step have in common; the same object each time."""
    if (known := calls.plans.get((definition_id, ordinal))) is None:
        plan = task.step(ordinal)
        known = calls.plans[definition_id, ordinal] = CallPlan(
            len(calls.plans) + 1, plan.function, task.name, plan.name, ordinal, task.on, plan.python, plan.timeout,
            len(task.steps) == 1,
        )  # fmt: skip
    return known


def call(
    project: Project,
    tx: Tx,
    definitions: Definitions,
    claimed: Sequence[Candidate],
    orders: Mapping[int, steps.Order],
) -> None:
    """Have these claims called after the commit."""
    calls = project.serving.calling
    inputs = bodies.inputs_of(tx, {orders[c.processing_id].event_id for c in claimed})
    again = {c.processing_id for c in claimed if c.attempt or c.ordinal > 1}
    saved = steps.outputs(tx, again) if again else {}
    sent: dict[CallPlan, list[Order]] = defaultdict(list)
    unfit: list[Conclusion] = []
    for c in claimed:
        task, order = definitions[c.definition_id], orders[c.processing_id]
        which = (c.processing_id, c.ordinal, c.attempt + 1)
        plan = plan_of(calls, c.definition_id, task, c.ordinal)
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
        sent[plan].append((which, _text(which, order, extra)))
    if unfit:
        conclude(project, tx, unfit)
    for plan, some in sent.items():
        tx.after(partial(calls.submit, plan, some))


def _text(which: tuple[int, int, int], order: steps.Order, extra: Mapping[str, Any]) -> str:
    """What the worker is told of one call: the rest of a JSON array."""
    key = "null" if order.key is None else quoted(order.key)
    text = f"{which[0]},{which[2]},{order.event_id},{key},{quoted(order.title)},{order.params}"
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
