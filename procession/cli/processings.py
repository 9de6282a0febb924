"""``list``, ``show``, ``why``."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import click

from procession import present
from procession.cli import facts, going_on
from procession.cli.context import answer, id_argument, json_option, opened
from procession.cli.numbers import Whole
from procession.cli.querying import Querying, words_argument
from procession.cli.table import age, bar, clean, many, plain, state, table
from procession.clock import moment
from procession.commands import bulk, changes, ordering, processings, reasons
from procession.commands.changes import Comparison
from procession.commands.ordering import ORDERS, Cursor, Order
from procession.model.journal import Entry
from procession.model.processing import Attempt, Processing, Step
from procession.model.query import MAX_ID, Query, whole
from procession.model.states import State
from procession.model.term import STATES
from procession.project import Project
from procession.store import families, journal, queries, scripts, steps
from procession.store.database import Tx
from procession.units import duration, size

LIMIT = 20
"""Rows of a list where nobody says how many."""
FIRST = 3
"""So many of the things that changed are shown with a failed processing."""


@click.command("list", cls=Querying)
@words_argument("[QUERY]...")
@click.option("--task", metavar="TASK", help="Only of this task.")
@click.option(
    "--state", "state_name", type=click.Choice([str(s) for s in STATES]), help="Only in this state, or with this mark."
)
@click.option("--limit", type=Whole(1, 500), default=LIMIT, show_default=True, help="At most this many.")
@click.option("--sort", type=click.Choice(ORDERS), default="id", show_default=True, help="What comes first.")
@click.option("--before", metavar="CURSOR", help="Go on there ('next' of the answer before: an id, unless sorted).")
@json_option
def list_command(
    words: tuple[str, ...], task: str | None, state_name: str | None, limit: int, sort: Order, before: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Processings, newest first. A query says which: task:scene state:failed after:-1d

    Sorted by `ended` what ended last is first, by `duration` what took longest: that within a range, as after:-7d.
    """
    more = [f'task:"{task}"'] if task else []
    more += [f"state:{state_name}"] if state_name else []
    with opened() as project:
        query = bulk.read(project, [*words, *more])
        with project.store.read() as tx:
            found, following = _found(tx, query, sort, before, limit)
            found = [replace(p, steps=steps.of(tx, p.id), outputs=o) for p, o in _with_outputs(tx, found)]
            whys = reasons.explain_all(project, tx, found) if as_json else {}
        answer(
            as_json,
            lambda: present.page([present.processing(p, project.var, whys[p.id]) for p in found], following),
            lambda: _table(found, project.clock.now(), chosen=not query.everything, timed=sort == "duration"),
        )
        if not as_json:
            going_on.tell(following)


def _found(
    tx: Tx, query: Query, sort: Order, before: str | None, limit: int
) -> tuple[list[Processing], Cursor | None]:  # fmt: skip
    """Of ids the whole list is searched; in other orders a page may be short, though there is more."""
    if sort != "id":
        return ordering.page(tx, query, sort, before, limit)
    if before is not None and not (before.isdecimal() and 1 <= whole(before) <= MAX_ID):
        raise click.UsageError(f"--before is the id below which to go on, not {before[:40]!r}")
    found = queries.find(tx, query, before=None if before is None else whole(before), limit=limit + 1)
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def _with_outputs(tx: Tx, found: list[Processing]) -> list[tuple[Processing, dict[str, dict[str, object]]]]:
    outputs = scripts.outputs(tx, [p.id for p in found])
    return [(p, outputs.get(p.id, {})) for p in found]


def _took(found: Processing, now: datetime) -> str:
    took = found.took(now)
    return "" if took is None else duration(took)


def _table(found: list[Processing], now: datetime, *, chosen: bool, timed: bool) -> None:
    if not found:
        none = "no such processings" if chosen else "no processings yet"
        click.echo(none if chosen else f"{none}; submit an event with: procession emit EVENT name=value")
        return
    rows = [
        (
            p.id,
            p.task,
            clean(p.title or p.key or ""),
            state(p.state, p.errors) + "".join(f" {mark}" for mark in present.marks(p) if mark != "amber"),
            " ".join(_chip(s) for s in p.steps),
            *([_took(p, now)] if timed else []),
            age(p.created_at, now),
        )
        for p in found
    ]
    table(("id", "task", "title", "state", "steps", *(["took"] if timed else []), "created"), rows)


def _children(children: list[tuple[int, State]]) -> str:
    """``3 succeeded: 4, 5, 6; 1 running: 7``."""
    ids: dict[str, list[str]] = {}
    for child, name in children:
        ids.setdefault(str(name), []).append(str(child))
    return "; ".join(
        f"{len(some)} {name}: {', '.join(some[:10])}{', …' if len(some) > 10 else ''}" for name, some in ids.items()
    )


def _chip(step: Step) -> str:
    mark = {"succeeded": "✓", "failed": "✖", "running": "◔", "skipped": "–", "cancelled": "–"}.get(step.state, "·")
    return f"{mark}{step.name}" + (f"×{step.attempt}" if step.attempt > 1 else "")


@click.command("show")
@id_argument
@json_option
def show_command(processing_id: int, as_json: bool) -> None:
    """Everything about one processing: steps, attempts, outputs, and what happened to it."""
    with opened() as project:
        with project.store.read() as tx:
            found = processings.look(tx, processing_id)
            why = reasons.explain(project, tx, found)
            story = journal.of(tx, processing_id)
            children = families.children(tx, processing_id)
        compared = changes.of_failed(project, found) if not as_json else None
        answer(
            as_json,
            lambda: {
                **present.processing(found, project.var, why),
                "journal": [present.entry(e) for e in story],
                "children": present.children(children),
            },
            lambda: _show(project, found, why.sentence, children, compared, [e for e in story if e.verb == "note"]),
        )


def _show(
    project: Project, found: Processing, why: str, children: list[tuple[int, State]], compared: Comparison | None,
    notes: list[Entry],
) -> None:  # fmt: skip
    now = project.clock.now()
    marks = "".join(f" {mark}" for mark in present.marks(found) if mark != "amber")
    version = f" (version {found.version})" if found.version > 1 else ""
    click.echo(f"processing {found.id} of task {found.task}{version}  {state(found.state, found.errors)}{marks}")
    for name, value in (
        ("title", found.title),
        ("event", f"{found.event_id} {found.event}" + (f", key {found.key}" if found.key else "")),
        ("why", why),
        ("origin", f"processing {found.origin_id}" if found.origin_id else ""),
        ("children", _children(children)),
        ("replaced by", f"processing {found.replaced_by}" if found.replaced_by else ""),
        ("description", found.description or ""),
        ("run", found.run if found.run is not None else ""),
        ("group", found.group or ""),
        ("trial", "nothing of it leaves its directory" if found.values.trial else ""),
        *(
            (f"variable {name}", f"{plain(value)} ({found.values.origin.get(name, 'set')})")
            for name, value in found.values.flat().items()
        ),
        ("code", f"as processing {found.code_of} ran it" if found.code_of else ""),
        ("created", age(found.created_at, now)),
        (
            "waits since",
            age(found.waiting_at, now) if found.waiting_at and found.waiting_at != found.created_at else "",
        ),
        ("directory", project.var.files(found.id)),
        *((f"param {name}", value) for name, value in found.params.items()),
        *(("note", f"{line.reason} ({line.by}, {age(moment(line.at), now)})") for line in notes),
    ):
        if value != "":
            click.echo(f"  {name:<12} {clean(plain(value))}")
    rows = []
    for step in found.steps:
        for one in step.attempts or (None,):
            taken = present.seconds(one) if one else None
            rows.append((
                step.name, one.number if one else "",
                state(one.outcome or "running", one.errors) if one else state(step.state),
                duration(taken) if taken is not None else "", size(one.max_rss) if one and one.max_rss else "",
                clean(_reason(one) if one else ""),
            ))  # fmt: skip
        if said := present.progress(found, step, project.var):
            rows.append(("", "", bar(said["share"]), "", "", clean(said["text"])))
    click.echo()
    table(("step", "attempt", "outcome", "took", "memory", "reason"), rows)
    outputs = [
        (f"{name}.{key}", value) for name, values in (found.outputs or {}).items() for key, value in values.items()
    ]
    for name, value in outputs:
        click.echo(f"  {clean(name)} = {clean(plain(value))}")
    if result := processings.result_in_words(project, found):
        click.echo(f"  result  {clean(result)}")
    if found.state == "failed":
        failed = processings.find_step(found, None).name
        if compared and compared.changes:
            click.echo(f"\nchanged since it went well (procession changes {found.id} {failed}):")
            plain_ones = [each for each in compared.changes if not each.folded]
            for change in plain_ones[:FIRST]:
                click.echo(f"  {clean(change.sentence)}")
            folded = len(compared.changes) - len(plain_ones)
            rest = [f"{len(plain_ones) - FIRST} more"] if len(plain_ones) > FIRST else []
            rest += [f"{many(folded, 'difference')} of the environment"] if folded else []
            if rest:
                click.echo(f"  and {' and '.join(rest)}")
        called = any(one.pooled for one in processings.find_step(found, None).attempts)
        click.echo(f"\nlog:    procession logs {found.id} {failed}")
        if not called:
            click.echo(f"enter:  procession shell {found.id} {failed}")
        click.echo(f"again:  procession retry {found.id}")


def _reason(one: Attempt) -> str:
    """Why it ended so; of a question what is asked, or what was answered."""
    if one.asks is None or one.reason:
        return one.reason or one.note or ""
    if one.answer is None:
        return f"asks: {one.asks}" if one.outcome is None else ""
    return (
        f"answered {plain(one.answer)}"
        + (f" by {one.made_by}" if one.made_by else "")
        + (f": {one.note}" if one.note else "")
    )


@click.command("why")
@id_argument
@json_option
def why_command(processing_id: int, as_json: bool) -> None:
    """Why a processing waits, runs or failed: one sentence, and one code for programs."""
    with opened() as project:
        with project.store.read() as tx:
            found = processings.look(tx, processing_id)
            why = reasons.explain(project, tx, found)
        now = project.clock.now()
    asks = next((step.asking for step in found.steps if step.asking is not None), None)
    asked_at = asks.started_at or asks.claimed_at if asks is not None and why.code == "person" else None
    told = present.why(found, why)
    answer(as_json, lambda: told, lambda: click.echo(facts.reason(told, now, asked_at)))
