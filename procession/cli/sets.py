"""``sets``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from procession import present
from procession.cli.context import answer, json_option, opened
from procession.cli.numbers import Whole
from procession.cli.table import age, clean, table
from procession.clock import moment
from procession.commands import sets
from procession.commands.sets import Standing

SHOWN = 10
"""So many missing pieces are named."""


@click.command("sets")
@click.argument("name", required=False)
@click.option("--limit", type=Whole(1, 1000), default=20, show_default=True, help="At most this many.")
@json_option
def sets_command(name: str | None, limit: int, as_json: bool) -> None:
    """Sets that are being collected, and the last ones that were: how many pieces are there, which are missing."""
    with opened() as project:
        found = sets.newest(project, name, limit)
        now = project.clock.now()
    answer(as_json, lambda: present.page([present.slot(each) for each in found], None), lambda: _tell(found, now))


def _tell(found: Sequence[Standing], now: datetime) -> None:
    if not found:
        click.echo("no sets yet; an event that is a piece of one begins it")
        return
    rows = [(each.slot.name, clean(each.slot.key), clean(sentence(each, now))) for each in found]
    table(("set", "slot", ""), rows)


def sentence(each: Standing, now: datetime) -> str:
    """``22 of 24, missing 7 and 9, until 12:10:00Z``."""
    slot = each.slot
    said = [f"{max(0, slot.plan.size - slot.plan.lacking(each.pieces))} of {slot.plan.size}"]
    if each.missing:
        said.append(f"missing {_and(each.missing)}")
    if slot.done_at is None:
        said += [f"until {age(moment(slot.due_at), now)}"] if slot.due_at is not None else []
    else:
        became = "given up" if slot.event_id is None else f"event {slot.event_id}"
        said.append(f"{became} at {age(moment(slot.done_at), now)}")
    if slot.late:
        said.append(f"{slot.late} late")
    return ", ".join(said)


def _and(names: Sequence[str]) -> str:
    if len(names) > SHOWN:
        return f"{', '.join(names[:SHOWN])} and {len(names) - SHOWN} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
