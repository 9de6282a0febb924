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
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from procession import code, contract
from procession.clock import moment
from procession.errors import Invalid, StoreError
from procession.executor import Job
from procession.flow.candidates import Definitions, candidates
from procession.flow.conclude import BY, Conclusion, conclude
from procession.model.admission import Candidate, Capacity, Live, admit, shims
from procession.model.outcome import Ending, Outcome
from procession.model.task import Task
from procession.post import Post
from procession.project import Project
from procession.store import moves, processings, steps
from procession.store.database import Tx
from procession.store.moves import Moving

log = logging.getLogger("procession")

BATCH = 256
"""At most so many claims in one transaction, so that it stays short."""
LEFT_OUT = 60.0
"""Seconds for which a processing that could not be claimed is left out."""
AGAIN = timedelta(seconds=1)
SPARE = 16
"""Candidates read beyond the free processors: steps that take less than one, or none."""


def dispatch(project: Project, tx: Tx) -> datetime | None:
    """Claim what may start now; say when the next retry comes due."""
    definitions = Definitions(tx)
    found, admitted = _admitted(project, tx, definitions)
    if admitted:
        _begin(tx, found, admitted, project.now())
        _claim(project, tx, definitions, admitted, project.now())
    elif project.serving.unsent:
        tx.after(lambda: _send(project.serving, ()))
    due = steps.next_due(tx)
    return project.clock.now() if len(admitted) >= BATCH else None if due is None else moment(due)


def dispatch_apart(project: Project) -> datetime | None:
    """The careful way, after a claim has failed: processing by processing, each in its own transaction.

    One that cannot be claimed is left out for a while, so that it holds up nobody.
    """
    post = project.serving
    for _ in range(BATCH):
        pid = 0
        try:
            with project.store.begin() as tx:
                definitions = Definitions(tx)
                found, admitted = _admitted(project, tx, definitions)
                if not admitted:
                    break
                pid = admitted[0].processing_id
                _begin(tx, found, admitted[:1], project.now())
                _claim(project, tx, definitions, admitted[:1], project.now())
        except StoreError:
            raise
        except Exception as error:
            if not pid:
                raise
            log.error("processing %d cannot be claimed and is left out for a while: %s", pid, error)
            post.trouble[pid] = project.clock.monotonic() + LEFT_OUT
    return project.clock.now() + AGAIN


def _admitted(project: Project, tx: Tx, definitions: Definitions) -> tuple[list[Candidate], list[Candidate]]:
    """All candidates, and those for which there is room."""
    post = project.serving
    tx.claim_alone()
    steps.wake_due(tx, project.now())
    live = count_live(tx, post)
    capacity = Capacity(post.capacity.cpus, post.ahead)
    free = capacity.cpus + capacity.ahead - live.cpus
    found = candidates(tx, definitions, post.owned, live, free, min(BATCH, max(0, int(free)) + SPARE))
    if post.trouble:
        post.trouble = {pid: until for pid, until in post.trouble.items() if until > project.clock.monotonic()}
        found = [c for c in found if c.processing_id not in post.trouble]
    admitted, _ = admit(found, capacity, live)
    post.executor.slots = shims(capacity, live)
    return found, admitted


def count_live(tx: Tx, post: Post) -> Live:
    """What is running, from rows. A foreground launcher runs its one processing whatever else is running."""
    if post.kind == "run":
        return Live()
    cpus, count, odd = steps.live(tx, post.host)
    return Live(cpus, count, odd, processings.running_by_task(tx))


def _claim(project: Project, tx: Tx, definitions: Definitions, admitted: Sequence[Candidate], now: int) -> None:
    """Move what was admitted, count its attempts, and have it sent after the commit."""
    moves.steps(tx, "claim", [Moving(c.processing_id, now, c.ordinal, c.attempt) for c in admitted], BY)
    scripts = [definitions[c.definition_id].step(c.ordinal).command.scripts for c in admitted]
    steps.add_attempts(
        tx,
        [
            {
                "processing_id": c.processing_id, "ordinal": c.ordinal, "number": c.attempt + 1,
                "launcher_id": project.serving.launcher_id, "cpus": c.cpus, "claimed_at": now,
                "code": code.keep(project.var.code, paths) if paths else None,
            }
            for c, paths in zip(admitted, scripts, strict=True)
        ],
    )  # fmt: skip
    jobs, unfit = _jobs(project, tx, definitions, admitted)
    if unfit:
        conclude(project, tx, unfit)
    tx.after(lambda: _send(project.serving, jobs))


def _begin(tx: Tx, found: Sequence[Candidate], admitted: Sequence[Candidate], now: int) -> None:
    """Let processings begin, or go on after a retry: they run from now on, and every step whose turn it is is ready,
    also one for which there is no room yet."""
    fresh = dict.fromkeys(c.processing_id for c in admitted if not c.begun)
    if not fresh:
        return
    moves.processings(tx, "begin", [Moving(pid, now) for pid in fresh], BY)
    turn = [c for c in found if not c.begun and c.processing_id in fresh]
    moves.steps(tx, "ready", [Moving(c.processing_id, now, c.ordinal, c.attempt) for c in turn], BY, quiet=True)


def _send(post: Post, jobs: Sequence[Job]) -> None:
    """Hand over what was claimed; what finds no room is tried again at the next turn."""
    post.live.update((job.key, job.attempt_dir) for job in jobs)
    post.unsent = [job for job in (*post.unsent, *jobs) if job.key in post.live]  # kept, should the executor raise
    post.unsent = post.executor.submit(post.unsent)


# ── what is sent ───────────────────────────────────────────────────────────────────────────────────


def _jobs(
    project: Project, tx: Tx, definitions: Definitions, claimed: Sequence[Candidate]
) -> tuple[list[Job], list[Conclusion]]:
    """A job for every claim; an ending for every claim whose command cannot be made."""
    orders = steps.orders(tx, [c.processing_id for c in claimed])
    asking = {c.processing_id for c in claimed if definitions[c.definition_id].step(c.ordinal).command.outputs()}
    outputs = steps.outputs(tx, asking) if asking else {}
    jobs: list[Job] = []
    unfit: list[Conclusion] = []
    for c in claimed:
        try:
            jobs.append(
                _job(
                    project, definitions[c.definition_id], c, orders[c.processing_id], outputs.get(c.processing_id, {})
                )
            )
        except Invalid as error:
            unfit.append(Conclusion((c.processing_id, c.ordinal, c.attempt + 1), Ending(Outcome.FAILED, str(error))))
    return jobs, unfit


def _job(project: Project, task: Task, c: Candidate, order: Any, outputs: Mapping[str, Mapping[str, Any]]) -> Job:
    plan, pid, number = task.step(c.ordinal), c.processing_id, c.attempt + 1
    params = json.loads(order.params)
    work, files, step_dir = project.var.places(pid, c.ordinal, plan.name)
    date = moment(order.created_at).date().isoformat()
    argv = plan.command.render(params, outputs, project.given(pid, files, date, order.key))
    told = contract.Order(
        key=project.attempt_key(pid, c.ordinal, number),
        task=task.name,
        processing_id=pid,
        ordinal=c.ordinal,
        step=plan.name,
        number=number,
        params=params,
        work=files,
        step_dir=step_dir,
        attempt_dir=f"{step_dir}/{number}",
        event_file=f"{work}/event.json",
    )
    cwd = f"{step_dir}/files" if plan.cwd == "step" else files
    artifacts = f"{told.attempt_dir}/artifacts"
    return Job(
        key=told.key,
        label=told.label,
        program=argv[0],
        argv=argv,
        cwd=cwd,
        dirs=(files, artifacts) if cwd is files else (files, cwd, artifacts),
        files={told.event_file: contract.event_text(order)},
        env_set={**dict(project.settings.environment_set), **contract.environment(told)},
        env_drop=project.settings.environment_drop,
        attempt_dir=told.attempt_dir,
        log=f"{told.attempt_dir}/log",
        timeout=plan.timeout,
        grace=plan.grace,
        not_after=project.serving.executor.expiry(),
    )
