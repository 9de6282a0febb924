"""``doctor``."""

from __future__ import annotations

import sys

import click

from procession import present
from procession.cli.context import answer, json_option, opened
from procession.cli.table import clean, many
from procession.doctor import Finding, examine

MARKS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "wrong": ("wrong", "red")}


@click.command("doctor")
@click.option("--full", is_flag=True, help="Read whole tables and the whole database file, however large they are.")
@json_option
def doctor_command(full: bool, as_json: bool) -> None:
    """Check rows, records, directories, disk, clock and launcher. Changes nothing.

    One line for each check; the exit code is 1 if something is wrong.
    """
    with opened() as project:
        found = examine(project, full=full)
        answer(as_json, lambda: present.findings(found), lambda: _tell(found))
    sys.exit(int(any(each.level == "wrong" for each in found)))


def _tell(found: list[Finding]) -> None:
    width = max(len(each.check) for each in found)
    for each in found:
        word, colour = MARKS[each.level]
        mark = click.style(f"{word:7}", fg=colour) if sys.stdout.isatty() else f"{word:7}"
        click.echo(f"{mark}  {each.check:{width}}  {clean(each.says)}")
        if each.advice:
            click.echo(f"{'':7}  {'':{width}}  → {clean(each.advice)}")
    counts = {level: sum(each.level == level for each in found) for level in MARKS}
    click.echo(f"{counts['ok']} ok, {many(counts['warning'], 'warning')}, {counts['wrong']} wrong")
