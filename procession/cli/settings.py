"""``pause``, ``resume``, ``set``, ``reset``, ``settings``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from procession import present
from procession.cli.context import answer, json_option, opened, reason_option
from procession.cli.settable import complete_reset, complete_set, named
from procession.cli.table import age, clean, table
from procession.clock import moment
from procession.commands import settings
from procession.commands.asked import asked
from procession.commands.settings import Held, Scope
from procession.project import Project
from procession.units import size

group_option = click.option("--group", metavar="GROUP", help="All tasks of this group.")
source_option = click.option(
    "--source", metavar="SOURCE", help="All data of this source, as an instrument; see: procession sources"
)
queue_option = click.option("--queue", metavar="QUEUE", help="All steps of this queue; see: procession queues")
all_option = click.option("--all", "everything", is_flag=True, help="The whole project.")


def scope_of(
    task: str | None, group: str | None, everything: bool, source: str | None = None, queue: str | None = None
) -> Scope:
    """Exactly one of the five."""
    if sum((task is not None, group is not None, source is not None, queue is not None, everything)) != 1:
        raise click.UsageError(
            "name one: a task, --group GROUP, --source SOURCE, --queue QUEUE, or --all for the whole project"
        )
    return Scope(task, group, source, queue)


@click.command("pause")
@click.argument("task", required=False)
@group_option
@source_option
@queue_option
@all_option
@click.option("--drain", "mode", flag_value="drain", help="What has begun goes on; nothing new begins.")
@click.option("--skip", "mode", flag_value="skip", help="New processings are skipped.")
@reason_option
@json_option
def pause_command(
    task: str | None, group: str | None, source: str | None, queue: str | None, everything: bool, mode: str | None,
    reason: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Let a task, a group, a source, a queue or everything start nothing. What runs goes on to the end of its step.

    Of a source nothing new begins, and what has begun goes on.
    """
    scope = scope_of(task, group, everything, source, queue)
    with opened() as project:
        row = settings.pause(project, scope, mode or "stop", asked(reason))
    held = Held(row.name, None, row.value, row)
    answer(as_json, lambda: present.setting(held), lambda: click.echo(f"{scope.text} is paused ({row.value})"))


@click.command("resume")
@click.argument("task", required=False)
@group_option
@source_option
@queue_option
@all_option
@reason_option
@json_option
def resume_command(
    task: str | None, group: str | None, source: str | None, queue: str | None, everything: bool, reason: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Let what is paused start again, also after failures in a row suspended it."""
    scope = scope_of(task, group, everything, source, queue)
    with opened() as project:
        settings.resume(project, scope, asked(reason))
    held = Held(scope.row, None, None, None)
    answer(as_json, lambda: present.setting(held), lambda: click.echo(f"{scope.text} goes on"))


@click.command("banner")
@click.argument("text", required=False)
@click.option("--clear", is_flag=True, help="Remove the text.")
@reason_option
@json_option
def banner_command(text: str | None, clear: bool, reason: str | None, as_json: bool) -> None:
    """Show a text at the top of every page until it is cleared."""
    check_banner(text, clear=clear)
    with opened() as project:
        held = settings.announce(project, text, asked(reason))
    answer(as_json, lambda: present.setting(held), lambda: click.echo(banner_sentence(held.value)))


def check_banner(text: str | None, *, clear: bool) -> None:
    """A text or --clear, and not both."""
    if bool(text) == clear:
        raise click.UsageError("write what is to be said, or --clear to say nothing any more")


def banner_sentence(said: str | None) -> str:
    """For people."""
    return f"every page says: {clean(said)}" if said else "the pages say nothing any more"


@click.command("set")
@click.argument("words", nargs=-1, metavar="[TASK] [NAME=VALUE]...", shell_complete=complete_set)
@reason_option
@json_option
def set_command(words: tuple[str, ...], reason: str | None, as_json: bool) -> None:
    """Change values while it runs; without words: what holds.

    \b
    TASK at_once=8              processings of a task at a time, 0 for no limit
                                (task:queue at_once=8 for a task named queue)
    limit:NAME=2                how much there is of a limit
    queue:NAME=4                steps of a queue at a time, 0 for no limit
    launcher:NAME:cpus=2        processors of one launcher
    launcher:NAME:workers=1     its processes for functions
    launcher:NAME:queues=A,B    queues that it serves
    cpus=4 memory=8GB gpus=1    what a launcher gives to scripts
    keep_free=10GB              what stays free on the disk
    max_total=1TB               what working directories may take

    It holds over the file until it is reset.
    """
    with opened() as project:
        who = asked(reason)
        changes = named(words, valued=True) if words else []
        before = settings.list_all(project)
        for name, text in changes:
            settings.change(project, name, text, who)
        _answer(project, as_json, before, [name for name, _ in changes])


@click.command("reset")
@click.argument("words", nargs=-1, required=True, metavar="[TASK] NAME...", shell_complete=complete_reset)
@reason_option
@json_option
def reset_command(words: tuple[str, ...], reason: str | None, as_json: bool) -> None:
    """Go back to the value in procession.toml: TASK at_once, or names that 'procession settings' lists."""
    with opened() as project:
        who = asked(reason)
        names = [name for name, _ in named(words, valued=False)]
        before = settings.list_all(project)
        for name in names:
            settings.reset(project, name, who)
        _answer(project, as_json, before, names)


@click.command("settings")
@json_option
def settings_command(as_json: bool) -> None:
    """What holds now beside what the file says, and who set it."""
    with opened() as project:
        _answer(project, as_json)


def _answer(project: Project, as_json: bool, before: Sequence[Held] = (), names: Sequence[str] = ()) -> None:
    """What holds; for people, of `names` alone and what held `before`, if some were changed."""
    found = settings.list_all(project)

    def tell() -> None:
        old, new = ({held.name: held.value for held in some} for some in (before, found))
        for name in dict.fromkeys(names):
            click.echo(f"{clean(name)}: {_said(name, old.get(name))} → {_said(name, new.get(name))}")
        if not names:
            _table(project, found)

    answer(as_json, lambda: {"items": [present.setting(held) for held in found]}, tell)


def _said(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if name in ("memory", "keep_free", "max_total"):
        return size(value)
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def _table(project: Project, found: Sequence[Held]) -> None:
    now = project.clock.now()

    rows = [
        (
            held.name, _said(held.name, held.file), _said(held.name, held.value), held.row.by if held.row else "",
            age(moment(held.row.at), now) if held.row else "", clean(held.row.reason or "") if held.row else "",
        )
        for held in found
    ]  # fmt: skip
    table(("name", "file", "now", "set by", "since", "reason"), rows)
