"""Questions to people, as their steps are claimed: each gets its text, and people are told of it.

In: claims of ``ask`` steps. Out: what their attempts ask, and until when; a message for each step that asks, counted.
Always: a question whose text cannot be made from the values of its processing is an ending, not a question.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from procession.clock import moment
from procession.commands.messages import Notice, note
from procession.errors import Invalid
from procession.flow.candidates import Definitions
from procession.flow.conclude import BY, Conclusion
from procession.model.capacity import Candidate
from procession.model.outcome import Ending, Outcome
from procession.model.question import KIND
from procession.model.task import Task
from procession.project import Project
from procession.store import moves, scripts
from procession.store.database import Tx
from procession.store.moves import Moving
from procession.store.scripts import Order

Posed = dict[tuple[int, int], dict[str, Any]]
"""Processing id and ordinal → columns of the attempt."""


def pose(
    project: Project, tx: Tx, definitions: Definitions, claimed: Sequence[Candidate], orders: Mapping[int, Order]
) -> tuple[Posed, list[Conclusion]]:
    """What the claims among these ask that ask people; an ending for every one that cannot be asked."""
    posed: Posed = {}
    unfit: list[Conclusion] = []
    asking = [c for c in claimed if definitions[c.definition_id].step(c.ordinal).kind == "ask"]
    if not asking:
        return posed, unfit
    outputs, now = scripts.outputs(tx, [c.processing_id for c in asking]), project.now()
    for c in asking:
        task = definitions[c.definition_id]
        plan = task.step(c.ordinal)
        until = None if plan.timeout is None else now + int(plan.timeout * 1e6)
        posed[c.processing_id, c.ordinal] = {"asks": plan.command.words[0], "asks_until": until}
        try:
            text = _text(project, task, c.ordinal, orders[c.processing_id], outputs.get(c.processing_id, {}))
        except Invalid as error:
            unfit.append(Conclusion((c.processing_id, c.ordinal, c.attempt + 1), Ending(Outcome.FAILED, str(error))))
            continue
        posed[c.processing_id, c.ordinal]["asks"] = text
        _tell(project, tx, task, c, text)
    return posed, unfit


def _text(project: Project, task: Task, ordinal: int, order: Order, left: Mapping[str, Mapping[str, Any]]) -> str:
    """The question with its values put in, on one line."""
    pid = order.processing_id
    date = moment(order.created_at).date().isoformat()
    given = project.given(pid, str(project.var.files(pid)), date, order.key)
    values = task.values(json.loads(order.params), order.variables)
    (text,) = task.step(ordinal).command.render(values, left, given)
    return " ".join(text.split())


def _tell(project: Project, tx: Tx, task: Task, claimed: Candidate, text: str) -> None:
    """One message for all questions of a step that are open, so that people are told once."""
    plan, pid = task.step(claimed.ordinal), claimed.processing_id
    assert plan.question
    said = f"{plan.question.sentence(text)}; {plan.question.hint(pid, plan.name)}"
    note(project, tx, [Notice(KIND, task.name, said, plan.name, pid, signature="")])
    asked = Moving(pid, project.now(), claimed.ordinal, claimed.attempt + 1, reason=text)
    moves.note(tx, "attempt", "ask", [asked], BY)
