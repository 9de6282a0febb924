"""What ``up`` and ``launcher`` share: serve in the foreground until somebody says that it is enough."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import click

from procession.cli.table import many
from procession.commands import launchers
from procession.errors import HostError
from procession.project import Project


def check_host(command: str) -> None:
    """Raise HostError where this system lacks what a launcher is made of."""
    if not sys.platform.startswith("linux"):
        raise HostError(f"'{command}' needs Linux (pidfd, flock, /proc); this is {sys.platform}")


def serve(
    project: Project, greet: Callable[[], None], *, quiet: bool,
    beside: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> None:  # fmt: skip
    """Serve until a signal or a word; `beside` runs along, and `greet` says, unless `quiet`, that it has begun."""
    from procession.launcher.journal_log import JournalLog, log_to, tell  # noqa: PLC0415
    from procession.launcher.loop import Loop  # noqa: PLC0415
    from procession.launcher.presence import serving  # noqa: PLC0415

    with serving(project, "up"), beside():
        log_to(project.var.log, terminal=not quiet)
        if not quiet:
            greet()
        loop = Loop(project, JournalLog(project.store, tell))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: os._exit(1) if loop.leaving else loop.leave())  # twice: now
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        loop.run()
        running = launchers.awaited(project)
    if not quiet:
        click.echo(f"procession: stopped{told_left(*launchers.left_behind(project, running))}", err=True)


def told_left(scripts: int, ended: int) -> str:
    """``; 2 scripts run on; 1 function was ended and is tried again``."""
    on = f"; {many(scripts, 'script')} {'runs' if scripts == 1 else 'run'} on" if scripts else ""
    said = "was ended and is tried again" if ended == 1 else "were ended and are tried again"
    return on + (f"; {many(ended, 'function')} {said}" if ended else "")
