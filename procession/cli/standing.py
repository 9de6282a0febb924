"""``tasks``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from procession import present
from procession.cli.context import answer, json_option, opened
from procession.cli.table import apart, clean, plain, table
from procession.commands import tasks
from procession.commands.tasks import Standing


@click.command("tasks")
@click.argument("name", required=False)
@json_option
def tasks_command(name: str | None, as_json: bool) -> None:
    """The tasks in force, and how each stands; with a NAME everything about that one."""
    with opened() as project:
        if name is None:
            found = tasks.newest(project)
            answer(as_json, lambda: present.page([present.task(each) for each in found], None), lambda: _table(found))
        else:
            one = tasks.get(project, name)
            answer(as_json, lambda: present.definition(one), lambda: _show(one))


def _table(found: Sequence[Standing]) -> None:
    if not found:
        click.echo("no tasks yet; write one into procession.toml")
        return
    states = ("waiting", "running", "asking", "succeeded", "failed")
    rows = [
        (each.task.name, each.task.group, _start(each), each.at_once or "–",
         *(apart(each.counts, each.asking).get(state) or "–" for state in states), _paused(each))
        for each in found
    ]  # fmt: skip
    table(("task", "group", "on", "at once", *states, ""), rows)


def _show(found: Standing) -> None:
    for name, value in present.definition(found).items():
        if value not in (None, "", []) and name != "definition":
            click.echo(f"  {name:<9} {clean(_paused(found) if name == 'paused' else plain(value))}")


def _start(found: Standing) -> str:
    task = found.task
    return clean(task.cron or (f"every {task.every:g} s" if task.every else task.on))


def _paused(found: Standing) -> str:
    return "" if found.pause is None else clean(f"{found.pause.sentence} ({found.pause.mode})")
