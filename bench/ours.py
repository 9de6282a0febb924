"""Procession, as a user runs it: ``procession up`` as its own process, events submitted from another one.

Settings: SQLite with synchronous = FULL (the default), no limit per task, as many cpus as scripts may run at once.
Every attempt has a new directory of its own with its log, as in the bare loop; the working directory is the chain's.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil

from procession.commands import events
from procession.model.event import NewEvent
from procession.project import Project
from procession.store import processings
from procession.workdir import is_held

PROJECT = """
[project]
name = "bench"
[launcher]
cpus = {at_once}
[tasks.chain]
on = "chain"
cwd = "{cwd}"
steps = [{steps}]
"""


class Ours:
    """Runs chains through a launcher of its own."""

    name = "procession"

    def __init__(self, place: Path, argv: list[str], at_once: int, cwd: str = "processing") -> None:
        place.mkdir(parents=True)
        steps = ", ".join(f'{{ name = "s{n}", run = {argv!r} }}' for n in (1, 2, 3)).replace("'", '"')
        (place / "procession.toml").write_text(PROJECT.format(at_once=at_once, steps=steps, cwd=cwd))
        self.project = Project.open(place)
        self.up = subprocess.Popen([sys.executable, "-m", "procession", "--project", str(place), "up", "--quiet"])
        while not is_held(self.project.var.lock):
            time.sleep(0.01)
        self.ids: dict[str, int] = {}

    def submit(self, event: str) -> None:
        """Submit one event; it is durable when this returns."""
        self.ids[event] = events.submit(self.project, NewEvent("chain", {}, event)).processings[0]

    def wait(self) -> None:
        """Wait until every processing has ended; anything but success is an error."""
        while True:
            with self.project.store.read() as tx:
                if not processings.is_busy(tx, "chain"):
                    states = processings.counts(tx)["chain"]
                    break
            time.sleep(0.005)
        if set(states) - {"succeeded"}:
            raise RuntimeError(f"not all succeeded: {states}")

    def directory(self, event: str, step: int) -> Path:
        """Where a step ran; steps count from 1."""
        return self.project.var.step(self.ids[event], step, f"s{step}") / "files"

    def cpu(self) -> float:
        """CPU seconds of launcher, forge and shims, and of the submitting process; ended scripts included."""
        launcher = psutil.Process(self.up.pid)
        family = [psutil.Process(), launcher, *launcher.children(recursive=True)]
        times = [process.cpu_times() for process in family]
        own = sum(t.user + t.system for t in times)
        return own + sum(t.children_user + t.children_system for t in times[2:])

    def memory(self) -> list[tuple[str, float]]:
        """Name and proportional set size (MB) of each of its processes."""
        launcher = psutil.Process(self.up.pid)
        family = [launcher, *launcher.children(recursive=True)]
        return [(" ".join(p.cmdline()).rstrip("\0 .")[-40:], p.memory_full_info().pss / 1e6) for p in family]

    def close(self) -> None:
        """Stop the launcher."""
        self.up.terminate()
        self.up.wait(20)
        self.project.close()
