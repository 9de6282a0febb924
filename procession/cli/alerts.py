"""``alerts``."""

from __future__ import annotations

import sys

import click

from procession.cli.context import answer, json_option, opened
from procession.cli.table import clean
from procession.commands import alerts
from procession.project import person


@click.command("alerts")
@click.argument("what", type=click.Choice(["test"]))
@json_option
def alerts_command(what: str, as_json: bool) -> None:
    """Send a test message to everybody whom [alerts] names, and say who was reached.

    The exit code is 1 if somebody was not.
    """
    with opened() as project:
        found = alerts.test(project, person())
    answer(as_json, lambda: {"items": found}, lambda: _tell(found))
    if not all(each["told"] for each in found):
        sys.exit(1)


def _tell(found: list[dict[str, object]]) -> None:
    for each in found:
        reached = f", reached: {each['reached']}" if each["way"] == alerts.ADDRESSES else ""
        said = "told" if each["told"] else f"not told: {clean(each['problem'])}"
        click.echo(f"{each['way']}: {said}{reached}")
