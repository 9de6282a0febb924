"""A launcher inside another program: it serves a project in a thread, and leaves signals alone.

In: the directory of a project, and what this launcher may take. Out: events are processed while the program lives;
scripts run on when it has ended, like those of any launcher.
Always: started once, stopped once; what goes wrong at the start is raised by `start`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from procession.errors import Invalid, Refused
from procession.launcher.loop import Loop
from procession.launcher.presence import serving
from procession.project import Project, poke


class Launcher:
    """Serves a project from `start` to `stop`; a context manager does both.

    `queues` are names of queues (``general`` is that of steps which name none); `cpus` and `workers` hold over the
    file; `var` is its place, where another launcher serves the project's own on the same PostgreSQL.
    """

    def __init__(
        self, project: str | Path = ".", queues: Sequence[str] | None = None, name: str | None = None,
        cpus: float | None = None, workers: int | None = None, *, var: str | Path | None = None,
    ) -> None:  # fmt: skip
        if queues is not None and (
            isinstance(queues, str) or not queues or not all(isinstance(each, str) and each.strip() for each in queues)
        ):
            raise Invalid(f"queues is a list of names, at least one, not {queues!r}")
        said: dict[str, Any] = {
            "launcher.queues": None if queues is None else list(queues), "launcher.name": name, "launcher.cpus": cpus,
            "launcher.workers": workers, "project.var": None if var is None else str(Path(var).absolute()),
        }  # fmt: skip
        self._root = Path(project)
        self._options = [f"{key}={json.dumps(value)}" for key, value in said.items() if value is not None]
        self._ready = threading.Event()
        self._problem: BaseException | None = None
        self._wake: Path | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Launcher:
        """Serve from now on, in a thread of its own; raises what stands in the way. Returns when it serves."""
        if self._thread is not None:
            raise Refused("this launcher was started before; make another one")
        self._thread = threading.Thread(target=self._run, name="procession", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._problem is not None:
            raise self._problem
        return self

    def stop(self, drain: bool = False, timeout: float | None = None) -> bool:
        """Leave; scripts run on, or with `drain` are waited for. False if it has not left within `timeout` seconds."""
        if self._thread is None or self._wake is None:
            return True
        if self._thread.is_alive():
            poke(self._wake, "drain" if drain else "stop")
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def is_serving(self) -> bool:
        """Does it serve now?"""
        return self._thread is not None and self._thread.is_alive() and self._ready.is_set()

    def __enter__(self) -> Launcher:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            project = Project.open(self._root, resolve=True, options=self._options)
            try:
                with serving(project, "up"):
                    self._wake = project.var.wake
                    loop = Loop(project)
                    self._ready.set()
                    loop.run()
            finally:
                project.close()
        except BaseException as error:
            if self._ready.is_set():
                raise
            self._problem = error
            self._ready.set()
