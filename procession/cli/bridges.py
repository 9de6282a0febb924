"""``bridges``, ``bridge``, ``republish``, ``cancel-key``."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import click

from procession import present
from procession.cli.context import answer, json_option, opened, reason_option, set_option
from procession.cli.table import age, clean, many, table
from procession.clock import moment
from procession.commands import bridges, keys
from procession.errors import Refused
from procession.project import Project


@contextmanager
def bridging(project: Project, *, wanted: bool) -> Iterator[None]:
    """The bridges beside a launcher, as long as the block lasts, with projects of their own."""
    if not wanted:
        yield
        return
    from procession.bridges.serving import Bridges  # noqa: PLC0415

    serving = Bridges(project.beside())
    serving.start()
    try:
        yield
    finally:
        serving.stop()


@click.command("bridges")
@json_option
def bridges_command(as_json: bool) -> None:
    """The bridges to brokers: how each stands, and what went over it."""
    with opened() as project:
        found = bridges.list_all(project)
        now = project.clock.now()
    if not found and not as_json:
        click.echo("no bridges; the file has no [bridges.NAME]")
        return
    rows = [
        (
            each.name,
            each.state,
            each.counted.taken,
            each.counted.refused,
            each.counted.sent,
            each.waiting + each.given_up,
            "" if each.counted.last_in_at is None else age(moment(each.counted.last_in_at), now),
            clean(each.problem or ""),
        )
        for each in found
    ]
    answer(
        as_json,
        lambda: {"items": [present.bridge(each) for each in found]},
        lambda: table(("name", "state", "taken", "refused", "sent", "unsent", "last in", "problem"), rows),
    )


@click.command("bridge")
@click.argument("name")
@set_option
def bridge_command(name: str, options: tuple[str, ...]) -> None:
    """Serve one bridge in a process of its own; 'up' serves all of them. Ctrl-C stops it."""
    from procession.bridges.serving import Bridges  # noqa: PLC0415
    from procession.launcher.journal_log import log_to  # noqa: PLC0415

    enough = threading.Event()
    with opened(options=options) as project:
        bridges.plan_of(project, name)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: enough.set())
        log_to(project.var.log, terminal=True)
        serving = Bridges(project.beside(), only=name)
        serving.start()
        click.echo(f"procession serves the bridge {name}; Ctrl-C stops it", err=True)
        enough.wait()
        serving.stop()


@click.command("republish")
@click.argument("name")
@json_option
def republish_command(name: str, as_json: bool) -> None:
    """Publish again the messages that a broker has refused too often."""
    with opened() as project:
        n = bridges.republish(project, name)
    answer(
        as_json,
        lambda: {"name": name, "messages": n},
        lambda: click.echo(f"{many(n, 'message')} of {name} will be published"),
    )


@click.command("cancel-key")
@click.argument("event")
@click.argument("key")
@reason_option
@json_option
def cancel_key_command(event: str, key: str, reason: str | None, as_json: bool) -> None:
    """Cancel the event of this name and key. One that has not come is cancelled if it comes within a week."""
    with opened() as project:
        found = present.key_cancelled(keys.cancel(project, event, key, reason))
    answer(as_json, lambda: found, lambda: click.echo(found["text"]))
    if found["state"] == "too_late":
        sys.exit(Refused.exit_code)
