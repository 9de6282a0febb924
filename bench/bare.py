"""The physical limit: what this machine does with no system at all.

A pool of threads; each runs one chain, step after step, every step in its own new directory with its log, the exit code
checked. Nothing is durable, nothing is supervised. Every ratio in `bench/` is to this, measured in the same minute.
"""

from __future__ import annotations

import os
import resource
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

STEPS = 3


class Bare:
    """Runs chains of scripts in a thread pool."""

    name = "bare"

    def __init__(self, place: Path, argv: list[str], at_once: int) -> None:
        self.place = place
        self.argv = argv
        self.pool = ThreadPoolExecutor(at_once)

    def submit(self, event: str) -> None:
        """Begin one chain."""
        self._last = self.pool.submit(self._chain, event)
        self.all = [*getattr(self, "all", []), self._last]

    def wait(self) -> None:
        """Wait until every chain has ended; an exit code other than 0 is an error."""
        for chain in self.all:
            chain.result()
        self.all = []

    def directory(self, event: str, step: int) -> Path:
        """Where a step ran; steps count from 1."""
        return self.place / event / str(step)

    def _chain(self, event: str) -> None:
        for step in range(1, STEPS + 1):
            directory = self.directory(event, step)
            os.makedirs(directory)
            with open(directory / "log", "wb") as log:
                subprocess.run(
                    self.argv, cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, check=True
                )

    def cpu(self) -> float:
        """CPU seconds used so far by everything that belongs to it, ended scripts included."""
        used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(u.ru_utime + u.ru_stime for u in used)

    def close(self) -> None:
        """End the pool."""
        self.pool.shutdown()
