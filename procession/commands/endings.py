"""Endings: what is written beside the move when a processing ends, in the same transaction, whoever ended it.

In: processings that have just moved into a state in which they have ended. Out: they are counted; one whose task says
so is given the moment from which it may go; to whoever asked for it a delivery is written. Always: every way to end
comes through here, so no end is uncounted, kept for ever or untold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from procession.clock import iso, moment
from procession.commands.outgoing import Change, publish
from procession.model import delivery
from procession.model.bridge import SOURCE
from procession.model.states import State
from procession.model.task import Task
from procession.project import Project
from procession.store import bodies, deliveries, instances, scripts, tallies
from procession.store.database import Tx
from procession.store.processings import Standing


@dataclass(frozen=True, slots=True)
class Ended:
    """A processing that has ended in this transaction."""

    id: int
    definition_id: int
    task: str
    state: State
    reason: str | None
    callback: str | None
    started_at: int | None = None
    idle: int = 0
    """Microseconds for which it had ended before."""

    @classmethod
    def of(cls, standing: Standing, state: State, reason: str | None) -> Ended:
        """One that stood so before."""
        stood = standing
        began = stood.started_at
        return cls(stood.id, stood.definition_id, stood.task, state, reason, stood.callback, began, stood.idle)


def note_ends(project: Project, tx: Tx, over: Sequence[Ended], definitions: Mapping[int, Task], now: int) -> None:
    """Count them, say when they retire, and write what is to be told of them."""
    if not over:
        return
    tallies.add(tx, now, [tallies.ended(e.task, e.state, e.started_at, now, idle=e.idle) for e in over])
    spans = [(each.id, definitions[each.definition_id].retention) for each in over]
    instances.set_retire(tx, [{"id": pid, "at": now + int(span * 1e6)} for pid, span in spans if span])
    published = [each for each in over if each.callback and each.callback.startswith(SOURCE)]
    if told := [each for each in over if each.callback and each not in published]:
        _write_deliveries(project, tx, told, now)
    if published:
        changes = [Change(e.id, e.callback or "", str(e.state), e.reason, e.started_at) for e in published]
        publish(project, tx, changes, now)


def _write_deliveries(project: Project, tx: Tx, told: Sequence[Ended], now: int) -> None:
    orders = scripts.orders(tx, [each.id for each in told])
    rows = []
    for each in told:
        order = orders[each.id]
        facts = {
            "id": each.id, "task": each.task, "event_name": order.name, "key": order.key, "title": order.title,
            "state": str(each.state), "reason": each.reason, "created_at": iso(moment(order.created_at)),
            "finished_at": iso(moment(now)),
        }  # fmt: skip
        found = bodies.find_result(tx, each.id) if each.state is State.SUCCEEDED else None
        said = None if found is None else delivery.result_said(each.task, order.key, found.mime, found.body.bytes())
        rows.append(
            {
                "kind": "callback", "processing_id": each.id, "target": each.callback,
                "body": delivery.body(facts, said), "made_at": now, "due_at": now,
            }
        )  # fmt: skip
    deliveries.add(tx, rows)
    tx.after(project.wake)
