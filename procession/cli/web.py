"""``web``, and the web server in ``up``."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from procession.cli.context import opened, set_option
from procession.cli.numbers import Whole
from procession.commands import tokens
from procession.project import Project
from procession.store import launchers
from procession.verbs.access import secret_of_place

if TYPE_CHECKING:
    from procession.api.server import WebServer

port_option = click.option(
    "--port", type=Whole(0, 65_535), metavar="N", help="Listen on this port; 0 takes a free one."
)


@contextmanager
def web(project: Project, port: int | None, *, wanted: bool) -> Iterator[WebServer | None]:
    """The web server beside a launcher, as long as the block lasts; with a project of its own, for its threads."""
    if not wanted:
        yield None
        return
    from procession.api.server import WebServer, listen  # noqa: PLC0415

    sockets = listen(project.settings.web, port)
    tokens.first(project)
    server = WebServer(project.beside(), sockets)
    server.start()
    if project.post is not None:
        with project.store.begin() as tx:
            launchers.set_url(tx, project.post.launcher_id, server.url)
        gathering = server.project.gathering
        assert gathering is not None
        project.post.crowded = lambda: gathering.crowded
        project.post.web = (server.url, secret_of_place(project.var.secret))
        if project.post.calls is not None:
            project.post.calls.tell(server.url)
    try:
        yield server
    finally:
        server.stop()
        server.project.close()


def tell_web(project: Project, url: str | None) -> None:
    """Where it answers, if it does, and where the first token is."""
    if url is not None:
        click.echo(f"procession answers at {url}; the first token is in {project.var.token}", err=True)


@click.command("web")
@port_option
@set_option
def web_command(port: int | None, options: tuple[str, ...]) -> None:
    """Only the web server (pages and HTTP API), in a process of its own; 'up' has one inside. Ctrl-C stops it."""
    from procession.api.server import WebServer, listen  # noqa: PLC0415

    with opened(options=options) as project:
        sockets = listen(project.settings.web, port)
        tokens.first(project)
        server = WebServer(project, sockets)
        tell_web(project, server.url)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: server.leave())
        server.run()
        server.stop()
