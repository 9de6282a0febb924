"""What other processes do in the tests of the store. Every function is the whole life of a process."""

import os
import signal
from pathlib import Path
from typing import Any

from sqlalchemy import event

from procession.commands import events, processings
from procession.errors import ProcessionError
from procession.flow.dispatch import dispatch
from procession.store import of_tasks, schema, upgrade
from procession.store.database import Store
from tests.store import making


def prepare(barrier: Any, answers: Any, _k: int, url: str, scripts: str = "", version: str = schema.VERSION) -> None:
    """Make or migrate the schema together with others."""
    store = Store(url)
    if barrier is not None:
        barrier.wait(60)
    try:
        upgrade.prepare(store, Path(scripts) if scripts else upgrade.SCRIPTS, version)
        answer = "ok"
    except Exception as error:
        answer = repr(error)
    if answers is not None:
        answers.put(answer)
    store.close()


def make_and_die(url: str, at: int) -> None:
    """Make the schema, and be killed after so many statements that make something (-1: before the version row)."""
    store, made = Store(url), 0

    @event.listens_for(store.engine, "after_cursor_execute")
    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal made
        made += statement.lstrip().startswith("CREATE")
        if made == at or (at == -1 and statement.startswith("INSERT INTO alembic_version")):
            os.kill(os.getpid(), signal.SIGKILL)

    upgrade.prepare(store)


def die_in_a_transaction(url: str, root: str, ready: Any) -> None:
    """Give birth to an event with all that follows, claim it, and be killed before the commit."""
    project = making.project_on(Path(root), url, making.chain(steps=3))
    making.post_for(project, "h", 4)
    with project.store.begin() as tx:
        events.submit_all(project, tx, [making.event(key=str(n)) for n in range(50)])
        dispatch(project, tx)
        ready.put(len(of_tasks.running_by_task(tx)))
        os.kill(os.getpid(), signal.SIGKILL)


def submit(barrier: Any, answers: Any, k: int, url: str, root: str, keys: int) -> None:
    """Submit the same keys as the others, in an order of its own, in batches of several sizes."""
    project = making.project_on(Path(root), url)
    order = [str((n * 7 + k * 13) % keys) for n in range(keys)]
    sizes, at = (1, 17, 50), 0
    barrier.wait(60)
    told = []
    while at < keys:
        batch = order[at : at + sizes[at % 3]]
        at += len(batch)
        with project.store.begin() as tx:
            given = [making.event(key=key, params={"k": key}) for key in batch]
            told += [
                (key, a.event_id, a.duplicate)
                for key, a in zip(batch, events.submit_all(project, tx, given), strict=True)
            ]
    answers.put(told)
    project.close()


def claim(barrier: Any, answers: Any, k: int, url: str, root: str, host: str, cpus: float, turns: int) -> None:
    """Be a launcher that claims together with others; tell what it was given to start."""
    project = making.project_on(Path(root) / str(k), url)
    post = making.post_for(project, host, cpus)
    barrier.wait(60)
    troubles = []
    for _ in range(turns):
        try:
            with project.store.begin() as tx:
                dispatch(project, tx)
        except ProcessionError as error:
            troubles.append(repr(error))
    answers.put(([job.key for job in post.executor.jobs], troubles))
    project.close()


def cancel(barrier: Any, answers: Any, _k: int, url: str, root: str, ids: list[int]) -> None:
    """Cancel these processings, while others claim them."""
    project = making.project_on(Path(root), url)
    barrier.wait(60)
    told = []
    for pid in ids:
        try:
            answer = processings.cancel(project, pid)
            told.append((pid, answer.accepted, str(answer.state)))
        except ProcessionError as error:
            told.append((pid, None, repr(error)))
    answers.put(told)
    project.close()
