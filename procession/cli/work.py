"""``claim``, ``start``, ``heartbeat``, ``succeed``, ``fail``, ``give-back``: for programs elsewhere, from a shell."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from procession import present
from procession.cli.context import answer, json_option, opened, reason_option
from procession.cli.instances import read_json
from procession.cli.numbers import Whole
from procession.cli.table import clean, table
from procession.commands import claims, work
from procession.project import person

attempt_argument = click.argument("attempt", metavar="ATTEMPT")


@click.command("claim")
@click.option("--worker", metavar="NAME", help="Your name, as the journal shows it.")
@click.option(
    "--queue",
    "queues",
    multiple=True,
    metavar="NAME",
    help="A queue that you serve, instead of general; may be given several times.",
)
@click.option("--task", "tasks", multiple=True, metavar="TASK", help="Only this task; may be given several times.")
@click.option(
    "--label", "labels", multiple=True, metavar="NAME", help="A label that you have; may be given several times."
)
@click.option("--limit", type=Whole(1, claims.MOST), default=1, show_default=True, help="At most this many.")
@json_option
def claim_command(
    worker: str | None, queues: tuple[str, ...], tasks: tuple[str, ...], labels: tuple[str, ...], limit: int,
    as_json: bool,
) -> None:  # fmt: skip
    """Claim calls that may start now: none, one or more; start each, or be heard of, within a minute."""
    with opened() as project:
        found = claims.claim(
            project, worker or person(), queues=queues or ("",), limit=limit, only=tasks or None, labels=labels,
            bearer=f"cli:{person()}",
        )  # fmt: skip
    rows = [(c.attempt, clean(c.task), clean(c.key or ""), c.number, clean(json.dumps(c.inputs)[:60])) for c in found]
    answer(
        as_json,
        lambda: present.page([present.claim(each) for each in found], None),
        lambda: table(("attempt", "task", "key", "try", "inputs"), rows) if rows else click.echo("no action"),
    )


@click.command("start")
@attempt_argument
@json_option
def start_command(attempt: str, as_json: bool) -> None:
    """Say that it starts; from here its time-out counts."""
    with opened() as project:
        _beat(work.start(project, attempt), as_json=as_json)


@click.command("heartbeat")
@attempt_argument
@click.option("--progress", type=click.FloatRange(0, 1), help="Share that is done.")
@click.option("--text", help="Words of its progress.")
@click.option("--message", help="A line for its journal.")
@json_option
def heartbeat_command(
    attempt: str, progress: float | None, text: str | None, message: str | None, as_json: bool
) -> None:
    """Say that it goes on; the answer says what is wanted: nothing, cancel or pause."""
    with opened() as project:
        _beat(work.heartbeat(project, attempt, progress, text, message), as_json=as_json)


def _beat(beat: work.Beat, *, as_json: bool) -> None:
    answer(as_json, lambda: present.beat(beat), lambda: click.echo(beat.wanted or "go on"))


@click.command("succeed")
@attempt_argument
@click.option("--result", metavar="JSON", help="What it came to; - reads standard input.")
@click.option("--file", "file", metavar="FILE", help="A file that is what it came to; - reads standard input.")
@click.option("--mime", help="Type of the file.")
@json_option
def succeed_command(attempt: str, result: str | None, file: str | None, mime: str | None, as_json: bool) -> None:
    """Say that it is done, and what it came to."""
    if result is not None and file is not None:
        raise click.UsageError("a result is either JSON or a file")
    given: Any = read_json(result)
    if file is not None:
        given = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    with opened() as project:
        pid = work.succeed(project, attempt, given, mime)
    _over(pid, "is done", as_json=as_json)


@click.command("fail")
@attempt_argument
@click.argument("reason")
@click.option("--retry-after", type=float, metavar="SECONDS", help="Try it again then; it has not failed for good.")
@json_option
def fail_command(attempt: str, reason: str, retry_after: float | None, as_json: bool) -> None:
    """Say that it has failed, and why."""
    with opened() as project:
        pid = work.fail(project, attempt, reason, retry_after)
    _over(pid, "has failed" if retry_after is None else "is tried again", as_json=as_json)


@click.command("give-back")
@attempt_argument
@reason_option
@json_option
def give_back_command(attempt: str, reason: str | None, as_json: bool) -> None:
    """Give it back, not done through no fault of its own: it waits again, and nothing is counted."""
    with opened() as project:
        pid = work.give_back(project, attempt, reason)
    _over(pid, "waits again", as_json=as_json)


def _over(processing_id: int, what: str, *, as_json: bool) -> None:
    answer(
        as_json, lambda: {"id": processing_id}, lambda: click.echo(f"processing {processing_id}: its attempt {what}")
    )
