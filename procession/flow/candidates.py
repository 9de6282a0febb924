"""Who could start if there were room: read by the claim, and by ``why`` to give the same answer in words.

`choose` reads candidates and asks the admission; where those at the head cannot start
because of a limit or of a host, it reads on past all that want the same, so that a hundred thousand that wait for one
slot hide nothing behind them. One that can never start, that cannot be read or that is left out is passed by its id.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from procession.flow.room import Room
from procession.model import wants
from procession.model.admission import admit
from procession.model.capacity import Candidate
from procession.model.obstacles import Obstacle
from procession.model.origin import beginning
from procession.model.processing import Values, unfold
from procession.model.sharing import charge, in_turn
from procession.model.states import State
from procession.model.task import Task
from procession.store import claiming, scripts, steps, tasks
from procession.store.database import Tx

log = logging.getLogger("procession")

SPARE = 16
"""Candidates read beyond the free processors: steps that take less than one, or none."""
HEAD = 8
"""So many of the first ready steps are looked at however large they are: room may have to be kept for them."""
ROUNDS = 6
"""How often to read on past what cannot start."""
MOST_PASSED = 500
FURTHER = 8
"""So many more of a task's waiting processings are read for each that was passed."""
ALONE = ("too_many_cpus", "too_much_memory", "too_many_gpus", "too_much_disk")
"""Obstacles that a processing meets by itself, for good: those behind it are read."""


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
        """Ordinals of the steps with which a fresh processing of this definition begins, if it has no conditions."""
        if (known := self._entries.get(definition_id)) is None:
            task = self[definition_id]
            known, _ = unfold(task, {plan.ordinal: State.PENDING for plan in task.steps})
            self._entries[definition_id] = known
        return known


@dataclass(slots=True)
class Choice:
    """What came of it."""

    found: list[Candidate]
    admitted: list[Candidate]
    obstacles: dict[tuple[int, int], Obstacle]
    passed: dict[int, tuple[int, ...]] = field(default_factory=dict)
    """Processing id → ordinals that are skipped when it begins, because their condition does not hold."""
    patience: float = 0.0
    """Microseconds after which something is kept for one that waits for others to end."""
    devices: dict[tuple[int, int], tuple[int, ...]] = field(default_factory=dict)
    """Processing id and ordinal of each that was admitted and needs GPUs → the numbers of those that it gets."""
    empty: tuple[int, ...] = ()
    """Ids of processings of which nothing is left to start."""


def choose(
    tx: Tx, definitions: Definitions, room: Room, owned: int | None, most: int, leaving: Collection[int] = (),
    only: Collection[str] | None = None,
) -> Choice:  # fmt: skip
    """Ask the admission for about `most` candidates, and read on past those that cannot start and want the same.

    Processings in `leaving` are left out, and so are those of tasks that are not in `only`, where it is said.
    """
    reading = _Reading(tx, definitions, room, owned, leaving, only)
    choice = Choice([], [], {}, reading.passed, room.capacity.patience)
    passing: list[str] = []
    for _ in range(ROUNDS):
        found = [c for c in reading.read(most, passing) if (c.processing_id, c.ordinal) not in choice.obstacles]
        found = [c for c in found if c.processing_id not in leaving]
        if not found:
            break
        found = in_turn(found, room.weights, room.accounts)
        admitted, obstacles = admit(found, room.capacity, room.live)
        if room.weights:
            room.accounts = charge({c.wants.queue for c in found}, admitted, room.weights, room.accounts)
        choice.found += found
        choice.admitted += admitted
        choice.obstacles |= obstacles
        blocked = {c.kept: None for c in found if c.kept and _shared(obstacles, c)}
        alone = [c for c in found if not c.begun and _alone(obstacles, c)]
        alone += _unlike([c for c in found if not c.begun and _closed(obstacles, c)])
        if not (blocked or alone) or len(passing) > MOST_PASSED or len(choice.admitted) >= most:
            break
        passing += blocked
        reading.forget(admitted)
        if any(o.code == "no_queue" for o in obstacles.values()):
            reading.keep_to_queues()
        for candidate in alone:
            reading.leave(candidate.task, candidate.processing_id)
    choice.empty = tuple(reading.empty)
    return choice


def _shared(obstacles: Mapping[tuple[int, int], Obstacle], candidate: Candidate) -> bool:
    obstacle = obstacles.get((candidate.processing_id, candidate.ordinal))
    return obstacle is not None and obstacle.shared


def _closed(obstacles: Mapping[tuple[int, int], Obstacle], candidate: Candidate) -> bool:
    """Is it in a queue that is paused, or that nobody serves here?"""
    obstacle = obstacles.get((candidate.processing_id, candidate.ordinal))
    return obstacle is not None and obstacle.shared and obstacle.code in ("paused", "no_queue")


def _unlike(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those of tasks of which several want different things: to pass over one text at a time would take all rounds."""
    texts: dict[str, set[str | None]] = {}
    for each in candidates:
        texts.setdefault(each.task, set()).add(each.kept)
    return [each for each in candidates if len(texts[each.task]) > 1]


def _alone(obstacles: Mapping[tuple[int, int], Obstacle], candidate: Candidate) -> bool:
    obstacle = obstacles.get((candidate.processing_id, candidate.ordinal))
    return obstacle is not None and obstacle.code in ALONE


class _Reading:
    """Reads candidates from the rows, round after round."""

    def __init__(
        self, tx: Tx, definitions: Definitions, room: Room, owned: int | None, leaving: Collection[int] = (),
        only: Collection[str] | None = None,
    ) -> None:  # fmt: skip
        self._tx = tx
        self._definitions = definitions
        self._room = room
        self._owned = owned
        self._only = only
        self._chosen: set[tuple[int, int]] = set()
        self._paused = [beginning(name) for name in room.settings.paused_sources]
        self._limits: dict[str, int] = {}
        """Task → how many of its waiting processings are read at a time."""
        self._leaving = dict.fromkeys(leaving)
        """Processings that are not read again."""
        self._left: dict[str, int] = {}
        """Task → how many of those are its own, as far as they were met."""
        self._elsewhere: set[str] = set()
        """Tasks of which nothing is for a launcher: one is looked at, for the reason why, and no more."""
        self.passed: dict[int, tuple[int, ...]] = {}
        self.empty: dict[int, None] = {}
        self._held: frozenset[int] | None = None
        served = room.open_queues
        self._queues = None if room.for_people or served == room.capacity.queues else served
        """Only begun steps in these are read; None: in all."""
        self._stopped = frozenset() if room.for_people else self._stopped_now()
        """Tasks of which no step is read."""

    def _stopped_now(self) -> frozenset[str]:
        now = self._room.settings
        if not now.pauses_tasks:
            return frozenset()
        return frozenset(t.name for t in tasks.current(self._tx).values() if now.stops(t.name, t.group))

    def keep_to_queues(self) -> None:
        """Read on past every begun step in a queue that is not served, whatever else it wants; people are told why."""
        if not self._room.for_people:
            self._queues = self._room.open_queues

    def forget(self, admitted: Sequence[Candidate]) -> None:
        """What was admitted is not read again."""
        self._chosen.update((c.processing_id, c.ordinal) for c in admitted)

    def leave(self, task: str, processing_id: int) -> None:
        """Read on past this one, and further the more there are."""
        if processing_id not in self._leaving:
            self._leaving[processing_id] = None
            self._left[task] = self._left.get(task, 0) + 1

    def read(self, most: int, passing: Sequence[str]) -> list[Candidate]:
        """Steps of begun processings, and the first steps of those that are next to begin.

        Of each task only as many waiting processings are read as could begin (at least one, for the reason why not),
        so that a hundred thousand waiting events cost nothing.
        """
        found = self._begun(most, passing)
        for name in claiming.tasks_waiting(self._tx):
            if name in self._elsewhere or (self._only is not None and name not in self._only):
                continue
            found += self._waiting(name, most, passing)
        return [c for c in found if (c.processing_id, c.ordinal) not in self._chosen]

    def _begun(self, most: int, passing: Sequence[str]) -> list[Candidate]:
        capacity, live = self._room.capacity, self._room.live
        free = capacity.cpus + capacity.ahead - live.busy(capacity.workers)
        if live.calls < capacity.workers + capacity.calls_ahead:
            free = max(free, 1.0)
        read = partial(
            claiming.ready, self._tx, self._owned, place=self._room.place, common=self._room.serves_common,
            only=self._only, queues=self._queues, stopped=self._stopped,
        )  # fmt: skip
        rows = read(free, most, passing)
        if not passing:  # a large one at the head is looked at, too
            known = {(row.processing_id, row.ordinal) for row in rows}
            head = read(float("inf"), HEAD)
            rows += [row for row in head if (row.processing_id, row.ordinal) not in known]
        return [self._candidate_begun(row) for row in rows if self._definitions.readable(row.definition_id)]

    def _candidate_begun(self, row: claiming.Ready) -> Candidate:
        task, wanted = self._definitions[row.definition_id], wants.read(row.wants)
        return Candidate(
            row.processing_id, row.ordinal, row.task, row.cpus, task.at_once, True, row.attempt, row.priority,
            row.definition_id, row.memory, wanted, (), row.wants, row.ready_at or 0, 0,
            self._room.settings.pause_of_step(task.name, task.group, wanted.queue),
            bool(task.step(row.ordinal).function), task.step(row.ordinal).kind == "call", row.gpus,
        )  # fmt: skip

    def _waiting(self, name: str, most: int, passing: Sequence[str]) -> list[Candidate]:
        """First steps of the processings of one task that are next to begin."""
        for _ in range(ROUNDS):
            rows = self._next(name, most, passing)
            found = {row.id: each for row, each in self._looked_at(name, rows)}
            without = [row.id for row in rows if not found.get(row.id)]
            for pid in without:
                self.leave(name, pid)
            if not without or len(without) < len(rows) or self._left[name] > MOST_PASSED:
                break
        return [c for each in found.values() for c in each]

    def _next(self, name: str, most: int, passing: Sequence[str]) -> list[claiming.Waiting]:
        """Rows of the processings of one task that are next to begin, also those that cannot be read."""
        limit, further = self._limits.get(name), min(FURTHER * self._left.get(name, 0), MOST_PASSED)
        n = further + (1 if limit is None else max(1, limit))
        rows = self._read(name, n, passing)
        readable = next((r.definition_id for r in rows if self._definitions.readable(r.definition_id)), None)
        if limit is None and readable is not None and self._is_elsewhere(name, readable):
            self._elsewhere.add(name)
            return rows
        if limit is None and readable is not None:
            at_once = self._at_once(name, readable)
            limit = min(most, at_once - self._room.live.processings.get(name, 0)) if at_once else most
            self._limits[name] = limit  # as long as it reads on past what waits: each reading may pass a great many
            if limit > 1:
                rows = self._read(name, further + limit, passing)
        return rows

    def _read(self, name: str, n: int, passing: Sequence[str]) -> list[claiming.Waiting]:
        place, common = self._room.place, self._room.begins_common
        paused = [] if self._owned is not None else self._paused
        return claiming.waiting(
            self._tx, name, self._owned, n, passing, self._leaving, place, common=common, paused=paused
        )

    def _is_elsewhere(self, name: str, definition_id: int) -> bool:
        """Do only programs elsewhere do what these processings begin with, and all that come after?"""
        if self._room.capacity.outside:
            return False
        task, entries = self._definitions[definition_id], self._definitions.entries(definition_id)
        return all(task.step(o).outside for o in entries) and tasks.now_of(self._tx, name) == definition_id

    def _looked_at(self, name: str, rows: Sequence[claiming.Waiting]) -> list[tuple[claiming.Waiting, list[Candidate]]]:
        rows = [row for row in rows if self._definitions.readable(row.definition_id)]
        if rows and self._held is None:
            self._held = steps.held(self._tx)
        looked = [
            r.id
            for r in rows
            if r.started_at is not None or self._definitions[r.definition_id].whens or r.id in (self._held or ())
        ]
        begun_before = steps.states(self._tx, looked)
        return [(row, self._candidates_waiting(name, row, begun_before.get(row.id))) for row in rows]

    def _candidates_waiting(
        self, name: str, row: claiming.Waiting, known: Mapping[int, steps.StepStanding] | None
    ) -> list[Candidate]:
        task = self._definitions[row.definition_id]
        entry = wants.read_opening(row.wants)
        if known is None:
            ordinals = self._definitions.entries(row.definition_id)
        else:
            states = {o: State(s.state) for o, s in known.items()}
            ordinals, passed = unfold(task, states, lambda: values_of(self._tx, task, row.id))
            if passed:
                self.passed[row.id] = passed
            if not ordinals:
                self.empty[row.id] = None
        at_once = self._at_once(name, row.definition_id)
        found = []
        for ordinal in ordinals:
            standing = known[ordinal] if known else None
            if standing is not None and standing.held_at is not None:
                continue
            text = standing.wants if standing else (entry.steps or {}).get(ordinal)
            plan, wanted = task.step(ordinal), wants.read(text)
            pause = self._room.settings.pause_of_step(name, task.group, wanted.queue)
            found.append(
                Candidate(
                    row.id, ordinal, name, plan.cpus, at_once, False, standing.attempt if standing else 0,
                    row.priority, row.definition_id, plan.memory, wanted, entry.uses,
                    row.wants if row.started_at is None else None,  # of one tried again, the text says another step
                    row.waiting_at, self._disk(task, row), pause, bool(plan.function), plan.kind == "call", plan.gpus,
                )
            )  # fmt: skip
        return found

    def _disk(self, task: Task, row: claiming.Waiting) -> int | None:
        """Bytes that it is expected to write; nothing more, if it has begun once and its files are there."""
        if row.started_at is not None:
            return 0
        return self._room.expected.get(task.name) if task.disk is None else task.disk

    def _at_once(self, name: str, definition_id: int) -> int:
        return self._room.settings.at_once(name, self._definitions[definition_id].at_once)


def has_directory(task: Task) -> bool:
    """Does a processing of this task have a directory, so that all its steps run where that is? Functions and questions
    need none."""
    return any(plan.kind not in ("call", "ask") for plan in task.steps)


def values_of(tx: Tx, task: Task, processing_id: int) -> Values:
    """What the conditions of a processing can ask for."""
    order = scripts.orders(tx, [processing_id])[processing_id]
    params = task.values(json.loads(order.params), order.variables)
    return params, scripts.outputs(tx, [processing_id]).get(processing_id, {})
