"""Taking and leaving a post: the lock of the place, the row that says who is there, the executor.

In: an opened project. Out: a `Post`, the only one of its place (``up``), or one beside it for a single processing
(``run``). Always: two launchers never serve one place; the lock falls with the process, however it ends.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from procession import __version__
from procession.definitions import Definitions
from procession.errors import Refused, StoreError
from procession.executors.calls import Calls
from procession.executors.local import LocalExecutor
from procession.flow.conclude import Conclusion, conclude
from procession.flow.returning import settle_calls
from procession.launcher.heart import Heart
from procession.model.capacity import Capacity
from procession.model.outcome import Ending, Outcome
from procession.post import Post
from procession.project import Project
from procession.store import attempts, launchers, processings
from procession.store.checkpoint import Checkpointer
from procession.supervise.process import boot_id
from procession.supervise.tree import boot_seconds
from procession.workdir import hold

CALLS_END_WITHIN = 3.0
"""Seconds that running calls have to end when their launcher leaves."""


@contextmanager
def serving(project: Project, kind: str) -> Iterator[Post]:
    """Serve this project until the end of the block; Refused if somebody else does already."""
    lock = _take_place(project) if kind == "up" else None
    heart: Heart | None = None
    began = boot_seconds()
    post = _post(project, kind)
    if kind == "run":
        lock = hold(project.var.foreground / f"{post.launcher_id}.lock", str(os.getpid()))
    if project.store.shared:
        heart = Heart(project.store, project.clock, post.launcher_id, project.settings.lost_after, project.var.lease)
        heart.start(began)
        post.is_fresh, post.lease = heart.is_fresh, str(project.var.lease)
        post.calling.is_fresh, post.calling.is_over = heart.is_fresh, heart.is_over
    checkpointer = Checkpointer(project.store)
    if kind == "up":
        checkpointer.start()
    post.executor.start()
    project.post = post
    try:
        yield post
        with suppress(StoreError):  # a database that is away: the next launcher finds what was not given back
            give_back(project)
    finally:
        post.sweeper.close()
        post.executor.close()
        settled = False
        with suppress(StoreError), project.store.read() as tx:
            settled = not attempts.live_of(tx, [post.launcher_id])
        if post.calls is not None:
            post.calls.close(keep_boards=not settled)
        if heart is not None:
            heart.stop()
        checkpointer.stop()
        with suppress(StoreError), project.store.begin() as tx:
            processings.release(tx, [post.launcher_id])  # where something went wrong: somebody else finishes it
            launchers.stop(tx, post.launcher_id, project.now())
        project.post = None
        if lock is not None:
            os.close(lock)
        if kind == "run":
            for left in (f"{post.launcher_id}.wake", f"{post.launcher_id}.lock"):
                (project.var.foreground / left).unlink(missing_ok=True)


def _post(project: Project, kind: str) -> Post:
    """Write the row that says who is there, and make the post."""
    host, said, place = socket.gethostname(), project.settings, project.var.place_id()
    name = said.launcher_name or f"{host}:{os.getpid()}"
    capacity = capacity_said(said)
    with project.store.begin() as tx:
        launcher_id = launchers.add(
            tx, name=name, kind=kind, host=host, place=place, pid=os.getpid(), boot=boot_id(), at=project.now(),
            cpus=said.cpus, memory=said.memory, labels=said.labels, queues=said.queues, gpus=said.gpus,
            var=str(project.var.root.absolute()), lost_after=said.lost_after if project.store.shared else None,
            version=__version__,
        )  # fmt: skip
    fifo = project.var.wake if kind == "up" else project.var.foreground / f"{launcher_id}.wake"
    slots = max(1, round(said.cpus)) if kind == "up" else 1
    executor = LocalExecutor(project.var.spool, fifo, slots, project.installation.incarnation)
    calls = Calls(
        project.root, project.var.root, launcher_id, said.pool if kind == "up" else 1,
        project.installation.key, (dict(said.environment_set), said.environment_drop),
    )  # fmt: skip
    return Post(executor, launcher_id, kind, host, boot_id(), capacity, calls, place=place, name=name)


def capacity_said(said: Definitions) -> Capacity:
    """What the files let this host use."""
    return Capacity(
        said.cpus, memory=said.memory, gpus=said.gpus, labels=frozenset(said.labels), queues=frozenset(said.queues),
        workers=said.pool,
    )  # fmt: skip


def say_capacity(project: Project, said: Definitions) -> None:
    """The files have changed: so has what this launcher may use, as everybody sees it."""
    post = project.serving
    post.capacity = replace(capacity_said(said), ahead=post.capacity.ahead)
    with project.store.begin() as tx:
        launchers.set_capacity(
            tx, post.launcher_id, cpus=said.cpus, memory=said.memory, labels=said.labels, queues=said.queues,
            gpus=said.gpus,
        )  # fmt: skip


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
