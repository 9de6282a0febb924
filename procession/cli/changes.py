"""``changes``."""

from __future__ import annotations

import click

from procession import present
from procession.cli.context import answer, id_argument, json_option, opened
from procession.cli.table import clean
from procession.commands import changes
from procession.commands.changes import Comparison


@click.command("changes")
@id_argument
@click.argument("step", required=False)
@click.option("--diff", is_flag=True, help="With the lines of scripts that changed.")
@json_option
def changes_command(processing_id: int, step: str | None, diff: bool, as_json: bool) -> None:
    """What is different from the last time that this step went well, the most telling first."""
    with opened() as project:
        found = changes.changes(project, processing_id, step)
    answer(as_json, lambda: present.comparison(found), lambda: _show(found, diff=diff))


def _show(found: Comparison, *, diff: bool) -> None:
    if found.good is None:
        click.echo(f"step {clean(found.step)} has never gone well before; there is nothing to compare with")
        return
    good, number = found.good
    click.echo(f"step {clean(found.step)}, attempt {found.attempt}, beside attempt {number} of processing {good}:")
    for each in found.changes:
        click.echo(f"  {clean(each.sentence)}")
        for line in (each.diff or "").splitlines() if diff else ():
            click.echo(f"    {clean(line)}")
    if not found.changes:
        click.echo("  nothing that Procession knows of")
    for missing in found.missing:
        click.echo(f"  not compared: {clean(missing)}")
