"""``emit``."""

from __future__ import annotations

from typing import Any

import click

from procession import present
from procession.cli.context import answer, json_option, opened
from procession.commands import events
from procession.contract import strict_json
from procession.errors import Invalid, NotFound
from procession.model.event import NewEvent
from procession.project import person
from procession.store import events as store


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
@click.option("--title", default="", help="What people see.")
@click.option("--priority", type=click.IntRange(-1_000_000, 1_000_000), help="Larger first.")
@json_option
def emit_command(
    event: str, params: tuple[str, ...], key: str | None, title: str, priority: int | None, as_json: bool
) -> None:
    """Submit an event; every task that takes it makes a processing of it."""
    new = NewEvent(event, parameters(params), key, title, f"cli:{person()}", priority)
    with opened() as project:
        done = events.submit(project, new)
        with project.store.read() as tx:
            stored = store.find(tx, done.event_id)
    if stored is None:
        raise NotFound(f"event {done.event_id} is known by its key, but was cleaned away")
    answer(as_json, lambda: present.submitted(done, stored), lambda: _tell(done, event))


def _tell(done: events.Submitted, name: str) -> None:
    ids = ", ".join(str(i) for i in done.processings)
    if done.duplicate:
        what = "already known, with other parameters; yours are not stored" if done.conflict else "already known"
        rest = f"; processing {ids}" if ids else "; no task takes it"
        click.echo(f"event {done.event_id}: {what}{rest}")
    elif ids:
        click.echo(f"event {done.event_id}: processing {ids}")
    else:
        click.echo(f"event {done.event_id}: stored, but no task takes events named {name!r}")
