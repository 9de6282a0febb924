"""``note``."""

from __future__ import annotations

import click

from procession.cli import door
from procession.cli.context import answer, json_option
from procession.cli.table import clean
from procession.model.query import whole


@click.command("note")
@click.argument("which", metavar="ID | SIGNATURE")
@click.argument("text")
@click.option("--cause", "of_cause", is_flag=True, help="It is the signature of a cause.")
@json_option
def note_command(which: str, text: str, of_cause: bool, as_json: bool) -> None:
    """Add a note to a processing or, with --cause, to a cause, whatever its state.

    On the pages **bold**, `code` and [links](https://example.org) are drawn as such.
    """
    if of_cause:
        found = door.asked("cause-note", signature=which, text=text)
        said = f"noted on cause {found['signature']} ({found['task']} {found['step']})"
    elif which.isdecimal():
        found = door.asked("note", id=whole(which), text=text)
        said = f"noted on processing {found['id']}"
    else:
        raise click.UsageError(
            f"{which[:60]!r} is no id of a processing; write its number, or for the signature of a cause add --cause"
        )
    answer(as_json, lambda: found, lambda: click.echo(clean(said)))
