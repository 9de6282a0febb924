"""``emit``, ``events``, ``event``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from procession import present
from procession.cli import going_on
from procession.cli.context import answer, json_option, opened
from procession.cli.numbers import Id, Whole
from procession.cli.table import age, clean, plain, state, table
from procession.commands import arrivals, events
from procession.contract import strict_json
from procession.errors import Invalid, NotFound
from procession.model.event import Event, NewEvent, read_moment
from procession.model.processing import Processing
from procession.model.wording import sender
from procession.project import person
from procession.store import events as store
from procession.store import processings


def parameters(words: tuple[str, ...]) -> dict[str, Any]:
    """``name=text`` and ``name:=json`` as parameters."""
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name.rstrip(":"):
            raise Invalid(f"{word!r} is not a parameter; write name=value, or name:=JSON for a number, list or object")
        typed = name.endswith(":")
        name = name.removesuffix(":")
        if name in found:
            raise Invalid(f"the parameter {name!r} is given twice")
        found[name] = _json(name, text) if typed else text
    return found


def _json(name: str, text: str) -> Any:
    try:
        return strict_json(text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"the value of {name}:= is not JSON ({error}); a text is written {name}={text[:40]}") from None


@click.command("emit")
@click.argument("event")
@click.argument("params", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--key", help="Makes the event unique: the same name and key again is a repeat, not a new event.")
@click.option("--title", default="", help="Its title in lists.")
@click.option("--priority", type=Whole(-1_000_000, 1_000_000), help="The higher number goes first.")
@click.option("--backfill", is_flag=True, help="Old data: after everything that is fresh.")
@click.option("--not-before", metavar="WHEN", help="Nothing of it begins earlier: 2026-03-01T06:00 (UTC), or +10min.")
@json_option
def emit_command(
    event: str, params: tuple[str, ...], key: str | None, title: str, priority: int | None, backfill: bool,
    not_before: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Submit an event; every task that takes it makes a processing of it."""
    given = parameters(params)
    with opened() as project:
        at = None if not_before is None else read_moment("--not-before", not_before, project.clock.now())
        new = NewEvent(event, given, key, title, f"cli:{person()}", priority, backfill, at)
        done = events.submit(project, new)
        with project.store.read() as tx:
            stored = store.find(tx, done.event_id)
        sets = [plan.name for plan in project.settings.sets if plan.event == event]
    if stored is None:
        raise NotFound(f"event {done.event_id} is known by its key, but was cleaned away")
    answer(as_json, lambda: present.submitted(done, stored), lambda: _tell(done, event, sets))


def _tell(done: events.Submitted, name: str, sets: list[str]) -> None:
    ids = ", ".join(str(i) for i in done.processings)
    if done.duplicate:
        what = "already known, with other parameters; yours are not stored" if done.conflict else "already known"
        rest = f"; processing {ids}" if ids else f"; it has no processing (see: procession event {done.event_id})"
        click.echo(f"event {done.event_id}: {what}{rest}")
    elif ids:
        click.echo(f"event {done.event_id}: processing {ids}")
    elif sets:
        click.echo(f"event {done.event_id}: a piece for {', '.join(sets)}; see: procession sets")
    else:
        click.echo(f"event {done.event_id}: stored, but no task takes events named {name!r}")


@click.command("events")
@click.option("--name", metavar="NAME", help="Only of this name.")
@click.option("--unmatched", is_flag=True, help="Only those that no task took.")
@click.option("--no-timetables", is_flag=True, help="None that a timetable made.")
@click.option("--limit", type=Whole(1, 500), default=20, show_default=True, help="At most this many.")
@click.option("--before", type=Id(), help="Go on below this id ('next' of the answer before).")
@json_option
def events_command(
    name: str | None, unmatched: bool, no_timetables: bool, limit: int, before: int | None, as_json: bool
) -> None:
    """Events, newest first: how often each came again, and what became of it."""
    with opened() as project, project.store.read() as tx:
        found, following = arrivals.newest(
            tx, name=name, untaken=unmatched, before=before, limit=limit, untimed=no_timetables
        )
        born = processings.of_events(tx, [each.id for each in found])
        decided = arrivals.decisions(tx, found, born)
        now = project.clock.now()

    def text() -> None:
        rows = [
            (e.id, clean(e.name), clean(e.title or e.key or ""), e.repeats or "",
             ", ".join(map(str, born.get(e.id, ()))) or "no task takes it", age(e.created_at, now))
            for e in found
        ]  # fmt: skip
        table(("id", "event", "title", "repeats", "processings", "came"), rows, "no such events")
        going_on.tell(following)

    def as_page() -> Any:
        return present.page([present.event_decided(e, born.get(e.id, []), decided[e.id]) for e in found], following)

    answer(as_json, as_page, text)


@click.command("event")
@click.argument("event_id", metavar="ID", type=Id())
@json_option
def event_command(event_id: int, as_json: bool) -> None:
    """Everything about one event: its parameters, its repeats, and the processings that came of it."""
    with opened() as project, project.store.read() as tx:
        found = store.find(tx, event_id)
        if found is None:
            raise NotFound(f"there is no event {event_id}; see: procession events")
        ids = processings.of_events(tx, [event_id]).get(event_id, [])
        born = [each for each in (processings.find(tx, pid) for pid in ids) if each is not None]
        decided = arrivals.decisions(tx, [found], {event_id: ids})[event_id]
        now = project.clock.now()

    def text() -> None:
        _show(found, born, now)
        for each in decided:
            if each.code != "took":
                click.echo(clean(each.text))

    answer(as_json, lambda: present.event_decided(found, ids, decided), text)


def _show(found: Event, born: list[Processing], now: datetime) -> None:
    click.echo(f"event {found.id} {clean(found.name)}")
    for name, value in (
        ("key", found.key),
        ("title", found.title),
        ("from", sender(found.source)),
        ("came", age(found.created_at, now)),
        ("repeats", f"{found.repeats}, the last {age(found.last_seen_at, now)}" if found.repeats else ""),
        ("conflicts", f"{found.conflicts} with other parameters" if found.conflicts else ""),
        *((f"param {name}", value) for name, value in found.params.items()),
    ):
        if value not in ("", None):
            click.echo(f"  {name:<12} {clean(plain(value))}")
    if not born:
        click.echo("no task took it")
        return
    click.echo()
    table(("id", "task", "version", "state"), [(p.id, p.task, p.version, state(p.state)) for p in born])
