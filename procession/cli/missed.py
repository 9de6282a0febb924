"""``missed``."""

from __future__ import annotations

import click

from procession import present
from procession.cli.context import answer, json_option, opened
from procession.cli.table import clean, table
from procession.commands import missed
from procession.commands.missed import Found


@click.command("missed")
@click.argument("task")
@click.option("--range", "ranges", metavar="RANGES", help="These runs of a counter, as 100-120,125.")
@click.option("--submit", is_flag=True, help="Submit what is missing and there.")
@json_option
def missed_command(task: str, ranges: str | None, submit: bool, as_json: bool) -> None:
    """Compare what a watch or a counter has with the books: what has become no event?"""
    with opened() as project:
        found = missed.missed(project, task, ranges, submit=submit)
    answer(as_json, lambda: present.missed(found), lambda: _tell(found))


def _tell(found: Found) -> None:
    if found.missed:
        rows = [(clean(e.event.key), "there" if e.there else "no data", clean(e.path or "")) for e in found.missed]
        table(("key", "", "path"), rows)
    said = f", {found.submitted} submitted" if found.submitted else ""
    click.echo(f"{found.looked} compared, {len(found.missed)} missed{said}")
