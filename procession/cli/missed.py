"""``missed``."""

from __future__ import annotations

import os
from contextlib import suppress

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
    """Compare what a watch, a counter or a list has with the books: what has become no event?"""
    with opened() as project:
        found = missed.missed(project, task, ranges, submit=submit)
    _leave_word(task, found)
    answer(as_json, lambda: present.missed(found), lambda: _tell(found))


def _leave_word(task: str, found: Found) -> None:
    """In a task: what was missed is an error that ends nothing, so that people get a message of it."""
    errors = os.environ.get("PROCESSION_ERRORS")
    if errors and found.submitted:
        with suppress(OSError), open(errors, "a", encoding="utf-8") as file:
            file.write(f"of {task} {found.submitted} were missed and are submitted now\n")


def _tell(found: Found) -> None:
    if found.missed:
        rows = [(clean(e.event.key), "there" if e.there else "no data", clean(e.path or "")) for e in found.missed]
        table(("key", "", "path"), rows)
    said = f", {found.submitted} submitted" if found.submitted else ""
    click.echo(f"{found.looked} compared, {len(found.missed)} missed{said}")
