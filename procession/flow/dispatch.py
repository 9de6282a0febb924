"""Ready steps are claimed and start.

In: waiting processings and ready steps, what is live, what this host may use. Out: running steps, each with a counted
attempt, handed to the executor after the commit.
Always: what is admitted is decided under the claim lock from live rows alone; the attempt is counted before anything
runs; nothing is sent before the commit, so what was never committed never runs. A step whose command cannot be made
from its values fails at once and holds up nobody.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

from procession import code
from procession.clock import moment
from procession.commands.endings import Ended, note_ends
from procession.commands.outgoing import publish_began
from procession.errors import Invalid, StoreError
from procession.executor import Job
from procession.flow.asking import pose
from procession.flow.budget import full
from procession.flow.calling import call, call_many
from procession.flow.candidates import SPARE, Choice, Definitions, choose, has_directory
from procession.flow.conclude import BY, Conclusion, conclude
from procession.flow.ordering import make_job, with_kept_code, with_kept_text
from procession.flow.room import Room, room_for
from procession.model.admission import shims
from procession.model.capacity import Candidate, Capacity, Live
from procession.model.outcome import Ending, Outcome
from procession.model.processing import whole
from procession.model.states import PROCESSING, State
from procession.model.task import REDUCTION_SCRIPT, StepPlan
from procession.post import Post
from procession.project import Project
from procession.store import attempts, claiming, loads, moves, places, processings, scripts, steps
from procession.store.database import Tx
from procession.store.moves import Moving
from procession.store.scripts import Order
from procession.surroundings import Look

log = logging.getLogger("procession")

BATCH = 256
"""At most so many claims in one transaction, so that it stays short."""
CALLS = 1000
"""The same for calls."""
LEFT_OUT = 60.0
"""Seconds for which a processing that could not be claimed is left out."""
AGAIN = timedelta(seconds=1)


def dispatch(project: Project, tx: Tx) -> datetime | None:
    """Claim what may start now; say when the next moment comes for which something waits."""
    if project.serving.closing or not project.serving.is_fresh():
        return None
    definitions = Definitions(tx)
    now = project.now()
    room = _room_now(project, tx)
    called = call_many(project, tx, definitions, room, CALLS)
    if called is not None:
        if project.serving.unsent:  # scripts that found no room before
            tx.after(lambda: _send(project.serving, ()))
        return _next(project, tx, None) if called < CALLS else project.clock.now()
    choice = _choice(project, tx, definitions, room)
    if choice.empty:
        _finish(project, tx, definitions, choice, now)
    if choice.admitted:
        begin(project, tx, choice, choice.admitted, now, project.serving.place)
        _claim(project, tx, definitions, choice, choice.admitted, now)
    elif project.serving.unsent:
        tx.after(lambda: _send(project.serving, ()))
    if len(choice.admitted) >= BATCH or choice.empty:
        return project.clock.now()
    return _next(project, tx, _patience(choice, now))


def _next(project: Project, tx: Tx, patience: int | None) -> datetime | None:
    """When the next moment comes for which something waits."""
    due = [moment for moment in (claiming.next_due(tx), patience) if moment]
    return moment(min(due)) if due else None


def dispatch_apart(project: Project) -> datetime | None:
    """The careful way, after a claim has failed: processing by processing, each in its own transaction.

    One that cannot be claimed is left out for a while, so that it holds up nobody.
    """
    post = project.serving
    if post.closing or not post.is_fresh():
        return None
    for _ in range(BATCH):
        pid = 0
        try:
            with project.store.begin() as tx:
                definitions = Definitions(tx)
                choice = _choice(project, tx, definitions, _room_now(project, tx))
                if not choice.admitted:
                    break
                pid = choice.admitted[0].processing_id
                begin(project, tx, choice, choice.admitted[:1], project.now(), project.serving.place)
                _claim(project, tx, definitions, choice, choice.admitted[:1], project.now())
        except StoreError:
            raise
        except Exception as error:
            if not pid:
                raise
            log.error("processing %d cannot be claimed and is left out for a while: %s", pid, error)
            post.trouble[pid] = project.clock.monotonic() + LEFT_OUT
    return project.clock.now() + AGAIN


def _room_now(project: Project, tx: Tx) -> Room:
    """What this launcher may use now, with nobody else claiming; what was to wait until now waits no more."""
    tx.claim_alone()
    now = project.now()
    claiming.wake_due(tx, now)
    return room_here(project, tx, project.serving)


def _choice(project: Project, tx: Tx, definitions: Definitions, room: Room) -> Choice:
    """All candidates, those for which there is room, and what stands in the way of the others."""
    post = project.serving
    if room.drained:
        return Choice([], [], {})
    here, live = room.capacity, room.live
    free = here.cpus + here.ahead - live.busy(here.workers)
    calls = here.workers + here.calls_ahead - live.calls
    if post.trouble:
        post.trouble = {pid: until for pid, until in post.trouble.items() if until > project.clock.monotonic()}
    choice = choose(tx, definitions, room, post.owned, _most(free, calls), post.trouble.keys())
    post.sweeper.wanted = _wanted(choice, free)
    post.executor.slots = shims(room.capacity, room.live)
    post.accounts = room.accounts
    _give_devices(choice, room)
    return choice


def _most(free: float, calls: int) -> int:
    """How many candidates are read of a task: calls are claimed by the thousand where they are short."""
    return max(min(BATCH, max(0, int(free)) + SPARE), min(CALLS, calls + SPARE))


def room_here(project: Project, tx: Tx, post: Post) -> Room:
    """What this launcher may use, and what is running. A foreground launcher runs its one processing whatever else is
    running and whatever is paused."""
    if post.kind == "run":
        capacity = Capacity(
            post.capacity.cpus, workers=post.capacity.workers, labels=post.capacity.labels, queues=post.capacity.queues
        )
        capacity.full = full(project.var, project.settings)
        capacity.gpus = post.capacity.gpus
        devices = loads.devices(tx, post.host) if capacity.gpus else set()
        return Room(capacity, Live(devices=devices, gpus=len(devices)))
    room = room_for(project, tx, post.place, post.capacity, post.name, post.host)
    room.capacity.ahead = post.ahead
    if post.calls is not None:
        post.calls.size = room.capacity.workers
        room.capacity.calls_ahead = post.calls.ahead
    room.accounts = post.accounts
    return room


def _give_devices(choice: Choice, room: Room) -> None:
    """Choose the GPUs that each of the admitted gets: the first that nobody has."""
    free = [number for number in range(room.capacity.gpus) if number not in room.live.devices]
    for c in choice.admitted:
        if c.gpus:
            choice.devices[c.processing_id, c.ordinal], free = tuple(free[: c.gpus]), free[c.gpus :]


def _wanted(choice: Choice, free: float) -> int:
    """Bytes that those would write which wait for the disk alone, as many as there are processors for."""
    wanted = 0
    for c in choice.found:
        obstacle = choice.obstacles.get((c.processing_id, c.ordinal))
        if obstacle is not None and obstacle.code in ("disk", "disk_unknown") and c.cpus <= free:
            free -= c.cpus
            wanted += max(1, c.disk or 0)
    return wanted


def _patience(choice: Choice, now: int) -> int | None:
    """When the first that waits for others to end has waited long enough."""
    short = (c for c in choice.found if (o := choice.obstacles.get((c.processing_id, c.ordinal))) and o.short)
    return min((end for c in short if (end := c.since + int(choice.patience)) > now), default=None)


def _finish(project: Project, tx: Tx, definitions: Definitions, choice: Choice, now: int) -> None:
    """Processings that were set back and have nothing left to run, because no condition holds: they have ended."""
    known = steps.states(tx, choice.empty)
    for pid, standing in processings.standings(tx, choice.empty).items():
        rows, passed = known[pid], choice.passed.get(pid, ())
        moves.steps(tx, "skip", [Moving(pid, now, o, rows[o].attempt) for o in passed], BY, quiet=True)
        states = {o: State.SKIPPED if o in passed else State(row.state) for o, row in rows.items()}
        moves.processings(tx, "begin", [Moving(pid, now)], BY)
        verb = whole(states, "succeed", cancelled=False) or "fail"
        moves.processings(tx, verb, [Moving(pid, now)], BY)
        state = PROCESSING.moves[verb].target
        note_ends(project, tx, [Ended.of(standing, state, None)], definitions, now)


def _claim(
    project: Project, tx: Tx, definitions: Definitions, choice: Choice, admitted: Sequence[Candidate], now: int
) -> None:
    """Move what was admitted, count its attempts, and have it sent after the commit. What waits for its children or for
    a person is claimed as well, but by nobody: it holds nothing; `flow/gather.py` and `flow/hear.py` end it."""
    moves.steps(tx, "claim", [Moving(c.processing_id, now, c.ordinal, c.attempt) for c in admitted], BY)
    plans = [definitions[c.definition_id].step(c.ordinal) for c in admitted]
    orders = scripts.orders(tx, [c.processing_id for c in admitted])
    kept = _kept(tx, orders, admitted)
    codes = {**_codes(project, definitions, admitted, orders), **kept}
    running = [c for c, plan in zip(admitted, plans, strict=True) if not (plan.rests or plan.kind == "call")]
    called = [c for c, plan in zip(admitted, plans, strict=True) if plan.kind == "call"]
    posed, unposed = pose(project, tx, definitions, admitted, orders)
    look = Look(str(project.root), partial(code.keep_text, project.var.code))
    attempts.add(
        tx,
        [
            {
                "processing_id": c.processing_id, "ordinal": c.ordinal, "number": c.attempt + 1,
                "launcher_id": None if plan.rests else project.serving.launcher_id,
                "cpus": c.cpus, "memory": c.memory, "claimed_at": now,
                "pooled": int(plan.kind == "call"),
                "gpus": json.dumps(choice.devices[c.processing_id, c.ordinal]) if c.gpus else None,
                "surroundings": None if plan.rests else _around(look, plan, orders.get(c.processing_id)),
                "code": codes.get((c.processing_id, c.ordinal)),
                **posed.get((c.processing_id, c.ordinal), {}),
            }
            for c, plan in zip(admitted, plans, strict=True)
        ],
    )  # fmt: skip
    jobs, unfit = _jobs(project, tx, definitions, running, orders, codes, kept.keys(), choice.devices)
    if unfit or unposed:
        conclude(project, tx, [*unposed, *unfit])
    if called:
        call(project, tx, definitions, called, orders)
    tx.after(lambda: _send(project.serving, jobs))


def _around(look: Look, plan: StepPlan, order: Order | None) -> str | None:
    """What the attempt is started in; nothing for a step that only waits."""
    if order is None or not plan.command.words:
        return None
    return look.at(plan.command.words[0], {} if order.params == "{}" else json.loads(order.params))


def begin(project: Project, tx: Tx, choice: Choice, admitted: Sequence[Candidate], now: int, place: str | None) -> None:
    """Let processings begin, or go on after a retry: they run from now on, and every step whose turn it is is ready,
    also one for which there is no room yet."""
    fresh = dict.fromkeys(c.processing_id for c in admitted if not c.begun)
    if not fresh:
        return
    moves.processings(tx, "begin", [Moving(pid, now) for pid in fresh], BY)
    publish_began(project, tx, list(fresh), now)
    definitions = Definitions(tx)
    placed = [c.processing_id for c in admitted if has_directory(definitions[c.definition_id])]
    if place:
        places.settle(tx, placed, place)
    turn = [c for c in choice.found if not c.begun and c.processing_id in fresh]
    moves.steps(tx, "ready", [Moving(c.processing_id, now, c.ordinal, c.attempt) for c in turn], BY, quiet=True)
    if passing := [pid for pid in fresh if pid in choice.passed]:
        rows = steps.states(tx, passing)
        passed = [Moving(pid, now, o, rows[pid][o].attempt) for pid in passing for o in choice.passed[pid]]
        moves.steps(tx, "skip", passed, BY, quiet=True)


def _send(post: Post, jobs: Sequence[Job]) -> None:
    """Hand over what was claimed; what finds no room is tried again at the next turn."""
    post.live.update((job.key, job.attempt_dir) for job in jobs)
    post.unsent = [job for job in (*post.unsent, *jobs) if job.key in post.live]  # kept, should the executor raise
    post.unsent = post.executor.submit(post.unsent)


# ── what is sent ───────────────────────────────────────────────────────────────────────────────────


def _kept(tx: Tx, orders: Mapping[int, scripts.Order], claimed: Sequence[Candidate]) -> dict[tuple[int, int], str]:
    """The scripts, as they were kept, of the claims that run those of another version: hashes by path, as JSON."""
    found = {}
    for c in claimed:
        code_of = orders[c.processing_id].code_of
        if code_of is not None and (text := scripts.code_of(tx, code_of, c.ordinal)):
            found[c.processing_id, c.ordinal] = json.dumps(text, ensure_ascii=False)
    return found


def _codes(
    project: Project, definitions: Definitions, claimed: Sequence[Candidate], orders: Mapping[int, scripts.Order]
) -> dict[tuple[int, int], str]:
    """Scripts as they are at this moment, kept so: hashes by path, as JSON. A reduction's may come with its event."""
    found = {}
    for c in claimed:
        task = definitions[c.definition_id]
        plan, texts = task.step(c.ordinal), {}
        if not plan.command.scripts:
            continue
        if task.accept_scripts and plan.script:
            text = json.loads(orders[c.processing_id].params).get(REDUCTION_SCRIPT)
            texts = {plan.script: text} if isinstance(text, str) and text.strip() else {}
        found[c.processing_id, c.ordinal] = code.keep(project.var.code, plan.command.scripts, texts)
    return found


def _jobs(
    project: Project,
    tx: Tx,
    definitions: Definitions,
    claimed: Sequence[Candidate],
    orders: Mapping[int, scripts.Order],
    codes: Mapping[tuple[int, int], str],
    kept: Collection[tuple[int, int]],
    devices: Mapping[tuple[int, int], tuple[int, ...]],
) -> tuple[list[Job], list[Conclusion]]:
    """A job for every claim; an ending for every claim whose command cannot be made. Those in `kept` run what another
    version had, a reduction always what was kept at its claim."""
    asking = {c.processing_id for c in claimed if definitions[c.definition_id].step(c.ordinal).command.outputs()}
    outputs = scripts.outputs(tx, asking) if asking else {}
    jobs: list[Job] = []
    unfit: list[Conclusion] = []
    for c in claimed:
        task, order, which = definitions[c.definition_id], orders[c.processing_id], (c.processing_id, c.ordinal)
        try:
            left, given = outputs.get(c.processing_id, {}), devices.get(which, ())
            job = make_job(project, task, c.ordinal, c.attempt + 1, order, left, given)
            if which in kept:
                job = with_kept_code(project, job, json.loads(codes[which]))
            elif task.step(c.ordinal).kind == "reduce":
                job = with_kept_text(project, job, json.loads(codes[which]))
            jobs.append(job)
        except Invalid as error:
            unfit.append(Conclusion((c.processing_id, c.ordinal, c.attempt + 1), Ending(Outcome.FAILED, str(error))))
    return jobs, unfit
