"""Why: one sentence and one code for whatever is not running, by the same function and rows as the claim (N5).

In: a processing. Out: an `Obstacle`; never empty. What has ended says how, what runs says since when, what waits says
what it waits for: a moment, a person, a limit and who holds it, room, a host, the one before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property

from procession.clock import moment
from procession.commands import claims
from procession.commands.processings import look
from procession.commands.questions import question_of
from procession.commands.work import GIVEN_BACK
from procession.flow.candidates import Choice, Definitions, choose
from procession.flow.room import capacity_of, room_for, standing_of
from procession.model import wants
from procession.model.capacity import Capacity
from procession.model.locks import Hold, Lack
from procession.model.obstacles import Obstacle
from procession.model.outcome import Outcome
from procession.model.processing import Attempt, Processing, Step
from procession.model.setting import Settings
from procession.model.states import PROCESSING, State
from procession.project import Project
from procession.store import (
    claiming,
    families,
    journal,
    launchers,
    locks,
    messages,
    processings,
    questions,
    settings,
    tasks,
)
from procession.store.database import Tx
from procession.units import duration


def why(project: Project, processing_id: int) -> Obstacle:
    """Why a processing is where it is: a code and a sentence, by the same rules and rows as the claim."""
    with project.store.read() as tx:
        processing = look(tx, processing_id)
        return explain(project, tx, processing)


def explain(project: Project, tx: Tx, processing: Processing) -> Obstacle:
    """Why this processing is where it is."""
    return explain_all(project, tx, [processing])[processing.id]


def explain_all(project: Project, tx: Tx, found: Sequence[Processing]) -> dict[int, Obstacle]:
    """Why each of these is where it is; the admission is asked once for all of them."""
    asked = _Admission(project, tx)
    return {processing.id: _explain(project, tx, processing, asked) for processing in found}


def _explain(project: Project, tx: Tx, processing: Processing, asked: _Admission) -> Obstacle:
    now = project.clock.now()
    if processing.state in PROCESSING.terminal:
        return Obstacle(str(processing.state), _ended(processing, now))
    if held := _held(tx, processing):
        return held
    if for_person := _for_person(tx, processing):
        return for_person
    running = next((s for s in processing.steps if s.state is State.RUNNING), None)
    if running:
        return _of_running(project, tx, processing, running, now, asked)
    if processing.launcher_id is not None:
        return Obstacle("foreground", f"it is run in the foreground by launcher {processing.launcher_id}")
    due = next((s for s in processing.steps if s.state is State.READY and s.due_at), None)
    if due and due.due_at and due.due_at > now:
        rest = duration(max(1, round((due.due_at - now).total_seconds())))
        because = f": {due.reason}" if due.reason else ""
        return Obstacle("retry_at", f"step {due.name} is tried again in {rest}{because}")
    if processing.due_at and processing.due_at > now:
        rest = duration(max(1, round((processing.due_at - now).total_seconds())))
        return Obstacle("not_before", f"it does not begin before {processing.due_at:%Y-%m-%d %H:%M:%S} UTC, in {rest}")
    if elsewhere := asked.elsewhere(processing):
        return elsewhere
    if not asked.served:
        return Obstacle("no_launcher", "nobody serves this project; start it with: procession up")
    if asked.leaving:
        return Obstacle("draining", "the launcher is leaving and starts nothing new; then: procession up")
    return asked.answer(processing)


def _of_running(
    project: Project, tx: Tx, processing: Processing, running: Step, now: datetime, asked: _Admission
) -> Obstacle:
    """What it waits for while a step of it runs, or that it does."""
    if (live := processing.live) is not None and live.worker is not None:
        return _elsewhere(processing, running, live, now)
    if running.attempts and running.attempts[-1].asks is not None:
        return _answered(project, tx, processing, running)
    if running.attempts and running.attempts[-1].launcher_id is None:
        return _children(tx, processing, running)
    if asked.for_locks and (waiting := _for_locks(project, tx, processing)):
        return waiting
    if asked.silent and (silent := _silent(tx, running)) is not None:
        return silent
    served = processing.launcher_id is not None or asked.served
    return _running(processing, running, now, served=served)


def _all_leave(tx: Tx) -> bool:
    """Is everybody who serves about to leave?"""
    serving = [row for row in launchers.not_stopped(tx) if row.kind == "up"]
    return bool(serving) and all(row.closing for row in serving)


def _held(tx: Tx, processing: Processing) -> Obstacle | None:
    """A person keeps it, or its next step, from starting."""
    waiting = [s for s in processing.steps if s.state in (State.READY, State.PENDING) and s.held_at is not None]
    others = any(s.state is State.RUNNING or (s.state is State.READY and not s.held_at) for s in processing.steps)
    waiting = [s for s in waiting if s.state is State.READY]
    alone = waiting and not others
    if processing.held_at is None and not alone:
        return None
    if processing.held_at is not None and any(s.state is State.RUNNING for s in processing.steps):
        return None  # what runs says so itself
    return _hold(tx, processing, "it is held" if processing.held_at is not None else f"step {waiting[0].name} is held")


def _hold(tx: Tx, processing: Processing, what: str) -> Obstacle:
    """Who holds it, why, and how it goes on."""
    who = next((e for e in reversed(journal.of(tx, processing.id)) if e.verb == "hold"), None)
    by = f" by {who.by}" if who else ""
    because = f": {who.reason}" if who and who.reason else ""
    return Obstacle("held", f"{what}{by}{because}; let it go on with: procession release {processing.id}")


def _held_beside(tx: Tx, processing: Processing, asking: Step) -> tuple[Obstacle, ...]:
    """The hold that keeps it from going on when the question of this step is answered."""
    held = [s for s in processing.steps if s.ordinal > asking.ordinal and s.held_at is not None]
    held = [s for s in held if s.state in (State.READY, State.PENDING)]
    if processing.held_at is None and not held:
        return ()
    what = "it is held" if processing.held_at is not None else f"step {held[0].name} is held"
    return (_hold(tx, processing, what),)


def _for_person(tx: Tx, processing: Processing) -> Obstacle | None:
    """What it asks people, and how they answer."""
    step = next((s for s in processing.steps if s.asking is not None), None)
    if step is None or processing.cancel_requested_at is not None:
        return None
    asking = next(each for each in questions.of(tx, processing.id) if each.ordinal == step.ordinal)
    question = question_of(tx, asking)
    until = f", at the latest at {moment(asking.until):%Y-%m-%d %H:%M:%S} UTC" if asking.until else ""
    said = f"waits for a person: {question.sentence(asking.text)}{until}; {question.hint(processing.id, step.name)}"
    return Obstacle("person", said, also=_held_beside(tx, processing, step))


def _answered(project: Project, tx: Tx, processing: Processing, step: Step) -> Obstacle:
    """Its question is not asked any more, and whoever serves does what follows."""
    last = step.attempts[-1]
    serves = "" if project.is_served(tx) else "; nobody serves this project, it goes on when procession up runs again"
    if processing.cancel_requested_at:
        return Obstacle("cancelling", f"its cancel was asked; step {step.name} asks no more{serves}")
    return Obstacle("running", f"step {step.name} was answered {last.answer} by {last.made_by}{serves}")


def _children(tx: Tx, processing: Processing, step: Step) -> Obstacle:
    """How many of its children have not ended."""
    states = families.children(tx, processing.id)
    left = [pid for pid, state in states if state not in PROCESSING.terminal]
    some = ", ".join(str(pid) for pid in left[:3]) + (", …" if len(left) > 3 else "")
    return Obstacle("children", f"step {step.name} waits for {len(left)} of {len(states)} children to end: {some}")


def _for_locks(project: Project, tx: Tx, processing: Processing) -> Obstacle | None:
    """What a script that runs is waiting for, if it waits for locks."""
    _, waits = locks.all_of(tx, project.now())
    wait = next((w for w in waits if w.processing_id == processing.id), None)
    if wait is None:
        return None
    limits = settings.all_of(tx).limits(dict(project.settings.limits))
    standing = standing_of(tx, limits, project.now())
    lacking = standing.lacking(wait.owner, wait.names)
    step = next((s.name for s in processing.steps if s.ordinal == wait.owner.asking), "")
    if not lacking:
        return Obstacle("lock", f"step {step} waits for {', '.join(wait.names[:3])}, which it gets when it asks again")
    holds, _ = locks.all_of(tx, project.now())
    first, *others = [_of_lock(step, each, holds) for each in lacking]
    return replace(first, also=tuple(others))


def _of_lock(step: str, first: Lack, holds: Sequence[Hold]) -> Obstacle:
    """One lock that a script waits for."""
    if not first.holders:
        before = ", ".join(map(str, first.before[:3]))
        text = f"step {step} waits for {first.name}; processing {before} has waited longer for it"
        return Obstacle("lock", text, name=first.name, holders=tuple(first.before[:3]))
    at = {(h.processing_id, h.ordinal): h.at for h in holds if h.name == first.name}
    pid, ordinal = first.holders[0]
    since = f" since {moment(at[pid, ordinal]):%Y-%m-%d %H:%M:%S} UTC" if (pid, ordinal) in at else ""
    more = f" and {len(first.holders) - 1} more" if len(first.holders) > 1 else ""
    text = f"step {step} waits for {first.name}, held by processing {pid}{since}{more}"
    return Obstacle("lock", text, name=first.name, holders=tuple(each for each, _ in first.holders))


def _ended(processing: Processing, now: datetime) -> str:
    when = (
        f"{duration(max(0, round((now - processing.finished_at).total_seconds())))} ago"
        if processing.finished_at
        else ""
    )
    because = f": {processing.reason}" if processing.reason else ""
    noun = "error" if processing.errors == 1 else "errors"
    amber = f" with {processing.errors} recorded {noun}" if processing.errors else ""
    return f"it {_ENDED[processing.state]} {when}{amber}{because}".strip()


_ENDED = {
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "was cancelled",
    State.SKIPPED: "was skipped",
}


def _running(processing: Processing, step: Step, now: datetime, *, served: bool) -> Obstacle:
    unheard = "" if served else "; nobody serves this project, so its end is taken in when procession up runs again"
    since = step.attempts[-1].started_at or step.attempts[-1].claimed_at if step.attempts else None
    span = f" for {duration(max(0, round((now - since).total_seconds())))}" if since else ""
    if processing.cancel_requested_at:
        return Obstacle("cancelling", f"its cancel was asked; step {step.name} is being ended{unheard}")
    if not served and step.attempts and step.attempts[-1].pooled:  # with its launcher a call is gone
        return Obstacle(
            "no_launcher",
            f"step {step.name}, attempt {step.attempt}: its launcher is gone; it is tried again when procession up "
            "runs",
        )
    return Obstacle("running", f"step {step.name}, attempt {step.attempt}, has been running{span}{unheard}")


def _elsewhere(processing: Processing, step: Step, live: Attempt, now: datetime) -> Obstacle:
    """What a program elsewhere has claimed."""
    since = live.started_at or live.claimed_at or now
    span = duration(max(0, round((now - since).total_seconds())))
    doing = f"step {step.name}, attempt {live.number}, was claimed by worker {live.worker}"
    if processing.cancel_requested_at:
        return Obstacle("cancelling", f"its cancel was asked; {doing}, which is told when it is heard of next")
    if live.started_at is None:
        return Obstacle("scheduled", f"{doing} {span} ago and has not started yet; soon it is given back")
    if live.paused_at is not None:
        return Obstacle("pausing", f"{doing}, which has paused it by itself")
    held = "; it is asked to pause" if processing.held_at else ""
    return Obstacle("running", f"{doing} and has been running for {span}{held}")


def _silent(tx: Tx, step: Step) -> Obstacle | None:
    """Its launcher is not heard of, as somebody who watches it has found."""
    names = {row.id: row for row in launchers.elsewhere(tx, "")}
    row = names.get(step.attempts[-1].launcher_id)
    if row is None or not any(message.task == row.name for message in messages.of_kind(tx, "host")):
        return None
    return Obstacle(
        "silent",
        f"step {step.name} was started by launcher {row.name} on {row.host}, which is silent: whether it still runs "
        f"nobody can tell; start that launcher again, or, if it never comes back: procession give-up {row.name}",
    )


class _Admission:
    """The answers of the admission for everything that waits; worked out when the first is asked for."""

    def __init__(self, project: Project, tx: Tx) -> None:
        self._project = project
        self._tx = tx
        self._counted: dict[int, int] = {}

    @cached_property
    def served(self) -> bool:
        """Does anybody serve this project?"""
        return self._project.is_served(self._tx)

    @cached_property
    def for_locks(self) -> bool:
        """Does any script that runs wait for locks?"""
        return bool(locks.all_of(self._tx, self._project.now())[1])

    @cached_property
    def silent(self) -> bool:
        """Is a host not heard of?"""
        return bool(messages.of_kind(self._tx, "host"))

    @cached_property
    def leaving(self) -> bool:
        """Is everybody who serves about to leave?"""
        return _all_leave(self._tx)

    @cached_property
    def _set_now(self) -> Settings:
        return settings.all_of(self._tx)

    def _of_source(self, processing: Processing) -> Obstacle | None:
        """What keeps everything new of its source from beginning."""
        pause = self._set_now.pause_of_source(processing.source) if processing.state is State.WAITING else None
        return None if pause is None else Obstacle("paused", f"{pause.sentence}; to go on: {pause.resume}")

    def elsewhere(self, processing: Processing) -> Obstacle | None:
        """Where only a program elsewhere does what is next: what stands in its way, or that none has asked yet."""
        following = next((s for s in processing.steps if s.state in (State.READY, State.PENDING)), None)
        if following is None or not wants.read(following.wants).outside:
            return None
        choice = self._outside
        mine = [c for c in choice.found if c.processing_id == processing.id]
        found = next((o for c in mine if (o := choice.obstacles.get((c.processing_id, c.ordinal)))), None)
        if found := found or (None if mine else self._of_source(processing) or room_pause(choice, processing)):
            return found
        last = following.attempts[-1] if following.attempts else None
        if last is not None and last.outcome == Outcome.VOID and last.worker is not None:
            because = "" if last.reason in (None, "", GIVEN_BACK) else f": {last.reason}"
            return Obstacle(
                "outside",
                f"it was given back by {last.worker}{because}; it waits until a program asks: procession claim",
            )
        return Obstacle("outside", "only a program elsewhere does it, and none has asked for it yet: procession claim")

    @cached_property
    def _outside(self) -> Choice:
        """As for a worker that serves every queue and has every label."""
        queues = {name for name, _ in self._project.settings.plans_of_queues} | {
            task.queue for task in tasks.current(self._tx).values()
        }
        labels = {each for t in tasks.current(self._tx).values() for step in t.steps for each in step.labels}
        capacity = Capacity(math.inf, labels=frozenset(labels), queues=frozenset(queues | {""}))
        return claims.choose_outside(
            self._project, self._tx, Definitions(self._tx), capacity, 1000, tasks.with_calls(self._tx),
            for_people=True,
        )  # fmt: skip

    @cached_property
    def _choices(self) -> list[tuple[Choice, str]]:
        """Of each launcher that serves, with its name where a person has drained it; they have different queues, labels
        and processors."""
        serving = [row for row in launchers.not_stopped(self._tx) if row.kind == "up"]
        asked = [(row.place, capacity_of(row), row.name, row.host) for row in serving[-MOST_ASKED:]]
        found = []
        for place, capacity, name, host in asked or [("", Capacity(self._project.settings.cpus), "", "")]:
            room = room_for(self._project, self._tx, place, capacity, name, host)
            room.for_people = room.capacity.all_told = True
            found.append((choose(self._tx, Definitions(self._tx), room, None, 1000), name if room.drained else ""))
        return found

    def answer(self, processing: Processing) -> Obstacle:
        """What stands in the way of this one, or who comes before it: at the launcher that is nearest to taking it."""
        if (away := _away(self._tx, processing)) is not None:
            return away
        answers = [self._drained(self._answer(choice, processing), name) for choice, name in self._choices]
        return min(answers, key=lambda each: _FAR.index(each.code) if each.code in _FAR else -1)

    @staticmethod
    def _drained(said: Obstacle, name: str) -> Obstacle:
        """Where a person has drained the launcher that could take it, that is what stands in its way."""
        if not name or said.code not in _TAKING:
            return said
        return Obstacle(
            "draining", f"launcher {name}, which could take it, starts nothing new; to go on: procession undrain {name}"
        )

    def _earlier(self, processing: Processing) -> int:
        """How many of its task begin before it; counted once, whoever is asked."""
        if processing.id not in self._counted:
            rank = processings.rank(processing)
            self._counted[processing.id] = claiming.before(self._tx, processing.task, processing.id, rank)
        return self._counted[processing.id]

    def _answer(self, choice: Choice, processing: Processing) -> Obstacle:
        for (pid, _), obstacle in choice.obstacles.items():
            if pid == processing.id:
                return obstacle
        if any(c.processing_id == processing.id for c in choice.found):
            return Obstacle("starting", "nothing stands in its way; it starts with the launcher's next turn")
        if of_source := self._of_source(processing):
            return of_source
        if pause := room_pause(choice, processing):
            return pause
        earlier = self._earlier(processing)
        noun = "processing begins" if earlier == 1 else "processings begin"
        count = f"more than {claiming.MOST_COUNTED}" if earlier > claiming.MOST_COUNTED else str(earlier)
        return Obstacle("behind", f"{count} {noun} before it in task {processing.task}")


def room_pause(choice: Choice, processing: Processing) -> Obstacle | None:
    """What keeps the first of its task from starting keeps it as well, where it is the same for all of them."""
    for candidate in choice.found:
        obstacle = choice.obstacles.get((candidate.processing_id, candidate.ordinal))
        if obstacle is None:
            continue
        of_task = candidate.task == processing.task
        alike = candidate.kept == processing.wants
        same = of_task and obstacle.code in _FOR_ALL and not obstacle.shared
        nothing = of_task and not candidate.begun and candidate.kept is None
        if same or (obstacle.shared and alike and (candidate.kept is not None or nothing)):
            return obstacle
    return None


MOST_ASKED = 20
"""So many launchers are asked, the newest."""
_TAKING = ("starting", "behind", "cpus", "memory", "gpus", "workers")
"""What a launcher answers that takes it, now or when there is room."""
_FAR = ("behind", "draining", "too_much_memory", "too_many_cpus", "too_many_gpus", "no_queue", "no_host")
"""Obstacles at one launcher that mean less than those at another; the later, the less."""


def _away(tx: Tx, processing: Processing) -> Obstacle | None:
    """It goes on where its directory is, and nobody serves there."""
    if processing.place is None:
        return None
    if any(row.place == processing.place and row.kind == "up" for row in launchers.not_stopped(tx)):
        return None
    row = launchers.newest_of(tx, processing.place)
    where = f"the place of launcher {row.name} on {row.host}" if row is not None else "a place that nobody knows"
    return Obstacle(
        "place",
        f"its directory is at {where}, which nobody serves; start that launcher again, "
        f"or begin again elsewhere: procession cancel {processing.id}, then procession restart {processing.id}",
    )


_FOR_ALL = (
    "paused",
    "disk_full",
    "disk",
    "disk_unknown",
    "too_much_disk",
    "too_many_cpus",
    "too_much_memory",
    "too_many_gpus",
)
"""Obstacles that all processings of a task meet alike."""
