"""``procession run``: one processing, here and now, its output as by hand.

In: a task and parameters. Out: a processing stored like any other, driven by this process alone, what its scripts print
passed on byte by byte. Ctrl-C cancels it; if this process is killed, its scripts run on and whoever serves the project
takes the processing over.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from procession.commands import events, processings
from procession.errors import Refused
from procession.launcher.loop import Loop
from procession.launcher.presence import serving
from procession.model.event import NewEvent
from procession.model.processing import Processing
from procession.model.states import PROCESSING
from procession.project import Project

LOOK_EVERY = 0.05
"""Seconds between two looks at the log."""


def run_here(project: Project, task: str, event: NewEvent, *, quiet: bool) -> Processing:
    """Run a new processing of this task to its end and return it; `quiet` passes nothing on."""
    with serving(project, "run") as post, _noted_signals() as noted:
        born = events.submit_for_task(project, task, event, post.launcher_id)
        if born.duplicate:
            known = ", ".join(str(i) for i in born.processings)
            raise Refused(
                f"event {event.name} with key {event.key} is known already (processing {known}); leave out --key"
            )
        processing_id = born.processings[0]
        echo = _Echo(project, processing_id, quiet=quiet)
        loop = Loop(project)

        def finished() -> bool:
            if noted:
                noted.clear()
                processings.cancel(project, processing_id)
                loop.wake()
            return echo.turn()

        loop.every = LOOK_EVERY
        loop.finished = finished
        loop.run()
        echo.turn()
    return processings.get(project, processing_id)


@contextmanager
def _noted_signals() -> Iterator[list[int]]:
    """Ctrl-C, a closed terminal and SIGTERM cancel the processing; its end is then waited for.

    They are only noted, and acted upon between two turns: one may come in the middle of a transaction of ours, and a
    second transaction inside it would wait for itself.
    """
    noted: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda n, _: noted.append(n)) for number in numbers}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Echo:
    """Passes on what the scripts of one processing print, attempt after attempt."""

    def __init__(self, project: Project, processing_id: int, *, quiet: bool) -> None:
        self._project = project
        self._id = processing_id
        self._quiet = quiet
        self._read: dict[Path, int] = {}

    def turn(self) -> bool:
        """Pass on what is new; True when the processing has ended."""
        found = processings.get(self._project, self._id)
        for step in found.steps:
            for attempt in step.attempts:
                self._pass_on(self._project.var.attempt(self._id, step.ordinal, step.name, attempt.number) / "log")
        return found.state in PROCESSING.terminal

    def _pass_on(self, log: Path) -> None:
        if self._quiet:
            return
        try:
            with log.open("rb") as file:
                file.seek(self._read.get(log, 0))
                while new := file.read(1 << 16):
                    self._read[log] = self._read.get(log, 0) + len(new)
                    os.write(sys.stdout.fileno(), new)
        except FileNotFoundError:
            return
