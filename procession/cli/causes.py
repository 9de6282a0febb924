"""``causes``, ``mute``, ``unmute``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from procession import present
from procession.cli import door, facts
from procession.cli.context import answer, json_option, opened, reason_option
from procession.cli.numbers import Whole
from procession.cli.table import age, clean, table
from procession.clock import micros, moment
from procession.commands import causes, inbox
from procession.commands.asked import asked
from procession.store.causes import Known
from procession.units import to_seconds


@click.command("causes")
@click.option("--task", metavar="TASK", help="Only of this task.")
@click.option("--since", metavar="MOMENT", help="Occurred since then, as 1d or 2026-03-01T12:00.")
@click.option("--all", "everything", is_flag=True, help="Also those for which nothing has failed now.")
@click.option("--limit", type=Whole(1, 1000), default=50, show_default=True, help="At most this many.")
@json_option
def causes_command(task: str | None, since: str | None, everything: bool, limit: int, as_json: bool) -> None:
    """Why processings have failed: one line for each cause, those for which most has failed first.

    All of one are meant by a query: procession retry cause:SIGNATURE
    """
    with opened() as project:
        found = inbox.inbox(project, task, since, everything, limit)
        now = project.clock.now()
    at = micros(now)
    answer(
        as_json,
        lambda: present.page([present.cause_in_inbox(each, at) for each in found], None),
        lambda: _tell([each.cause for each in found], now),
    )


def _tell(found: Sequence[Known], now: datetime) -> None:
    if not found:
        click.echo("nothing has failed")
        return
    rows = [
        (
            each.signature, each.failed, each.n, f"{each.task} {each.step}", age(moment(each.first_at), now),
            age(moment(each.last_at), now), each.standing(micros(now)), clean(each.text),
        )
        for each in found
    ]  # fmt: skip
    table(("cause", "failed", "attempts", "where", "first", "last", "", "why"), rows)


signature_argument = click.argument("signature", metavar="SIGNATURE")


@click.command("mute")
@signature_argument
@click.option("--for", "span", metavar="SPAN", help="How long, such as 2d; otherwise until it is unmuted.")
@click.option("--more", type=Whole(1, 1_000_000), help="Until this many more attempts have failed for it.")
@reason_option
@json_option
def mute_command(signature: str, span: str | None, more: int | None, reason: str | None, as_json: bool) -> None:
    """Mute a cause: it is counted, nobody is told."""
    seconds = None if span is None else to_seconds(span)
    with opened() as project:
        found = causes.mute(project, signature, asked(reason), seconds, more)
        now = project.now()
    until = "it is unmuted" if found.muted_until is None else f"{moment(found.muted_until):%Y-%m-%d %H:%M}Z"
    answer(
        as_json,
        lambda: present.cause(found, now),
        lambda: click.echo(f"nobody is told of {found.signature} ({found.task} {found.step}) until {until}"),
    )


@click.command("unmute")
@signature_argument
@reason_option
@json_option
def unmute_command(signature: str, reason: str | None, as_json: bool) -> None:
    """Unmute a cause: people are told of its next occurrence."""
    with opened() as project:
        found = causes.unmute(project, signature, asked(reason))
        now = project.now()
    answer(
        as_json, lambda: present.cause(found, now), lambda: click.echo(f"people are told of {found.signature} again")
    )


@click.command("cause")
@signature_argument
@click.option("--days", type=Whole(1, 400), default=7, show_default=True, help="Of this many days.")
@json_option
def cause_command(signature: str, days: int, as_json: bool) -> None:
    """One cause: its newest processings, and what they have in common that good ones have not."""
    found = door.asked("cause", signature=signature, days=days)
    answer(as_json, lambda: found, lambda: facts.fields(found))


@click.command("assign")
@signature_argument
@click.option("--owner", metavar="NAME", help="Its owner: a person or a group.")
@click.option("--note", metavar="TEXT", help="What is known about it.")
@reason_option
@json_option
def assign_command(signature: str, owner: str | None, note: str | None, reason: str | None, as_json: bool) -> None:
    """Say who owns a cause and what is known about it; it is no longer new."""
    found = door.asked("assign", signature=signature, owner=owner, note=note, reason=reason)
    said = f"{found['owner'] or 'somebody'} looks after {found['signature']} ({found['task']} {found['step']})"
    answer(as_json, lambda: found, lambda: click.echo(clean(said)))


@click.command("resolve")
@signature_argument
@reason_option
@json_option
def resolve_command(signature: str, reason: str | None, as_json: bool) -> None:
    """Say that a cause is resolved; what fails for it later is a regression."""
    found = door.asked("resolve", signature=signature, reason=reason)
    said = f"{found['signature']} ({found['task']} {found['step']}) is resolved; a failure from now on is a regression"
    answer(as_json, lambda: found, lambda: click.echo(clean(said)))
