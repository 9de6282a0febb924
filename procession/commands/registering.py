"""Registering tasks: what a program defines while the system runs, held to the rules of the files.

In: a name and what a table ``[tasks.NAME]`` could say of a call. Out: the task is in force, for whoever submits from
now on; what was submitted before keeps the definition that it was born with. Always: registering the same again changes
nothing; what the files define no program changes, and the files never take away what a program registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from procession.commands import work
from procession.commands.asked import Asked
from procession.commands.processings import cancel_one
from procession.errors import Invalid, NotFound, Refused
from procession.flow.removing import remove
from procession.model.states import PROCESSING
from procession.model.task import Task
from procession.project import Project
from procession.store import instances, moves, processings, tasks
from procession.store.database import Tx

BATCH = 500
"""So many are cancelled or deleted in one transaction."""
PATIENCE = 15.0
"""Seconds for which `unregister` waits until what it has cancelled has ended."""
MOST_COUNTED = 1_000_000
MAX_ATTEMPTS = 100_000


def register(
    project: Project,
    name: str,
    handler: str | None,
    who: Asked,
    *,
    timeout: float | str | None = None,
    retention: float | str | None = None,
    attempts: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Task:
    """Put a task in force; return it.

    `handler` is ``module.name``; None: only programs elsewhere do the work. `timeout` is in seconds from its start,
    `retention` seconds after its end (0, less or None: as long as anything else), `attempts` how often one is tried
    when it takes too long or its worker is gone. `options` are other keys of ``[tasks.NAME]``. Refused where the files
    define a task of this name, Invalid with every mistake.
    """
    from procession.definitions.registered import build_registered  # noqa: PLC0415  pydantic: 0.1 s

    table = _table(handler, timeout, retention, attempts, options or {})

    def act(tx: Tx) -> Task:
        stands = tasks.stand(tx, name) if isinstance(name, str) else None
        if stands is not None and stands.removed_at is None and stands.registered_at is None:
            raise Refused(f"task {name} is defined in the files; change it there, or register another name")
        others = [each for each in tasks.current(tx).values() if each.name != name]
        task = build_registered(name, table, project.settings, others)
        same = stands is not None and stands.removed_at is None and tasks.get(tx, stands.definition_id) == task
        if not same:
            tasks.register(tx, task, project.now())
            moves.tell(tx, "task", "register", project.now(), who.by, name)
            tx.after(project.wake)
        return task

    return project.store.change(act)


def _table(
    handler: str | None, timeout: float | str | None, retention: float | str | None, attempts: int | None,
    options: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """As the files would say it."""
    table = {key: value for key, value in options.items() if value is not None}
    if clash := sorted(table.keys() & {"function", "outside", "run", "steps", "timeout", "retention", "watch", "emit"}):
        raise Invalid(f"{clash[0]} is no option of a task that is registered; it has: handler, timeout, retention, …")
    table |= {"outside": True} if handler is None else {"function": handler}
    if timeout is not None:
        table["timeout"] = timeout
    if retention is not None and not (isinstance(retention, int | float) and retention <= 0):
        table["retention"] = retention
    retry = dict(table.get("retry") or {})
    retry.setdefault("delay", 0)  # what was lost, or took too long, is tried again at once
    if attempts is not None:
        retry["attempts"] = attempts
    return {**table, "retry": retry}


def unregister(project: Project, name: str, who: Asked, *, force: bool = False) -> int:
    """Forget a task that a program registered; return how many of its instances went with it.

    Refused while there are instances; with `force` they go too: those that wait or run are cancelled first, and what a
    worker says of them later is ignored. A name that nobody registered is no error: there is nothing to do.
    """
    with project.store.begin() as tx:
        stands = tasks.stand(tx, name)
        if stands is None:
            return 0
        if stands.registered_at is None:
            if stands.removed_at is not None:
                return 0
            raise Refused(f"task {name} is defined in the files; remove it there")
        left = instances.count(tx, name, MOST_COUNTED)
        if left and not force:
            what = "1 instance" if left == 1 else f"{left} instances"
            raise Refused(
                f"task {name} has {what}; delete them first, or unregister it with force, which cancels what has not "
                "ended and deletes all of them"
            )
        if not left:
            _forget(project, tx, name, who, 0)
            return 0
        tasks.close(tx, name, project.now())  # nobody submits any more
    _cancel_all(project, name, who)
    gone = _delete_all(project, name, who)
    with project.store.begin() as tx:
        if rest := instances.count(tx, name, MOST_COUNTED):
            raise Refused(
                f"{gone} instances of task {name} are deleted, {rest} are still being ended, or somebody keeps them; "
                "it takes no new ones: ask again in a moment"
            )
        _forget(project, tx, name, who, gone)
    return gone


def _forget(project: Project, tx: Tx, name: str, who: Asked, gone: int) -> None:
    tasks.unregister(tx, name)
    with_them = f", with {gone} instances" if gone else ""
    moves.tell(tx, "task", "unregister", project.now(), who.by, f"{name}{with_them}")


def _cancel_all(project: Project, name: str, who: Asked) -> None:
    """Cancel what has not ended, and wait until what a launcher runs has."""
    until = project.clock.monotonic() + PATIENCE
    asked: set[int] = set()
    while True:
        with project.store.begin() as tx:
            alive = instances.alive(tx, name, BATCH)
            for pid in (pid for pid in alive if pid not in asked):
                cancel_one(project, tx, pid, who)
            work.end_all(project, tx, alive, who)
            left = [s for s in processings.standings(tx, alive).values() if s.state not in PROCESSING.terminal]
        if not alive:
            return
        fresh = set(alive) - asked
        asked |= fresh
        if left and not fresh:
            if project.clock.monotonic() > until:
                return
            project.clock.sleep(0.1)


def _delete_all(project: Project, name: str, who: Asked) -> int:
    gone = 0
    while True:
        with project.store.read() as tx:
            ids = instances.some(tx, name, BATCH)
        done = remove(project.store, project.var, ids, project.now(), who.by, "the task was unregistered")
        gone += done
        if not done:
            return gone


def current(tx: Tx, name: str) -> tuple[int, Task]:
    """Definition id and task of this name; NotFound, with what it may have meant, where there is none."""
    from procession.commands.events import unknown_task  # noqa: PLC0415

    found = next(((i, t) for i, t in tasks.current(tx).items() if t.name == name), None)
    if found is None:
        raise NotFound(unknown_task(name, tasks.names(tx)))
    return found
