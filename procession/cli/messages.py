"""``messages``, ``read``."""

from __future__ import annotations

from datetime import datetime

import click

from procession import present
from procession.cli.context import answer, json_option, opened
from procession.cli.numbers import Id, Whole
from procession.cli.table import age, clean, many, table
from procession.clock import moment
from procession.commands import messages
from procession.errors import UsageError
from procession.model.message import Message


@click.command("messages")
@click.option("--all", "ended", is_flag=True, help="Also what no longer occurs.")
@click.option("--unread", is_flag=True, help="Only what nobody has read, whether it still occurs or not.")
@click.option("--limit", type=Whole(1, 1000), default=50, show_default=True, help="At most this many.")
@json_option
def messages_command(ended: bool, unread: bool, limit: int, as_json: bool) -> None:
    """What people should know: one line for each cause that still occurs, however often it has occurred."""
    with opened() as project:
        found = messages.newest(project, unread=unread, ended=ended, limit=limit)
        now = project.clock.now()
    answer(as_json, lambda: present.page([present.message(m) for m in found], None), lambda: tell(found, now))


def tell(found: list[Message], now: datetime) -> None:
    """Print messages as a table."""
    if not found:
        click.echo("no messages")
        return
    rows = [
        (
            m.id,
            ("" if m.read_at else "● ") + m.kind,
            f"{m.task} {m.step}".strip(),
            m.n,
            age(moment(m.first_at), now),
            age(moment(m.last_at), now),
            "ended" if m.ended_at is not None else "",
            clean(m.text),
        )
        for m in found
    ]
    table(("id", "kind", "where", "count", "first", "last", "", "text"), rows)


@click.command("read")
@click.argument("ids", nargs=-1, metavar="[ID]...", type=Id())
@click.option("--all", "every", is_flag=True, help="All that nobody has read.")
@json_option
def read_command(ids: tuple[int, ...], every: bool, as_json: bool) -> None:
    """Mark messages as read; they are shown while they occur, no longer as new."""
    if bool(ids) == every:
        raise UsageError("say which messages have been read, by their ids, or --all; see: procession messages")
    with opened() as project:
        n = messages.read(project, None if every else ids)
    answer(as_json, lambda: {"read": n}, lambda: click.echo(f"{many(n, 'message')} read"))
