"""``batches``."""

from __future__ import annotations

from typing import Any

import click

from procession.cli import facts
from procession.cli.callers import ask
from procession.cli.context import answer, json_option, opened
from procession.cli.numbers import Id, Whole
from procession.cli.table import clean, table


@click.command("batches")
@click.argument("batch_id", metavar="[ID]", required=False, type=Id())
@click.option("--cancel", "cancelled", type=Id(), metavar="ID", help="Do nothing more of it.")
@click.option("--limit", type=Whole(1, 500), default=20, show_default=True, help="At most this many.")
@json_option
def batches_command(batch_id: int | None, cancelled: int | None, limit: int, as_json: bool) -> None:
    """Batches, newest first: how far each is; or one, with what became of all that it has done; or cancel one, what it
    has done stays."""
    with opened() as project:
        if batch_id is not None and cancelled is None:
            one = ask(project, "batch", id=batch_id)
            answer(as_json, lambda: one, lambda: show(one))
            return
        found = (
            ask(project, "batches", limit=limit) if cancelled is None else ask(project, "batch-cancel", id=cancelled)
        )
    items = found["items"] if cancelled is None else [found]
    rows = [
        (b["id"], b["verb"], clean(b["query"]), f"{b['done']} of {b['total']}", b["refused"] or "",
         "cancelled" if b["cancelled_at"] else b["finished_at"] or "at work")
        for b in items
    ]  # fmt: skip
    answer(as_json, lambda: found, lambda: table(("id", "verb", "query", "done", "refused", ""), rows, "no batches"))


def show(found: Any) -> None:
    """One batch, and how what it has done stands now."""
    became = found["became"]
    facts.fields({name: value for name, value in found.items() if name != "became"})
    if became["states"]:
        most = "" if became["exact"] else f", of the newest {became['total']}"
        said = ", ".join(f"{n} {state}" for state, n in sorted(became["states"].items()))
        click.echo(f"{'now':<12} {said}{most}; see: procession list batch:{found['id']}")
