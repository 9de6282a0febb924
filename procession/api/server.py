"""The web server: a thread of ``up``, or a process of its own (``procession web``).

*In:* a project's root and what ``[web]`` says. *Out:* a server that listens before `start` returns. *Always:* it has
connections to the database of its own and shares nothing with the launcher's thread but the process; it takes no
signals; only addresses of this machine are listened on, unless a proxy stands before it.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import threading
from collections.abc import Callable
from typing import Any

from procession.api.app import App
from procession.api.guard import Names
from procession.api.login import Login
from procession.api.watching import Watching
from procession.errors import ConfigError, HostError, Refused
from procession.model.serving import USUAL_PORT, WebPlan
from procession.project import Project
from procession.web.door import Door

log = logging.getLogger("procession")

LOOPBACK = ("127.0.0.1", "::1", "localhost")
BACKLOG = 512
STOPS_WITHIN = 5
"""Seconds for answers that are under way."""


def listen(plan: WebPlan, given_port: int | None = None) -> list[socket.socket]:
    """Sockets that listen where the plan says, on both loopbacks where it is the usual address; Refused if somebody
    else does already."""
    if plan.host not in LOOPBACK and not plan.behind_proxy:
        raise ConfigError(f"[web] host {plan.host} can be reached from other machines; say behind_proxy = true")
    port = plan.port if given_port is None else given_port
    if port is None:
        try:
            return listen(plan, USUAL_PORT)
        except Refused:  # another project has the usual port, and nobody has asked for it
            port = 0
    hosts = ["127.0.0.1", "::1"] if plan.host in ("127.0.0.1", "localhost") else [plan.host]
    found: list[socket.socket] = []
    try:
        for host in hosts:
            try:
                found.append(_bound(host, found[0].getsockname()[1] if found else port))
            except OSError as error:
                if not found:
                    raise
                if error.errno == errno.EADDRINUSE:
                    log.info("port %d of %s is taken; only %s is listened on", port, host, hosts[0])
    except OSError as error:
        for each in found:
            each.close()
        if error.errno == errno.EADDRINUSE:
            raise Refused(
                f"port {port} of {plan.host} is taken, perhaps by another project; choose another with [web] port "
                "(0: a free one), or start with --port 0, or with --no-web"
            ) from None
        raise HostError(
            f"{plan.host}:{port} cannot be listened on: {error.strerror}; see [web] host and port"
        ) from None
    return found


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named: else an answer of two pieces takes 40 ms
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
        made.listen(BACKLOG)
        made.set_inheritable(False)
    except OSError:
        made.close()
        raise
    return made


def made(project: Project, names: Names) -> App:
    """The application with all of its pages."""
    app = App(project, names)
    login = Login(app)
    Watching(app)
    Door(app, login)
    return app


class WebServer:
    """A server at work, in a thread of its own."""

    def __init__(self, project: Project, sockets: list[socket.socket], stopping: Callable[[], None] | None = None):
        self.project = project
        plan = project.settings.web
        self._sockets = sockets
        self.port: int = sockets[0].getsockname()[1]
        self.url = f"http://{_shown(plan.host)}:{self.port}"
        self.app = made(project, Names(self.port, plan.hosts, plan.behind_proxy))
        self._server: Any = None
        self._stopping = stopping
        self._thread = threading.Thread(target=self.run, name="procession-web", daemon=True)

    def start(self) -> None:
        """Serve in a thread; requests are answered from now on."""
        self._server = self._made()
        self.app.hub.start()
        self._thread.start()

    def run(self) -> None:
        """Serve until told to stop."""
        if self._server is None:
            self._server = self._made()
            self.app.hub.start()
        try:
            asyncio.run(self._server._serve(self._sockets))  # not `serve`, which takes signals
        except Exception:
            log.exception("the web server has ended; everything else goes on")

    def leave(self) -> None:
        """Take in nothing new, and end soon; may be called from a signal handler."""
        self.app.leaving()
        if self._server is not None:
            self._server.should_exit = True

    def stop(self) -> None:
        """Let answers that are under way end, and leave."""
        self.leave()
        if self._thread.is_alive():
            self._thread.join(STOPS_WITHIN + 2)
        for each in self._sockets:
            each.close()
        self.app.close()

    def _made(self) -> Any:
        from uvicorn import Config, Server  # noqa: PLC0415  only where it is served

        from procession.api.protocol import Protocol  # noqa: PLC0415

        config = Config(
            self.app, http=Protocol, ws="none", loop="asyncio", lifespan="off", log_config=None, access_log=False,
            proxy_headers=False, server_header=False, date_header=True, timeout_keep_alive=30,
            timeout_graceful_shutdown=STOPS_WITHIN,
        )  # fmt: skip
        for name in ("uvicorn.error", "uvicorn.access"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        return Server(config)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
