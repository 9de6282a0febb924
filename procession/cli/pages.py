"""``overview``, ``grid``, ``count``, ``durations``, ``gallery``, ``arrivals``: what the pages show, as text."""

from __future__ import annotations

import base64
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import click

from procession.cli import facts
from procession.cli.context import answer, json_option
from procession.cli.door import asked
from procession.cli.numbers import Whole
from procession.cli.querying import Querying
from procession.cli.table import clean, said_age, table, without
from procession.model.grid import LEVELS, Mark, read_cell
from procession.model.wording import sender
from procession.units import duration

query_argument = click.argument("words", metavar="[QUERY]", nargs=-1)
days_option = click.option("--days", type=Whole(1, 400), default=7, show_default=True, help="Of this many days.")
DRAWN = {
    Mark.NOTHING: " ", Mark.WAITING: "·", Mark.HELD: "h", Mark.RUNNING: "○", Mark.OK: "▪", Mark.OK_AGAIN: "△",
    Mark.AGAIN: "r", Mark.FAILED: "✖", Mark.LOST: "?", Mark.CANCELLED: "⊘", Mark.SKIPPED: "–", Mark.OK_AMBER: "△",
    Mark.ASKING: "!",
}  # fmt: skip


def _text(words: tuple[str, ...]) -> str:
    from procession.commands.bulk import text_of  # noqa: PLC0415  only where a query is given

    return text_of(words)


@click.command("overview")
@click.option("--days", type=Whole(1, 400), default=1, show_default=True, help="Of this many days.")
@json_option
def overview_command(days: int, as_json: bool) -> None:
    """How every task stands, what came and how it ended, and what is new."""
    found = asked("overview", days=days)
    answer(as_json, lambda: found, lambda: _overview(found))


def _overview(found: Any) -> None:
    ended, since = found["ended"], said_age(found["since"], datetime.now(UTC))
    asking = sum(each["asking"] for each in found["tasks"])
    said = f", {asking} asking" if asking else ""
    click.echo(
        f"{without(found['running'], asking)} running{said}, {found['waiting']} waiting; since {since}: "
        f"{ended['succeeded']} succeeded, {ended['failed']} failed; {len(found['new_causes'])} new causes"
    )
    rows = [
        (
            clean(each["task"]), "paused" if each["paused"] else "", each["waiting"] or "–",
            without(each["running"], each["asking"]) or "–", each["asking"] or "–",
            each["ended"]["succeeded"] or "–", each["ended"]["failed"] or "–",
            "".join(DRAWN[Mark[one["mark"].upper()]] for one in reversed(each["recent"])),
        )
        for each in found["tasks"]
    ]  # fmt: skip
    table(("task", "", "waiting", "running", "asking", "ok", "failed", "recent"), rows)


@click.command("grid", cls=Querying)
@click.argument("task")
@query_argument
@click.option("--newest", type=Whole(1, 5000), default=100, show_default=True, help="Of this many processings.")
@click.option("--rows", default="steps", show_default=True, help="steps, day, hour or param.NAME.")
@click.option("--columns", default="processings", show_default=True, help="With other rows: day, hour or param.NAME.")
@click.option("--colour", default="state", show_default=True, help="state, duration, attempts, host or metric.NAME.")
@json_option
def grid_command(
    task: str, words: tuple[str, ...], newest: int, rows: str, columns: str, colour: str, as_json: bool
) -> None:
    """The newest processings of a task as one picture, the oldest on the left.

    By a number each cell is a digit from 1 (least) to 7 (most).
    """
    found = asked("grid", name=task, query=_text(words), newest=newest, rows=rows, columns=columns, colour=colour)
    answer(as_json, lambda: found, lambda: _grid(found))


def _grid(found: Any) -> None:
    cells, height, shades = base64.b64decode(found["cells"]), len(found["rows"]), found["colour"]
    levels = base64.b64decode(shades["levels"]) if shades else bytes(len(cells))
    width = max((len(row) for row in found["rows"]), default=0)
    for n, row in enumerate(found["rows"]):
        marks = [read_cell(value)[0] for value in cells[n::height]]
        failed = Counter(marks)[Mark.FAILED]
        drawn = "".join(
            str(level) if level else DRAWN[mark] for mark, level in zip(marks, levels[n::height], strict=True)
        )
        click.echo(f"{clean(row):<{width}} {drawn}{f'  ✖ {failed}' if failed else ''}")
    columns = found["columns"]
    if columns:
        click.echo(f"{'':<{width}} {clean(columns[0]['title'])} … {clean(columns[-1]['title'])}")
    else:
        click.echo("no such processings")
    if shades and shades["low"] is not None:
        click.echo(f"{'':<{width}} {clean(_meaning(shades))}")


def _meaning(shades: Any) -> str:
    """What the digits mean."""
    if shades["by"] == "host":
        places = [min(n, LEVELS) for n in range(1, len(shades["names"]) + 1)]
        return ", ".join(f"{n}: {name}" for n, name in zip(places, shades["names"], strict=True))
    unit = " s" if shades["by"] == "duration" else ""
    beside = "; 4 is the median of the step" if shades["by"] == "duration" else ""
    return f"{shades['by'].removeprefix('metric.')} from {shades['low']:g}{unit} to {shades['high']:g}{unit}{beside}"


@click.command("count", cls=Querying)
@query_argument
@json_option
def count_command(words: tuple[str, ...], as_json: bool) -> None:
    """How many processings a query means, counted up to ten thousand."""
    found = asked("count", query=_text(words))
    answer(as_json, lambda: found, lambda: click.echo(f"{found['n']}{'' if found['exact'] else ' or more'}"))


@click.command("durations")
@click.argument("task")
@days_option
@json_option
def durations_command(task: str, days: int, as_json: bool) -> None:
    """How long the steps of a task took, and since when one takes longer."""
    found = asked("durations", name=task, days=days)
    answer(as_json, lambda: found, lambda: _durations(found))


def _durations(found: Any) -> None:
    rows = [
        (clean(each["name"]), len(each["points"]), _span(each["median"]), _span(each["p90"]), each["failures"] or "–",
         _shift(each["shift"]))
        for each in found["steps"]
    ]  # fmt: skip
    table(("step", "looked at", "median", "90 %", "failures", ""), rows, "no step of it has ended in these days")


def _span(seconds: float | None) -> str:
    return "–" if seconds is None else duration(seconds)


def _shift(found: Any) -> str:
    if found is None:
        return ""
    return f"{abs(found['change']):.0%} {'slower' if found['change'] > 0 else 'quicker'} since {found['at']}"


@click.command("gallery")
@click.argument("task")
@click.argument("artifact", required=False)
@click.option("--newest", type=Whole(1, 200), default=60, show_default=True, help="Of this many processings.")
@json_option
def gallery_command(task: str, artifact: str | None, newest: int, as_json: bool) -> None:
    """Which of the newest processings of a task have an artifact, named as STEP/NAME; * is what is their own."""
    found = asked("gallery", name=task, artifact=artifact, newest=newest)
    answer(as_json, lambda: found, lambda: _gallery(found))


def _gallery(found: Any) -> None:
    if not found["artifacts"]:
        click.echo("none of the newest processings has an artifact")
        return
    click.echo(f"artifacts: {clean(', '.join(found['artifacts']))}")
    facts.rows("id", "title", "state", "attempt", "size", "name")({**found, "next": None})


@click.command("arrivals")
@click.option("--hours", type=Whole(1, 168), default=24, show_default=True, help="Of this many hours.")
@json_option
def arrivals_command(hours: int, as_json: bool) -> None:
    """How many events came in every ten minutes, and from where the newest ones came."""
    found = asked("arrivals", hours=hours)
    answer(as_json, lambda: found, lambda: _arrivals(found))


def _arrivals(found: Any) -> None:
    table(("since", "events"), [(each["at"], each["n"]) for each in found["spans"]], "nothing came in these hours")
    rows = [(clean(sender(each["name"])), each["n"], each["last_at"]) for each in found["sources"]]
    if rows:
        table(("from", "of the newest", "last"), rows)
