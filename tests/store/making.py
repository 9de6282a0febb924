"""Small installations on either database, without a file of definitions: what the tests of the store share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from procession.clock import FixedClock, micros
from procession.definitions import Definitions
from procession.executor import Job
from procession.model.capacity import Capacity
from procession.model.command import Command
from procession.model.event import NewEvent
from procession.model.task import RetryPolicy, StepPlan, Task
from procession.post import Post
from procession.project import Project
from procession.store import attempts, installation, launchers, moves, processings, schema, tasks, upgrade
from procession.store.database import Store, Tx
from procession.store.moves import Moving
from procession.workdir import Var

AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
NOW = micros(AT)
PLAIN = ("/bin/true",)


LATER = dict.fromkeys(
    ("due_at", "finished_at", "reason", "origin_id", "first_id", "code_of", "wants", "callback", "description",
     "variables", "run_number", "run_group", "source", "experiment")
)  # fmt: skip
"""Of a new processing, what is said only of some."""


def chain(
    name: str = "t", on: str = "e", steps: int = 1, *, cpus: float = 1.0, at_once: int = 0, words: Sequence[str] = PLAIN
) -> Task:
    """A task whose steps need each other one after the other."""
    plans = tuple(
        StepPlan(n, f"s{n}", Command(tuple(words)), (n - 1,) if n > 1 else (), cpus, retry=RetryPolicy())
        for n in range(1, steps + 1)
    )
    return Task(name, on, plans, at_once=at_once)


def project_on(root: Path, url: str, *given: Task, cpus: float = 4.0) -> Project:
    """An opened project with these tasks; opening it again in another process keeps what is there."""
    root.mkdir(parents=True, exist_ok=True)
    var = Var(root / "var")
    var.prepare()
    store = Store(url)
    upgrade.prepare(store)
    project = Project(root, var, store, FixedClock(AT))
    if given:
        read = Definitions("p", root, var.root, None, cpus, (), (), given, (), "f")
        with store.begin() as tx:
            if installation.find(tx) is None:
                installation.create(tx, NOW)
            tasks.keep(tx, given, NOW)
            installation.keep_settings(tx, "f", read.to_json())
    return project


@dataclass
class Nobody:
    """An executor that takes every job and never starts one."""

    jobs: list[Job] = field(default_factory=list)
    slots: int = 1
    shims: int = 0

    def expiry(self) -> float:
        return float("inf")

    def submit(self, jobs: Sequence[Job]) -> list[Job]:
        self.jobs += jobs
        return []


def post_for(project: Project, host: str, cpus: float, ahead: int = 0) -> Post:
    """A launcher's post on this host, with an executor that starts nothing."""
    with project.store.begin() as tx:
        launcher_id = launcher_on(tx, host, cpus=cpus)
    post = Post(Nobody(), launcher_id, "up", host, "boot", Capacity(cpus, ahead), place=host)  # type: ignore[arg-type]
    project.post = post
    return post


def launcher_on(tx: Tx, host: str = "h", kind: str = "up", **changes: Any) -> int:
    """A row of a launcher."""
    row = {"name": f"{host}:1", "kind": kind, "host": host, "place": host, "pid": 1, "boot": "boot", "cpus": 4.0}
    return launchers.add(tx, **{**row, "at": NOW, **changes})


def event(name: str = "e", **fields: Any) -> NewEvent:
    return NewEvent(name, **fields).check()


def born(
    tx: Tx, n: int = 1, *, task: str = "t", steps: int = 1, launcher_id: int | None = None, priority: int = 0
) -> list[int]:
    """Rows of processings in their first state, with an event each; return their ids."""
    event_ids = list(tx.reserve_ids("event", n))
    ids = list(tx.reserve_ids("processing", n))
    if tx.rows(tasks._ALL) == [] or task not in {row.name for row in tx.rows(tasks._ALL)}:
        tasks.keep(tx, (*tasks.current(tx).values(), chain(task, steps=steps)), NOW)
    definition_id = next(i for i, t in tasks.current(tx).items() if t.name == task)
    from procession.store import events as store_events  # noqa: PLC0415

    store_events.add(
        tx,
        [
            {"id": i, "name": "e", "key": None, "title": "", "params": "{}", "source": "s", "created_at": NOW,
             "last_seen_at": NOW, "origin_id": None, "depth": 0, "taken": 1, "alone": None}
            for i in event_ids
        ],
    )  # fmt: skip
    processings.add(
        tx,
        [
            {"id": i, "event_id": e, "task": task, "definition_id": definition_id, "state": "waiting",
             "priority": priority, "launcher_id": launcher_id, "created_at": NOW, "waiting_at": NOW,
             "version": 1, **LATER}
            for i, e in zip(ids, event_ids, strict=True)
        ],
        [
            {"processing_id": i, "ordinal": o, "name": f"s{o}", "state": "pending", "priority": priority, "cpus": 1.0,
             "memory": 0, "gpus": 0, "wants": None}
            for i in ids
            for o in range(1, steps + 1)
        ],
    )  # fmt: skip
    return ids


def claimed(tx: Tx, pid: int, launcher_id: int | None, ordinal: int = 1, attempt: int = 0, cpus: float = 1.0) -> None:
    """Take a pending step of a waiting or running processing to its next live attempt."""
    if find(tx, pid).state == "waiting":
        moves.processings(tx, "begin", [Moving(pid, NOW)], "test")
    moves.steps(tx, "ready", [Moving(pid, NOW, ordinal, attempt)], "test", quiet=True)
    moves.steps(tx, "claim", [Moving(pid, NOW, ordinal, attempt)], "test")
    attempts.add(
        tx,
        [
            {"processing_id": pid, "ordinal": ordinal, "number": attempt + 1, "launcher_id": launcher_id, "cpus": cpus,
             "claimed_at": NOW, "code": None, "memory": 0, "surroundings": None,
             "pooled": 0, "gpus": None}
        ],
    )  # fmt: skip


def ending(pid: int, ordinal: int = 1, number: int = 1, outcome: str = "succeeded", **fields: Any) -> dict[str, Any]:
    """A row for `attempts.end`."""
    row = dict.fromkeys(("reason", "started_at", "exit_code", "signal", "errno", "max_rss", "cpu_seconds", "log_bytes",
                         "metrics", "peak_tree", "cause")) | {"errors": 0}  # fmt: skip
    key = {"processing_id": pid, "ordinal": ordinal, "number": number, "outcome": outcome, "finished_at": NOW + 5}
    return {**row, **key, **fields}


def find(tx: Tx, pid: int) -> Any:
    found = processings.find(tx, pid)
    assert found is not None
    return found


def dump(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, to see that nothing was changed."""
    with store.read() as tx:
        return {
            name: [
                tuple(row)
                for row in tx.connection.execute(table.select().order_by(*table.primary_key.columns)).fetchall()
            ]
            for name, table in schema.metadata.tables.items()
        }
