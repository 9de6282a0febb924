"""``batches``."""

from __future__ import annotations

import click

from procession.cli.callers import ask
from procession.cli.context import answer, json_option, opened
from procession.cli.table import clean, table


@click.command("batches")
@click.option("--cancel", "cancelled", type=click.IntRange(1, 2**63 - 1), metavar="ID", help="Do nothing more of it.")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="At most so many.")
@json_option
def batches_command(cancelled: int | None, limit: int, as_json: bool) -> None:
    """Batches, newest first: how far each is; or cancel one, what it has done stays."""
    with opened() as project:
        found = (
            ask(project, "batches", limit=limit) if cancelled is None else ask(project, "batch-cancel", id=cancelled)
        )
    items = found["items"] if cancelled is None else [found]
    rows = [
        (b["id"], b["verb"], clean(b["query"]), f"{b['done']} of {b['total']}", b["refused"] or "",
         "cancelled" if b["cancelled_at"] else b["finished_at"] or "at work")
        for b in items
    ]  # fmt: skip
    answer(as_json, lambda: found, lambda: table(("id", "verb", "query", "done", "refused", ""), rows))
