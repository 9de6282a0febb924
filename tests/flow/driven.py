"""A project whose launcher takes a turn when it is told to: what the tests of the flow and of the commands share.

Real definitions, real database, real chapters; the executor runs nothing and the clock moves by hand. `crash` is a
launcher that is gone between two lines: what it held in memory is forgotten, the machine's shims and the database stay.
"""

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import Any

from procession.clock import FixedClock
from procession.commands import events, processings
from procession.commands.events import Submitted
from procession.executors.calls import Calls
from procession.executors.inline import InlineExecutor
from procession.launcher.loop import Loop
from procession.model.capacity import Capacity
from procession.model.event import NewEvent
from procession.model.processing import Processing, Step
from procession.post import Post
from procession.project import Project
from procession.store import journal, launchers
from procession.sweeper import Sweeper
from procession.workdir import Var, hold
from tests.definitions.written import write
from tests.prepared import copy_to
from tests.waiting import eventually

HOST, BOOT = socket.gethostname(), "this-boot"
BEGINNING = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SCRIPTS = ("one.sh", "two.sh", "three.sh", "four.sh")

Make = Callable[[InlineExecutor | None], InlineExecutor]


class WallClock(FixedClock):
    """A clock of which the wall's hands can be put to another time while spans stay right."""

    offset = 0.0

    def monotonic(self) -> float:
        return super().monotonic() - self.offset

    def jump(self, seconds: float) -> None:
        """Put the wall clock to another time."""
        self.offset += seconds
        self.advance(seconds)


class Crash(BaseException):
    """The launcher is gone in the middle of a line."""


class Driven:
    """One project and its launcher."""

    def __init__(
        self, root: Path, toml: str, *, cpus: float = 4, database: str | None = None, launcher: str = ""
    ) -> None:
        self.root = root
        self.clock = WallClock(BEGINNING)
        self.cpus = cpus
        self.boot = BOOT
        self._database = database
        self._launcher = launcher
        self._lock: int | None = None
        self.write(toml)
        var = Var(root / "var")
        if database is None and not var.database.exists():
            var.prepare()
            copy_to(var.database)
        self.project = Project.open(root, self.clock)
        self.executor = InlineExecutor(self.clock, self.project.installation.incarnation)
        self.launch()

    def write(self, toml: str) -> None:
        """Write the definition file anew."""
        database = f'[project]\ndatabase = "{self._database}"\n' if self._database else ""
        write(self.root, f"{database}[launcher]\ncpus = {self.cpus}\n{self._launcher}\n{dedent(toml)}", *SCRIPTS)

    # ── the launcher ──────────

    def launch(self, kind: str = "up") -> None:
        """A new launcher takes over the place."""
        project = self.project
        if self._lock is None:
            self._lock = hold(project.var.lock, f"{os.getpid()}\n")
        self.executor = type(self.executor)(
            self.clock, project.installation.incarnation, self.executor.room, self.executor
        )
        with project.store.begin() as tx:
            launcher_id = launchers.add(
                tx, name="test", kind=kind, host=HOST, place=project.var.place_id(), pid=os.getpid(), boot=self.boot,
                cpus=self.cpus, at=project.now(),
            )  # fmt: skip
        self.calls = Calls(root=self.root, var=project.var.root, launcher_id=launcher_id,
                           size=project.settings.pool, installation=project.installation.key)  # fmt: skip
        project.post = Post(
            self.executor, launcher_id, kind, HOST, self.boot, Capacity(self.cpus, workers=self.calls.size),
            self.calls, place=project.var.place_id(), name="test", sweeper=Sweeper(apart=False),
        )  # fmt: skip

    def leave(self) -> None:
        """The launcher is gone, and nobody comes in its place."""
        self.calls.close(keep_boards=True)
        self.project.post = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def crash(self) -> None:
        """The launcher is killed, and another one comes: it knows what is in the database and on disk."""
        self.leave()
        self.project.close()
        self.project = Project.open(self.root, self.clock, lenient=True)
        self.launch()

    def close(self) -> None:
        self.leave()
        self.project.close()

    @property
    def post(self) -> Post:
        return self.project.serving

    def turn(self, times: int = 1) -> None:
        """Let every chapter do what is due, after hearing what the executor has to tell."""
        for _ in range(times):
            self.post.hear(self.executor.drain())
            self.calls.drain()
            loop = Loop(self.project)
            loop.finished = lambda: True
            loop.run()

    def until(self, *states: str, processing_id: int) -> str:
        """Turn until a processing is in one of these states; calls take real time."""

        def there() -> str:
            self.turn()
            return state if (state := self.state(processing_id)) in states else ""

        return eventually(there, timeout=30, what=f"processing {processing_id} is {' or '.join(states)}")

    def after(self, seconds: float) -> None:
        """Let so much time pass, then take a turn."""
        self.clock.advance(seconds)
        self.turn()

    # ── what people and scripts do ──────────

    def submit(
        self, name: str = "e", key: str | None = None, *, priority: int | None = None, **params: Any
    ) -> Submitted:
        return events.submit(self.project, NewEvent(name, params, key, source="test", priority=priority))

    def born(self, name: str = "e", **given: Any) -> int:
        """Submit an event that one task takes, and return the id of its processing."""
        (processing_id,) = self.submit(name, **given).processings
        return processing_id

    def key(self, processing_id: int, ordinal: int = 1, number: int = 1) -> str:
        return self.project.attempt_key(processing_id, ordinal, number)

    def begin(self) -> list[str]:
        """Let everything begin that waits to; return the keys of what really did."""
        return [key for key in self.executor.queue if self.executor.begin(key)]

    def end(self, processing_id: int, code: int | None = 0, **how: Any) -> None:
        """Let the latest attempt of a processing run and end so, and take a turn."""
        key = self.latest(processing_id)
        if key in self.executor.queue:
            self.executor.begin(key)
        self.executor.end(key, code, **how)
        self.turn()

    # ── what is to be seen ──────────

    def get(self, processing_id: int) -> Processing:
        return processings.get(self.project, processing_id)

    def state(self, processing_id: int) -> str:
        return str(self.get(processing_id).state)

    def step(self, processing_id: int, ordinal: int = 1) -> Step:
        return self.get(processing_id).steps[ordinal - 1]

    def states(self, processing_id: int) -> list[str]:
        """States of its steps."""
        return [str(step.state) for step in self.get(processing_id).steps]

    def outcomes(self, processing_id: int, ordinal: int = 1) -> list[str | None]:
        return [one.outcome and str(one.outcome) for one in self.step(processing_id, ordinal).attempts]

    def latest(self, processing_id: int) -> str:
        """Key of the attempt that lives."""
        for step in self.get(processing_id).steps:
            if step.state == "running":
                return self.key(processing_id, step.ordinal, step.attempt)
        raise AssertionError(f"nothing of processing {processing_id} runs: {self.states(processing_id)}")

    def claimed(self) -> list[int]:
        """Ids of the processings with a job in the executor's queue, in the order of the queue."""
        return [found[0] for key in self.executor.queue if (found := self.project.read_key(key))]

    def verbs(self, processing_id: int) -> list[str]:
        """What the journal says of a processing: noun and verb of each line."""
        with self.project.store.read() as tx:
            return [f"{entry.noun} {entry.verb}" for entry in journal.of(tx, processing_id)]

    def seconds_until(self, processing_id: int, ordinal: int = 1) -> float:
        """How long until a step is tried again."""
        due = self.step(processing_id, ordinal).due_at
        assert due is not None
        return (due - self.clock.now()).total_seconds()

    def rows(self, sql: str) -> list[Any]:
        """What the database holds."""
        with self.project.store.read() as tx:
            return list(tx.connection.exec_driver_sql(sql).fetchall())
