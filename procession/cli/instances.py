"""``register``, ``unregister``, ``submit``, ``instance``, ``result``, ``wait``, ``deliveries``, ``redeliver``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

import click

from procession import present
from procession.cli import going_on
from procession.cli.context import answer, json_option, opened, reason_option
from procession.cli.events import parameters
from procession.cli.numbers import Id, Whole
from procession.cli.table import age, clean, many, state, table
from procession.clock import moment
from procession.commands import deliveries, instances, registering
from procession.commands.asked import asked
from procession.commands.instances import NewInstance
from procession.commands.processings import get
from procession.contract import strict_json
from procession.errors import Invalid, Refused
from procession.flow.deliver import name_of
from procession.model.event import read_moment
from procession.model.processing import Processing
from procession.model.states import PROCESSING, State
from procession.project import Project
from procession.units import to_seconds


@click.command("register")
@click.argument("name")
@click.argument("handler", required=False, metavar="[MODULE.NAME]")
@click.option("--timeout", metavar="TIME", help="From its start; then it is tried again.")
@click.option("--retention", metavar="TIME", help="It stays at least so long when it has ended; then its key is free.")
@click.option("--attempts", type=Whole(1, 100_000), help="How often it is tried.")
@click.option("--queue", metavar="NAME", help="The queue in which it waits.")
@click.option(
    "--max-waiting", type=Whole(0), help="At most this many may wait; what comes then is refused. 0 for no limit."
)
@click.option("--at-once", type=Whole(0), help="At most this many run at once; 0 for no limit.")
@click.option("--priority", type=Whole(-1_000_000, 1_000_000), help="The higher number goes first.")
@json_option
def register_command(
    name: str, handler: str | None, timeout: str | None, retention: str | None, attempts: int | None, as_json: bool,
    **options: Any,
) -> None:  # fmt: skip
    """Define a task, or change one that a program defined; without a handler, programs elsewhere do the work."""
    with opened() as project:
        task = registering.register(
            project, name, handler, asked(), timeout=_span(timeout), retention=_span(retention), attempts=attempts,
            options=options,
        )  # fmt: skip
        if handler is not None and not _is_found(project.root, handler):
            click.echo(
                f"procession: warning: no module {handler.rpartition('.')[0][:100]} is found in {project.root}, nor is "
                "it installed here; calls fail until it is there",
                err=True,
            )
    answer(
        as_json, lambda: {"task": task.name, "definition": task.hash}, lambda: click.echo(f"task {name} is registered")
    )


def _is_found(root: Path, handler: str) -> bool:
    """Is there a file for the module of this handler? Nothing is imported."""
    places: Sequence[str] | None = [str(root), *sys.path]
    for part in handler.split(".")[:-1]:
        spec = None if places is None else PathFinder.find_spec(part, places)
        if spec is None:
            return False
        places = spec.submodule_search_locations
    return True


def _span(text: str | None) -> float | None:
    if text is None:
        return None
    return float(text) if text.replace(".", "", 1).isdigit() else to_seconds(text)


@click.command("unregister")
@click.argument("name")
@click.option("--force", is_flag=True, help="Its instances too: what has not ended is cancelled first.")
@json_option
def unregister_command(name: str, force: bool, as_json: bool) -> None:
    """Forget a task that a program defined; refused while it has instances."""
    with opened() as project:
        gone = registering.unregister(project, name, asked(), force=force)
    answer(
        as_json,
        lambda: {"task": name, "deleted": gone},
        lambda: click.echo(
            f"task {name} is not registered any more" + (f"; {many(gone, 'instance')} went" * bool(gone))
        ),
    )


@click.command("submit")
@click.argument("task")
@click.argument("key", required=False)
@click.argument("params", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--inputs", metavar="JSON", help="Any JSON value, given to whoever does it; - reads standard input.")
@click.option("--title", default="", help="Its title in lists.")
@click.option("--priority", type=Whole(-1_000_000, 1_000_000), help="The higher number goes first.")
@click.option("--not-before", metavar="WHEN", help="It begins no earlier: 2026-03-01T06:00 (UTC), or +10min.")
@click.option(
    "--callback", metavar="URL", help="The URL that is told when it has ended; [web] callbacks says what may be called."
)
@click.option("--wait", is_flag=True, help="Wait until it has ended; a result goes to standard output.")
@json_option
def submit_command(
    task: str, key: str | None, params: tuple[str, ...], inputs: str | None, title: str, priority: int | None,
    not_before: str | None, callback: str | None, wait: bool, as_json: bool,
) -> None:  # fmt: skip
    """Submit an instance of a task; its KEY is taken until it is deleted or has retired."""
    if key is not None and "=" in key:
        params, key = (key, *params), None
    with opened() as project:
        at = None if not_before is None else read_moment("--not-before", not_before, project.clock.now())
        new = NewInstance(key, read_json(inputs), parameters(params), priority, at, title, callback)
        born = instances.submit(project, task, new, asked())
        if wait:
            _end(project, instances.wait(project, born.processing_id), as_json=as_json)
            return
    answer(
        as_json,
        lambda: {"id": born.processing_id, "task": born.task, "key": born.key},
        lambda: click.echo(f"instance {clean(born.key)} of task {task}: processing {born.processing_id}"),
    )


def read_json(text: str | None) -> Any:
    """A JSON value from the command line; ``-`` reads standard input."""
    """A JSON value from the command line; ``-`` reads standard input."""
    if text is None:
        return None
    try:
        return strict_json(sys.stdin.read() if text == "-" else text)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"this is not JSON: {error}; a text stands in quotes of its own: '\"text\"'") from None


def _end(project: Project, found: Processing, *, as_json: bool) -> None:
    """What it came to; the exit code says whether that is well."""
    if as_json:
        answer(as_json, lambda: present.instance(found, project.var), lambda: None)
    elif found.state is State.SUCCEEDED:
        click.echo(f"processing {found.id}: {state(str(found.state), found.errors)}", err=True)
        if (kept := instances.result_if_any(project, found.id)) is not None:
            _write(kept[1], None)
    if found.state is not State.SUCCEEDED:
        what = f"is {found.phase} still" if found.state not in PROCESSING.terminal else f"is {found.state}"
        raise Refused(f"processing {found.id} {what}" + (f": {found.reason}" if found.reason else ""))


@click.command("instance")
@click.argument("task")
@click.argument("key", required=False)
@click.option("--journal", "journal", is_flag=True, help="All that has happened to it, oldest first.")
@click.option("--delete", "delete", is_flag=True, help="Delete it; its key is free again.")
@click.option("--cancel", is_flag=True, help="With --delete: cancel it first where it has not ended.")
@click.option(
    "--state",
    "state_name",
    type=click.Choice([str(each) for each in PROCESSING.states]),
    help="Without KEY: only those in it.",
)
@click.option("--limit", type=Whole(1, 500), default=20, show_default=True, help="Without KEY: at most this many.")
@click.option("--before", type=Id(), help="Without KEY: go on below this id ('next' of the answer before).")
@json_option
def instance_command(
    task: str, key: str | None, journal: bool, delete: bool, cancel: bool, state_name: str | None, limit: int,
    before: int | None, as_json: bool,
) -> None:  # fmt: skip
    """How an instance stands; without KEY the newest instances of a task."""
    with opened() as project:
        if key is None:
            _list(project, task, state_name, limit, before, as_json=as_json)
        elif delete:
            gone = instances.delete(project, task, key, asked(), cancel=cancel)
            said = {"task": task, "key": key, "deleted": gone}
            answer(as_json, lambda: said, lambda: click.echo(f"instance {clean(key)} of task {task} is deleted"))
        elif journal:
            lines = instances.history(project, task, key)
            rows = [
                (f"{e.at:%Y-%m-%d %H:%M:%S}", e.noun, e.verb, e.state or "", clean(e.by), clean(e.reason or ""))
                for e in lines
            ]
            head = ("when", "what", "verb", "state", "by", "says")
            answer(
                as_json,
                lambda: present.page([present.entry(e) for e in lines], None),
                lambda: table(head, rows),
            )
        else:
            found = instances.status(project, task, key)
            answer(as_json, lambda: present.instance(found, project.var), lambda: _tell(found))


def _list(
    project: Project, task: str, state_name: str | None, limit: int, before: int | None, *, as_json: bool
) -> None:
    wanted = None if state_name is None else State(state_name)
    found = instances.find(project, task, state=wanted, before=before, limit=limit + 1)
    found, rest = found[:limit], found[limit:]
    following = found[-1].id if rest else None
    now = project.clock.now()
    rows = [
        (f.id, clean(f.key or ""), state(f.phase, f.errors), age(f.created_at, now), clean(f.reason or ""))
        for f in found
    ]
    answer(
        as_json,
        lambda: present.page([present.instance(each, project.var) for each in found], following),
        lambda: going_on.listed(("id", "key", "state", "came", "reason"), rows, following, "no such instances"),
    )


def _tell(found: Processing) -> None:
    live = found.live
    share = None if live is None or live.progress is None else live.progress.get("share")
    done = "" if share is None else f", {share:.0%}"
    who = f", worker {live.worker}" if live is not None and live.worker else ""
    because = f": {clean(found.reason)}" if found.reason else ""
    click.echo(f"{clean(found.key or '')}  {state(found.phase, found.errors)}{done}{who}{because}")


def which(project: Project, what: str, key: str | None) -> int:
    """``ID``, or ``TASK KEY``."""
    if key is not None:
        return instances.status(project, what, key).id
    if not what.isdecimal() or not 0 < int(what) < 2**63:
        raise Invalid(f"{what[:60]!r} is no id of a processing; write its number, or a task and the key of an instance")
    return int(what)


@click.command("result")
@click.argument("what", metavar="ID | TASK")
@click.argument("key", required=False)
@click.option("-o", "--output", metavar="FILE", help="Write it there.")
@json_option
def result_command(what: str, key: str | None, output: str | None, as_json: bool) -> None:
    """What a processing came to, byte for byte; TASK KEY names an instance."""
    with opened() as project:
        pid = which(project, what, key)
        mime, body = instances.result(project, pid)
    if as_json:
        said = {"id": pid, "mime": mime, "size": len(body)}
        answer(as_json, lambda: said, lambda: None)
        return
    _write(body, output)


def _write(body: bytes, output: str | None) -> None:
    if output is not None:
        Path(output).write_bytes(body)
        return
    if sys.stdout.isatty():
        click.echo("".join(c if c.isprintable() or c in "\n\t" else "�" for c in body.decode("utf-8", "replace")))
        return
    sys.stdout.buffer.write(body)
    sys.stdout.buffer.flush()


@click.command("wait")
@click.argument("what", metavar="ID | TASK")
@click.argument("key", required=False)
@click.option("--timeout", metavar="TIME", help="At most this long.")
@json_option
def wait_command(what: str, key: str | None, timeout: str | None, as_json: bool) -> None:
    """Wait until a processing has ended; a result goes to standard output."""
    with opened() as project:
        found = instances.wait(project, get(project, which(project, what, key)).id, _span(timeout))
        _end(project, found, as_json=as_json)


@click.command("deliveries")
@click.option("--failed", is_flag=True, help="Only those that were given up.")
@click.option("--limit", type=Whole(1, 500), default=20, show_default=True, help="At most this many.")
@click.option("--before", type=Id(), help="Go on below this id ('next' of the answer before).")
@json_option
def deliveries_command(failed: bool, limit: int, before: int | None, as_json: bool) -> None:
    """What was sent out when instances ended, and what could not be."""
    with opened() as project:
        found = deliveries.newest(project, failed=failed, before=before, limit=limit + 1)
        found, rest = found[:limit], found[limit:]
        following = found[-1].id if rest else None
        items = [present.delivery(each, name_of(project, each.id)) for each in found]
    now = datetime.now(UTC)
    rows = [
        (
            d.id,
            d.processing_id or "",
            d.state,
            d.tries,
            age(moment(d.made_at), now),
            clean(d.target),
            clean(d.problem or ""),
        )
        for d in found
    ]  # fmt: skip
    answer(
        as_json,
        lambda: present.page(items, following),
        lambda: going_on.listed(
            ("id", "processing", "state", "tries", "made", "to", "problem"), rows, following, "no such deliveries"
        ),
    )


@click.command("redeliver")
@click.argument("delivery_id", metavar="ID", type=Id())
@reason_option
@json_option
def redeliver_command(delivery_id: int, reason: str | None, as_json: bool) -> None:
    """Send again what arrived or was given up; the receiver sees the same name."""
    with opened() as project:
        found = deliveries.redeliver(project, delivery_id, asked(reason))
        said = present.delivery(found, name_of(project, delivery_id))
    answer(as_json, lambda: said, lambda: click.echo(f"delivery {delivery_id} is sent again"))
