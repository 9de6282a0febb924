"""``queues``, ``limits``, ``host``, ``about``: what there is to run with, and what this installation is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from procession.cli import facts
from procession.cli.context import answer, json_option
from procession.cli.door import asked
from procession.cli.table import clean, said_age, table
from procession.units import size


@click.command("queues")
@json_option
def queues_command(as_json: bool) -> None:
    """Every queue: how many wait and since when, how many run, and how many may."""
    found = asked("queues")
    answer(as_json, lambda: found, lambda: _tell_queues(found["items"]))


def _tell_queues(found: list[dict[str, Any]]) -> None:
    now = datetime.now(UTC)
    rows = [
        (
            clean(each["name"]), each["waiting"], said_age(each["oldest"], now), each["running"],
            each["asking"] or "–", each["at_once"] or "–", clean(", ".join(each["launchers"])) or "–",
            _paused(each["paused"]),
        )
        for each in found
    ]  # fmt: skip
    table(("name", "waiting", "oldest", "running", "asking", "at once", "launchers", ""), rows)


def _paused(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    how = "draining, as asked" if found["mode"] == "drain" else "paused"
    return clean(f"{how} by {found['by']}" + (f": {found['reason']}" if found["reason"] else ""))


@click.command("limits")
@json_option
def limits_command(as_json: bool) -> None:
    """Every limit: how much there is of it, how much is taken, and by whom."""
    found = asked("limits")
    answer(as_json, lambda: found, lambda: _tell_limits(found["items"]))


def _tell_limits(found: list[dict[str, Any]]) -> None:
    if not found:
        click.echo("no limits; the file says them in [limits]")
        return
    rows = [
        (clean(each["name"]), f"{each['taken']:g}/{each['there']:g}", ", ".join(_shares(each["users"][:10])))
        for each in found
    ]
    table(("name", "taken", "by"), rows)


def _shares(users: list[dict[str, Any]]) -> list[str]:
    return [str(each["processing"]) + ("" if each["amount"] == 1 else f" ({each['amount']:g})") for each in users]


@click.command("host")
@click.argument("name")
@json_option
def host_command(name: str, as_json: bool) -> None:
    """One host: its launchers, what runs there, and the last attempts."""
    found = asked("host", name=name)
    answer(as_json, lambda: found, lambda: facts.fields(found))


@click.command("about")
@json_option
def about_command(as_json: bool) -> None:
    """What this installation is: versions, database, places, licences."""
    found = asked("about")
    answer(as_json, lambda: found, lambda: facts.fields({**found, "size": size(found["size"])}))
