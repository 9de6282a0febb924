"""``/live`` and ``/ready`` for whoever looks after servers, and ``/metrics`` for Prometheus (P31).

*Always:* the first two need no token and say nothing but yes or no; the metrics need the scope ``read``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from procession import __version__
from procession.api.app import App
from procession.api.login import only
from procession.api.problems import Problem
from procession.api.request import Answer, Request, as_json
from procession.errors import ProcessionError
from procession.project import Project
from procession.store import attempts, launchers, of_tasks, tallies

log = logging.getLogger("procession")

Sample = tuple[Mapping[str, str], float]


class Watching:
    """What others see of this server."""

    def __init__(self, app: App) -> None:
        self._app = app
        app.pages |= {"/live": self.live, "/ready": self.ready, "/metrics": self.metrics}

    async def live(self, request: Request) -> Answer:
        """The server answers."""
        only(request, "GET")
        return as_json({"live": True})

    async def ready(self, request: Request) -> Answer:
        """The database can be read, and somebody serves."""
        only(request, "GET")
        problem = await self._app.apart(lambda: _problem(self._app.project))
        return as_json({"ready": problem is None, "problem": problem}, 200 if problem is None else 503)

    async def metrics(self, request: Request) -> Answer:
        """Everything that can be counted, as Prometheus reads it."""
        only(request, "GET")
        caller = await self._app.caller(request)
        if "read" not in caller.scopes or caller.groups is not None:
            raise Problem(403, "Denied", "the metrics need the scope read, for all groups of tasks")
        text = await self._app.apart(lambda: exposition(self._app.project, self._app.throttled))
        return Answer(200, text.encode(), "text/plain; version=0.0.4; charset=utf-8")


def _problem(project: Project) -> str | None:
    try:
        with project.store.read() as tx:
            served = project.is_served(tx)
    except ProcessionError as error:
        log.warning("not ready: %s", error)
        return "the database cannot be read"
    return None if served else "nobody serves this project"


def exposition(project: Project, throttled: int) -> str:
    """All metrics in the text format of Prometheus."""
    with project.store.read() as tx:
        counts, events = of_tasks.counts(tx), tallies.totals(tx, "event")
        running = attempts.how_many_live(tx)
        up = [row for row in launchers.not_stopped(tx) if row.kind == "up"]
        served = project.is_served(tx)
    found = [
        _metric("info", "gauge", "Which version this is.", [({"version": __version__}, 1)]),
        _metric("up", "gauge", "Does anybody serve this project?", [({}, int(served))]),
        _metric("launchers", "gauge", "Launchers that have not stopped.", [({}, len(up))]),
        _metric(
            "processings", "gauge", "Processings by task and state, newest versions.",
            [({"task": task, "state": state}, n) for task, states in counts.items() for state, n in states.items()],
        ),
        _metric("attempts_live", "gauge", "Scripts and calls that run now.", [({}, running)]),
        _metric(
            "events_total", "counter", "Events by name: received, new, repeats, refused.",
            [({"event": name, "what": what}, n) for name, whats in events.items() for what, n in whats.items()],
        ),
        _metric("logins_throttled_total", "counter", "Tries to log in that were too many.", [({}, throttled)]),
    ]  # fmt: skip
    return "".join(found)


def _metric(name: str, kind: str, text: str, samples: Iterable[Sample]) -> str:
    full = f"procession_{name}"
    lines = [f"# HELP {full} {text}", f"# TYPE {full} {kind}"]
    for labels, value in samples:
        told = ",".join(f'{label}="{_escaped(str(of))}"' for label, of in labels.items())
        lines.append(f"{full}{{{told}}} {value:g}" if told else f"{full} {value:g}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
