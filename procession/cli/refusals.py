"""``refused``."""

from __future__ import annotations

import click

from procession import present
from procession.cli import going_on
from procession.cli.context import answer, json_option, opened
from procession.cli.numbers import Id, Whole
from procession.cli.table import age, clean, table
from procession.clock import moment
from procession.commands import refusals


@click.command("refused")
@click.option("--limit", type=Whole(1, 500), default=50, show_default=True, help="At most this many.")
@click.option("--before", metavar="ID", type=Id(), help="Go on below this id ('next' of the answer before).")
@json_option
def refused_command(limit: int, before: int | None, as_json: bool) -> None:
    """What came and could not be taken, newest first, with the reason and what came."""
    with opened() as project:
        found = refusals.newest(project, limit, before)
        now = project.clock.now()
    following = found[-1].id if len(found) == limit else None
    answer(
        as_json,
        lambda: present.page([present.refusal(each) for each in found], following),
        lambda: _tell(
            [(r.id, age(moment(r.at), now), r.source, r.name or "?", r.reason, r.raw[:60]) for r in found], following
        ),
    )


def _tell(rows: list[tuple[int, str, str, str, str, str]], following: int | None) -> None:
    if not rows:
        click.echo("nothing was refused")
        return
    table(("id", "", "from", "event", "why", "what came"), [tuple(clean(str(cell)) for cell in row) for row in rows])
    going_on.tell(following)
