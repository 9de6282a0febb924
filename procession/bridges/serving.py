"""All bridges of a project, beside a launcher or in a process of their own.

In: a project. Out: for each bridge of its files the threads that serve it. Always: when the files change, so do the
bridges: what is gone is stopped, what is new begins, what has changed begins anew, and what has not is left alone.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from procession.errors import ProcessionError
from procession.model.bridge import BridgePlan
from procession.project import Project

if TYPE_CHECKING:  # a launcher without bridges does without what they need
    from procession.bridges.line import Line

log = logging.getLogger("procession")

ENDS_WITHIN = 3.0
"""Seconds that threads have to end; one that a name server or a database holds up longer is left behind."""
FILES_EVERY = 2.0
"""Seconds after which the files are looked at again."""


class Bridges:
    """Threads from `start` to `stop`, with projects of their own; `only` is the one bridge that is served."""

    def __init__(self, project: Project, only: str | None = None) -> None:
        self._project = project
        self._only = only
        self._lines: dict[str, tuple[BridgePlan, list[Line]]] = {}
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="bridges")

    def start(self) -> None:
        """Serve, and go with the files."""
        self.follow()
        self._thread.start()

    def stop(self) -> None:
        """Serve no more; what is unacknowledged or unsent stays where it is."""
        self._enough.set()
        if self._thread.is_alive():
            self._thread.join()
        self._end(list(self._lines))
        self._project.close()

    def follow(self) -> None:
        """Serve what the files say now."""
        wanted = {p.name: p for p in self._project.settings.bridges if self._only in (None, p.name)}
        self._end([name for name, (plan, _) in self._lines.items() if wanted.get(name) != plan])
        for name, plan in wanted.items():
            if name not in self._lines:
                self._begin(plan)

    def _begin(self, plan: BridgePlan) -> None:
        from procession.bridges.receiver import Receiver  # noqa: PLC0415
        from procession.bridges.sender import Sender  # noqa: PLC0415

        kinds = [kind for kind, is_wanted in ((Receiver, plan.subscribe), (Sender, plan.publish)) if is_wanted]
        lines: list[Line] = [kind(self._project.beside(), plan) for kind in kinds]
        self._lines[plan.name] = plan, lines
        for line in lines:
            line.start()

    def _run(self) -> None:
        while not self._enough.wait(FILES_EVERY):
            try:
                self._project.refresh(lenient=True)
                self.follow()
            except ProcessionError as error:
                log.warning("the bridges stay as they are: %s", error)
            except Exception:  # whatever it is: those that serve go on
                log.exception("the bridges stay as they are")

    def _end(self, names: list[str]) -> None:
        ending = [line for name in names for line in self._lines.pop(name)[1]]
        for line in ending:
            line.stop()
        until = time.monotonic() + ENDS_WITHIN
        for line in ending:
            line.join(until)
