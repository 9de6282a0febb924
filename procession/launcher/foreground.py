"""``procession run``: one processing, here and now, its output as by hand.

In: a task and parameters. Out: a processing stored like any other, driven by this process alone, what its scripts print
passed on byte by byte. Ctrl-C cancels it; if this process is killed, its scripts run on and whoever serves the project
takes the processing over.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from procession.clock import Clock
from procession.commands import events, processings
from procession.errors import Refused
from procession.launcher.loop import Loop
from procession.launcher.presence import serving
from procession.model.event import NewEvent
from procession.model.processing import Processing
from procession.model.states import PROCESSING
from procession.project import Project

INSISTED = 2.0
"""Seconds after the first signal from which another one ends this process at once, whatever stands in the way."""
LOOK_EVERY = 0.05
"""Seconds between two looks at the log."""


def run_here(
    project: Project, task: str, event: NewEvent, tell: Callable[[Processing], None]
) -> tuple[Processing, bool]:
    """Run a new processing of this task to its end; return it, and whether a signal cancelled it.

    `tell` is shown the processing again and again, to pass on what its scripts print.
    """
    interrupted = False
    with serving(project, "run") as post, _noted_signals() as noted:
        born = events.submit_for_task(project, task, event, post.launcher_id)
        if born.duplicate:
            known = ", ".join(str(i) for i in born.processings)
            raise Refused(
                f"event {event.name} with key {event.key} is known already (processing {known}); leave out --key"
            )
        processing_id = born.processings[0]
        loop = Loop(project)

        def finished() -> bool:
            nonlocal interrupted
            if noted:
                noted.clear()
                interrupted = processings.cancel(project, processing_id).accepted or interrupted
                loop.wake()
            found = processings.get(project, processing_id)
            tell(found)
            return found.state in PROCESSING.terminal

        loop.every = LOOK_EVERY
        loop.finished = finished
        loop.run()
    return processings.get(project, processing_id), interrupted


@contextmanager
def _noted_signals() -> Iterator[list[int]]:
    """Ctrl-C, a closed terminal and SIGTERM cancel the processing; its end is then waited for.

    They are only noted, and acted upon between two turns: one may come in the middle of a transaction of ours, and a
    second transaction inside it would wait for itself. Who insists leaves at once: what runs then runs on, and whoever
    serves the project takes it over.
    """
    noted: list[int] = []
    first: list[float] = []
    clock = Clock()

    def note(number: int, _frame: object) -> None:
        noted.append(number)
        first.append(clock.monotonic())
        if first[-1] - first[0] > INSISTED:
            os._exit(130)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
