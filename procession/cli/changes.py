"""``changes``."""

from __future__ import annotations

import click

from procession import present
from procession.cli.context import answer, id_argument, json_option, opened
from procession.cli.table import clean, many
from procession.commands import changes
from procession.commands.changes import SESSION, Change, Comparison


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
        if each.folded:
            break
        click.echo(f"  {clean(each.sentence)}")
        for line in (each.diff or "").splitlines() if diff else ():
            click.echo(f"    {clean(line)}")
    _show_environment([each for each in found.changes if each.folded])
    if not found.changes:
        click.echo("  nothing that Procession knows of")
    for missing in found.missing:
        click.echo(f"  not compared: {clean(missing)}")


def _show_environment(found: list[Change]) -> None:
    """What differs in the environment; of what a person's shell or terminal sets the names."""
    telling = [each for each in found if not SESSION.fullmatch(each.name)]
    if found:
        click.echo(f"  {many(len(found), 'difference')} of the environment:")
    for each in telling:
        click.echo(f"    {clean(each.sentence.removeprefix('environment '))}")
    if names := [each.name for each in found if each not in telling]:
        click.echo(f"    of the shell or terminal: {clean(', '.join(names))}")
