"""``init``, ``check``, ``run``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import click

from procession import definitions, present
from procession.cli.context import answer, directory, json_option, opened
from procession.cli.events import parameters
from procession.cli.table import many
from procession.errors import ConfigError
from procession.model.event import NewEvent
from procession.model.task import Task
from procession.project import person
from procession.units import duration


@click.command("init")
@click.argument("where", required=False, metavar="[demo | DIR]")
@click.argument("target", required=False, metavar="[DIR]")
def init_command(where: str | None, target: str | None) -> None:
    """Make a new project: a small one in DIR (or here), or with 'demo' a working example on real Landsat 8 scenes."""
    if where == "demo":
        from procession.examples import write_demo  # noqa: PLC0415

        made = Path(target or "demo")
        write_demo(made)
        click.echo(f"{made}/ is a project on real Landsat 8 scenes; read {made}/README.md, then:")
        click.echo(f"  cd {made}\n  procession check\n  procession up")
        return
    made = Path(where or ".")
    for path in definitions.write_new_project(made):
        click.echo(f"wrote {path}")
    click.echo("try it:" + (f"  cd {made};" if where else "") + "  procession check;  procession up")


@click.command("check")
@json_option
def check_command(as_json: bool) -> None:
    """Say everything that is wrong in the files, with its place, and what each command becomes."""
    try:
        found = definitions.read(definitions.find(directory()))
    except ConfigError as error:
        if as_json:
            click.echo(json.dumps({"problems": list(error.problems) or [str(error)]}, ensure_ascii=False))
        raise
    answer(
        as_json,
        lambda: {
            "name": found.name,
            "problems": [],
            "warnings": list(found.warnings),
            "tasks": [_task(t) for t in found.tasks],
        },
        lambda: _tell(found),
    )


def _task(task: Task) -> dict[str, object]:
    return {
        "name": task.name,
        "on": task.on,
        "every": task.every,
        "at_once": task.at_once,
        "steps": [
            {"name": s.name, "argv": list(s.command.words), "scripts": list(s.command.scripts)} for s in task.steps
        ],
    }


def _tell(found: definitions.Definitions) -> None:
    for warning in found.warnings:
        click.secho(f"warning: {warning}", fg="yellow", err=True)
    count = f"{many(len(found.tasks), 'task')}, no mistakes" if found.tasks else "no tasks yet"
    click.echo(f"{found.name}: {count}")
    for task in found.tasks:
        start = f"every {duration(task.every)}" if task.every else f"on every event {task.on!r}"
        limit = f", at most {task.at_once} at once" if task.at_once and not task.every else ""
        click.echo(f"\n{click.style(task.name, bold=True) if sys.stdout.isatty() else task.name}: {start}{limit}")
        for step in task.steps:
            click.echo(f"  {step.ordinal}. {step.name}: {shlex.join(step.command.words)}")


@click.command("run")
@click.argument("task")
@click.argument("params", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--key", help="The event's key; without it every run is a new event.")
@click.option("--title", default="", help="What people see.")
@json_option
def run_command(task: str, params: tuple[str, ...], key: str | None, title: str, as_json: bool) -> None:
    """Run one processing of a task here and now, its output as by hand; Ctrl-C cancels it.

    Its result is stored like any other. The exit code is that of the script that failed, or 0.
    """
    from procession.launcher.foreground import run_here  # noqa: PLC0415

    new = NewEvent(task, parameters(params), key, title, f"run:{person()}")
    with opened(lenient=False) as project:
        found = run_here(project, task, new, quiet=as_json)
        if as_json:
            answer(True, lambda: present.processing(found, project.var), lambda: None)
        failed = next((a for s in found.steps for a in s.attempts[-1:] if a.outcome not in (None, "succeeded")), None)
        if not as_json:
            because = f": {found.reason}" if found.reason else ""
            click.echo(f"procession: processing {found.id} {found.state}{because}", err=True)
    if found.state not in ("succeeded", "skipped"):
        sys.exit((failed.exit_code if failed else None) or 1)
