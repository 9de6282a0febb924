"""Taking and leaving a post: the lock of the place, the row that says who is there, the executor.

In: an opened project. Out: a `Post`, the only one of its place (``up``), or one beside it for a single processing
(``run``). Always: two launchers never serve one place; the lock falls with the process, however it ends.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from procession.definitions import Definitions
from procession.errors import Refused, StoreError
from procession.executors.calls import Calls
from procession.executors.local import LocalExecutor
from procession.flow.conclude import Conclusion, conclude
from procession.flow.returning import settle_calls
from procession.model.admission import Capacity
from procession.model.outcome import Ending, Outcome
from procession.post import Post
from procession.project import Project
from procession.store import launchers, processings, steps
from procession.supervise.process import boot_id
from procession.workdir import hold

CALLS_END_WITHIN = 3.0
"""Seconds that running calls have to end when their launcher leaves."""


@contextmanager
def serving(project: Project, kind: str) -> Iterator[Post]:
    """Serve this project until the end of the block; Refused if somebody else does already."""
    lock = _take_place(project) if kind == "up" else None
    host, said = socket.gethostname(), project.settings
    capacity = capacity_said(said)
    with project.store.begin() as tx:
        launcher_id = launchers.add(
            tx, name=f"{host}:{os.getpid()}", kind=kind, host=host, place=project.var.place_id(), pid=os.getpid(),
            boot=boot_id(), at=project.now(), cpus=said.cpus, memory=said.memory, labels=said.labels,
            queues=said.queues,
        )  # fmt: skip
        if kind == "run":
            lock = hold(project.var.foreground / f"{launcher_id}.lock", str(os.getpid()))
    fifo = project.var.wake if kind == "up" else project.var.foreground / f"{launcher_id}.wake"
    slots = max(1, round(said.cpus)) if kind == "up" else 1
    executor = LocalExecutor(project.var.spool, fifo, slots, project.installation.incarnation)
    executor.start()
    calls = Calls(
        project.root, project.var.root, launcher_id, said.pool if kind == "up" else 1,
        project.installation.key, (dict(said.environment_set), said.environment_drop),
    )  # fmt: skip
    project.post = Post(executor, launcher_id, kind, host, boot_id(), capacity, calls)
    try:
        yield project.post
        with suppress(StoreError):  # a database that is away: the next launcher finds what was not given back
            give_back(project)
    finally:
        project.post.sweeper.close()
        executor.close()
        settled = False
        with suppress(StoreError), project.store.read() as tx:
            settled = not steps.live_attempts(tx, [launcher_id])
        calls.close(keep_boards=not settled)
        with suppress(StoreError), project.store.begin() as tx:
            processings.release(tx, [launcher_id])  # where something went wrong: somebody else finishes it
            launchers.stop(tx, launcher_id, project.now())
        project.post = None
        if lock is not None:
            os.close(lock)
        if kind == "run":
            fifo.unlink(missing_ok=True)
            (project.var.foreground / f"{launcher_id}.lock").unlink(missing_ok=True)


def capacity_said(said: Definitions) -> Capacity:
    """What the files let this host use."""
    return Capacity(
        said.cpus, memory=said.memory, labels=frozenset(said.labels), queues=frozenset(said.queues), workers=said.pool
    )


def _take_place(project: Project) -> int:
    lock = hold(project.var.lock, f"{os.getpid()}\n")
    if lock is None:
        raise Refused(
            f"Procession is already running here (process {who_holds(project)}); "
            "see: procession status, or end it with: procession stop"
        )
    return lock


def who_holds(project: Project) -> int | None:
    """The process that holds the lock of this place, as it wrote into it; None if it did not."""
    try:
        return int(project.var.lock.read_text())
    except (OSError, ValueError):
        return None


def give_back(project: Project, *, leaving: bool = True) -> None:
    """Before a launcher leaves: what was claimed and has not started goes back, uncounted; scripts that run, run on.
    Calls that run have a moment to end, where it leaves now: nobody can adopt them."""
    post = project.serving
    never: list[tuple[int, int, int]] = []
    if post.calls is not None:
        never = post.calls.stop(CALLS_END_WITHIN) if leaving else post.calls.take_back()
    with project.store.begin() as tx:
        settle_calls(project, tx)
        unstarted = [
            Conclusion(which, Ending(Outcome.VOID, "given back: the launcher stopped"))
            for key in post.live
            if key not in post.ended and (which := project.read_key(key)) and post.executor.void(key, "stop")
        ]
        unstarted += [Conclusion(which, Ending(Outcome.VOID, "given back: the launcher stopped")) for which in never]
        if unstarted:
            conclude(project, tx, unstarted)
