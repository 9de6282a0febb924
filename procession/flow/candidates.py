"""Who could start if there were room: read by the claim, and by ``why`` to give the same answer in words."""

from __future__ import annotations

import logging

from procession.model.admission import Candidate, Live
from procession.model.processing import next_ready
from procession.model.states import State
from procession.model.task import Task
from procession.store import processings, steps, tasks
from procession.store.database import Tx

log = logging.getLogger("procession")


class Definitions(dict[int, Task]):
    """Definition id → task: asked for once in a transaction, parsed once in a process."""

    def __init__(self, tx: Tx) -> None:
        super().__init__()
        self._tx = tx
        self._entries: dict[int, tuple[int, ...]] = {}

    def __missing__(self, definition_id: int) -> Task:
        task = self[definition_id] = tasks.get(self._tx, definition_id)
        return task

    def readable(self, definition_id: int) -> bool:
        """Can this definition be read? One that another version wrote, or that is damaged, holds up only its own."""
        try:
            return bool(self[definition_id])
        except (ValueError, TypeError, LookupError) as error:
            log.error("definition %d cannot be read, its processings wait: %s", definition_id, error)
            return False

    def entries(self, definition_id: int) -> tuple[int, ...]:
        """Ordinals of the steps with which a fresh processing of this definition begins."""
        if (known := self._entries.get(definition_id)) is None:
            task = self[definition_id]
            known = next_ready(task, {plan.ordinal: State.PENDING for plan in task.steps})
            self._entries[definition_id] = known
        return known


def candidates(
    tx: Tx, definitions: Definitions, owned: int | None, live: Live, free: float, room: int
) -> list[Candidate]:
    """At most about `room` candidates, in claiming order; of begun processings only what takes at most `free` cpus.

    Of each task only as many waiting processings are read as could begin (at least one, for the reason why not), so
    that a hundred thousand waiting events cost nothing.
    """
    found = [
        Candidate(
            row.processing_id, row.ordinal, row.task, row.cpus, definitions[row.definition_id].at_once, True,
            row.attempt, row.priority, row.definition_id,
        )
        for row in steps.ready(tx, owned, free, room)
        if definitions.readable(row.definition_id)
    ]  # fmt: skip
    for name in processings.tasks_waiting(tx):
        found += _waiting(tx, definitions, owned, name, live.processings.get(name, 0), room)
    found.sort(key=lambda candidate: candidate.turn)
    return found


def _waiting(
    tx: Tx, definitions: Definitions, owned: int | None, name: str, running: int, room: int
) -> list[Candidate]:
    """First steps of the processings of one task that are next to begin."""
    rows = processings.waiting(tx, name, owned, 1)
    if not rows or not definitions.readable(rows[0].definition_id):
        return []
    at_once = definitions[rows[0].definition_id].at_once
    wanted = min(room, at_once - running) if at_once else room
    if wanted > 1:
        rows = processings.waiting(tx, name, owned, wanted)
    begun_before = steps.states(tx, [row.id for row in rows if row.started_at is not None])
    found = []
    for row in rows:
        if not definitions.readable(row.definition_id):
            continue
        task = definitions[row.definition_id]
        known = begun_before.get(row.id)
        if known is None:
            ordinals = definitions.entries(row.definition_id)
        else:
            ordinals = next_ready(task, {o: State(s.state) for o, s in known.items()})
        found += [
            Candidate(
                row.id, ordinal, name, task.step(ordinal).cpus, task.at_once, False,
                known[ordinal].attempt if known else 0, row.priority, row.definition_id,
            )
            for ordinal in ordinals
        ]  # fmt: skip
    return found
