"""``stats`` and ``books``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from procession import present
from procession.cli.context import answer, json_option, opened
from procession.cli.numbers import Whole
from procession.cli.table import clean, many, table
from procession.commands import books, statistics
from procession.commands.books import Account, Books
from procession.commands.statistics import Durations, OfTask
from procession.units import duration


@click.command("stats")
@click.option("--task", metavar="TASK", help="Only of this task.")
@click.option("--days", type=Whole(1, 3660), default=7, show_default=True, help="This many days, today included.")
@json_option
def stats_command(task: str | None, days: int, as_json: bool) -> None:
    """How much came, how it ended, how long it took: by day (UTC), and for each step.

    A processing counts once, on the day on which its newest version ended for good: what is retried, restarted or run
    again leaves the day on which it had ended before. Of steps every attempt counts. Shares leave out what was
    cancelled or skipped.
    """
    with opened() as project:
        found = statistics.stats(project, task, days)
    answer(
        as_json,
        lambda: {"days": days, "items": [present.statistics(each) for each in found]},
        lambda: _stats(found, days),
    )


_WHAT = ("matched", "succeeded", "failed", "cancelled", "skipped")


def _stats(found: Sequence[OfTask], days: int) -> None:
    for each in found:
        share = "" if each.success is None else f", {each.success:.1%} of what succeeded or failed went well"
        click.secho(f"{each.name}: the last {many(days, 'day')}{share}", bold=True)
        rows = [(day, *(counts.get(what) or "–" for what in _WHAT)) for day, counts in each.days.items()]
        table(("day", *_WHAT), rows, "nothing came and nothing ended")
        if not rows:
            click.echo()
            continue
        spans = [("whole", "", *_spans(each.durations))]
        spans += [(s.name, "" if s.success is None else f"{s.success:.1%}", *_spans(s.durations)) for s in each.steps]
        table(("step", "succeeded", "n", "mean", "median", "95 %", "longest"), spans)
        click.echo()


def _spans(found: Durations | None) -> tuple[object, ...]:
    if found is None:
        return ("–",) * 5
    return found.n, *(duration(each) for each in (found.mean, found.median, found.p95, found.longest))


@click.command("books")
@json_option
def books_command(as_json: bool) -> None:
    """Everything that came, and where it is now. Exit code 1 if anything is missing, or too much."""
    with opened() as project:
        found = books.books(project)
    answer(
        as_json,
        lambda: present.books(found),
        lambda: _books(found),
    )
    if not found.balanced:
        sys.exit(1)


def _books(found: Books) -> None:
    for title, came, accounts in (("events", "received", found.events), ("task", "matched", found.tasks)):
        if accounts:
            table((title, came, *accounts[0].parts, ""), [_line(each) for each in accounts])
            click.echo()
    click.echo("the books balance" if found.balanced else "the books do not balance")


def _line(each: Account) -> tuple[object, ...]:
    differs = "" if each.balanced else f"✖ {sum(each.parts.values()) - each.came:+d}"
    return clean(each.name), each.came, *each.parts.values(), differs
