"""Outgoing: what is told over bridges, written in the transaction of the change that it tells of.

In: processings that have changed, whose events came over a bridge. Out: rows of the outbox, in the sender's words: the
fields of the message, and over them what became of it, with the end of the log, where the results are, and why it
failed. Always: rows of one processing come in the order of its changes, for its row is locked by whoever changes it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from procession.clock import iso, moment
from procession.contract import last_lines
from procession.model.bridge import BridgePlan, Status, plan_named, write_status
from procession.project import Project
from procession.store import bridges, processings, scripts, steps
from procession.store.database import Tx

LOG = 16_384
"""Bytes of the end of the log that are sent along."""
OUTPUTS = 65_536
"""Bytes of outputs, as JSON, that are sent along; of more, none."""


@dataclass(frozen=True, slots=True)
class Change:
    """A processing that has changed in this transaction."""

    id: int
    callback: str
    status: str
    reason: str | None = None
    started_at: int | None = None
    due_at: int | None = None
    """When it is tried again."""


def publish_began(project: Project, tx: Tx, ids: Sequence[int], now: int) -> None:
    """Publish that these have started, where somebody is to be told."""
    if not any(status == "started" for plan in project.settings.bridges for status, _ in plan.publish):
        return
    told = bridges.callbacks(tx, ids)
    publish(project, tx, [Change(pid, told[pid], "started") for pid in ids if pid in told], now)


def publish(project: Project, tx: Tx, changes: Sequence[Change], now: int) -> None:
    """Publish these changes, as far as their bridges tell of such."""
    wanted = [
        (change, plan, to)
        for change in changes
        if (plan := plan_named(project.settings.bridges, change.callback))
        and (to := dict(plan.publish).get(change.status))
    ]
    if not wanted:
        return
    orders = scripts.orders(tx, [change.id for change, _, _ in wanted])
    standing = processings.standings(tx, [change.id for change, _, _ in wanted])
    outputs = scripts.outputs(tx, [change.id for change, _, _ in wanted if change.status == "succeeded"])
    rows = []
    for change, plan, to in wanted:
        order = orders[change.id]
        facts = _facts(project, tx, change, standing[change.id].task, outputs.get(change.id, {}), now)
        rows.append(
            {
                "bridge": plan.name, "processing_id": change.id, "destination": to, "key": order.key,
                "body": _body(plan, change.status, json.loads(order.params), facts), "made_at": now, "due_at": now,
            }
        )  # fmt: skip
    bridges.add(tx, rows)
    tx.after(project.wake)


def _body(plan: BridgePlan, status: str, params: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    return write_status(plan, Status(status, params, facts))


def _facts(
    project: Project, tx: Tx, change: Change, task: str, outputs: Mapping[str, Mapping[str, Any]], now: int
) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "processing": change.id, "task": task, "at": iso(moment(now)), "host": socket.gethostname(),
    }  # fmt: skip
    if change.status == "started":
        return facts
    said = "error" if change.status in ("failed", "retried") else "reason"
    facts |= {said: change.reason, "log": _log(project, tx, change.id)}
    if change.due_at is not None:
        facts["retry_in"] = max(0, round((change.due_at - now) / 1e6))
    if change.status == "succeeded":
        facts["results"] = results_of(outputs)
        facts["outputs"] = outputs if 0 < len(json.dumps(outputs)) <= OUTPUTS else None
    return facts


def results_of(outputs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Where results are: what steps called so among their outputs, and where Procession itself copied them; of a
    reduction its archive, and the directories that its ``main`` returned."""
    found: list[str] = []
    for step, values in outputs.items():
        reduced = (values.get("archive"), values.get("extra")) if {"inputs", "output_dir"} <= values.keys() else ()
        for value in (values.get("results"), values.get("to") if step == "results" else None, *reduced):
            found += [str(each) for each in (value if isinstance(value, list) else [value]) if each]
    return list(dict.fromkeys(found))


def _log(project: Project, tx: Tx, processing_id: int) -> str | None:
    """The end of the log of the attempt that ended last, where it is at this place."""
    ended = [step for step in steps.of(tx, processing_id) if step.executed]
    if not ended:
        return None
    last = max(ended, key=lambda step: (step.attempts[step.executed - 1].finished_at or moment(0), step.ordinal))
    lines = last_lines(project.var.attempt(processing_id, last.ordinal, last.name, last.executed), LOG)
    return "\n".join(lines) or None
