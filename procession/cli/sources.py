"""``sources``."""

from __future__ import annotations

import click

from procession import present
from procession.cli.context import answer, json_option, opened
from procession.cli.numbers import Whole
from procession.cli.table import age, clean, table
from procession.clock import moment
from procession.commands import sources


@click.command("sources")
@click.option("--experiments", "kind", flag_value="experiment", help="What the data belong to, instead.")
@click.option("--limit", type=Whole(1, 1000), default=100, show_default=True, help="At most this many.")
@json_option
def sources_command(kind: str | None, limit: int, as_json: bool) -> None:
    """Where data come from: what there is of each source, and which are paused.

    A source is known from the first event on whose task names it.
    """
    with opened() as project:
        found = sources.listed(project, kind=kind or "source", limit=limit)
        now = project.clock.now()
    answer(
        as_json,
        lambda: present.page([present.source(each) for each in found], None),
        lambda: _tell(
            [
                (
                    clean(s.known.name), clean(s.known.parent or ""), s.known.processings, s.known.waiting,
                    age(moment(s.known.first_at), now),
                    "–" if s.known.last_at is None else age(moment(s.known.last_at), now),
                    "" if s.pause is None else clean(f"{s.pause.mode}: {s.pause.sentence}"),
                )
                for s in found
            ]
        ),
    )  # fmt: skip


def _tell(rows: list[tuple[object, ...]]) -> None:
    if not rows:
        click.echo('no sources yet; a task names them: source = "{instrument}"')
        return
    table(("name", "of", "processings", "waiting", "first", "last", "paused"), rows)
