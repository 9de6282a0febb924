"""``init``, ``check``, ``run``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import click

from procession import definitions, present
from procession.cli.context import answer, directory, json_option, opened, set_option
from procession.cli.events import parameters
from procession.cli.table import many
from procession.clock import Clock, iso
from procession.errors import ConfigError, Refused
from procession.model.event import NewEvent
from procession.model.processing import Processing
from procession.model.task import CALL, StepPlan, Task
from procession.model.watching import WATCH
from procession.project import person
from procession.units import duration
from procession.workdir import is_held

EXAMPLES = {
    "demo": "on real Landsat 8 scenes",
    "mosaic": "on real Landsat 8 scenes",
    "sum": "of functions and programs that ask for them",
    "reduction": "on a real neutron measurement",
}
"""What `init` can write, and on what it works."""


@click.command("init")
@click.argument("where", required=False, metavar="[demo | mosaic | sum | reduction | DIR]")
@click.argument("target", required=False, metavar="[DIR]")
def init_command(where: str | None, target: str | None) -> None:
    """Make a new project: a small one in DIR (or here), or a working example.

    'demo' is a chain on real Landsat 8 scenes with a failure to mend; 'mosaic' has a watch, a set, a graph and keyed
    limits; 'sum' has functions, and programs that submit work and do it; 'reduction' is a facility whose script reduces
    the runs of an instrument, on a real neutron measurement.
    """
    if where in EXAMPLES:
        from procession import examples  # noqa: PLC0415

        made = Path(target or where)
        getattr(examples, f"write_{where}")(made)
        click.echo(f"{made}/ is a project {EXAMPLES[where]}; read {made}/README.md, then:")
        click.echo(f"  cd {made}\n  procession check\n  procession up")
        return
    if target is not None:
        raise click.UsageError(f"there is no example {where!r}; there are: {', '.join(EXAMPLES)}")
    made = Path(where or ".")
    for path in definitions.write_new_project(made):
        click.echo(f"wrote {path}")
    click.echo("try it:" + (f"  cd {made};" if where else "") + "  procession check;  procession up")


@click.command("check")
@set_option
@click.option(
    "--schema", is_flag=True, help="Print the JSON Schema of the task file, for editors, and do nothing else."
)
@json_option
def check_command(options: tuple[str, ...], schema: bool, as_json: bool) -> None:
    """Say everything that is wrong in the files, with its place, and what each command becomes."""
    if schema:
        click.echo((Path(definitions.__file__).parent / "procession.schema.json").read_text(), nl=False)
        return
    try:
        found = definitions.read(definitions.find(directory()), options)
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
            "overrides": list(found.overrides),
            "tasks": [_task(t) for t in found.tasks],
            "watches": [{"name": w.name, "pattern": w.pattern, "emit": w.emit} for w in found.watches],
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
            {
                "name": s.name,
                "argv": list(s.command.words),
                "scripts": list(s.command.scripts),
                "function": s.function or None,
            }
            for s in task.steps
        ],
    }


def _tell(found: definitions.Definitions) -> None:
    for warning in found.warnings:
        click.secho(f"warning: {warning}", fg="yellow", err=True)
    for override in found.overrides:
        click.echo(f"over the file: {override}")
    warned = f", {many(len(found.warnings), 'warning')}" if found.warnings else ""
    count = f"{many(len(found.tasks), 'task')}, no mistakes{warned}" if found.tasks else "no tasks yet"
    click.echo(f"{found.name}: {count}")
    for watch in found.watches:
        if not watch.emit.startswith(WATCH):
            click.echo(f"\n{_bold(watch.name)}: new files {watch.pattern} become events {watch.emit!r}")
    watched = {watch.name: watch.pattern for watch in found.watches}
    for task in found.tasks:
        start = f"on new files {watched[task.name]}" if task.name in watched else _start(task)
        limit = f", at most {task.at_once} at once" if task.at_once and not task.every else ""
        click.echo(f"\n{_bold(task.name)}: {start}{limit}")
        for step in task.steps:
            click.echo(f"  {step.ordinal}. {step.name}: {_what(step)}")


def _start(task: Task) -> str:
    """When it runs; of a timetable by the clock also the next time."""
    if task.cron is not None:
        from procession.model.timetable import Cron  # noqa: PLC0415

        coming = Cron(task.cron, task.timezone).next_after(None, Clock().now())
        then = f", next {iso(coming)}" if coming else ""
        return f"at {task.cron} in {task.timezone}{then}"
    if task.on is not None and task.on.startswith(CALL):
        return "submitted by name"
    return f"every {duration(task.every)}" if task.every else f"on every event {task.on!r}"


def _what(step: StepPlan) -> str:
    """What is done in a step: its command, its function, or who does it."""
    if step.kind == "call":
        return step.function or "outside worker"
    return shlex.join(step.command.words) or step.kind


def _bold(name: str) -> str:
    return click.style(name, bold=True) if sys.stdout.isatty() else name


@click.command("run")
@click.argument("task")
@click.argument("params", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--key", help="The event's key; without it every run is a new event.")
@click.option("--title", default="", help="Its title in lists.")
@set_option
@json_option
def run_command(
    task: str, params: tuple[str, ...], key: str | None, title: str, options: tuple[str, ...], as_json: bool
) -> None:
    """Run one processing of a task here and now, its output as by hand; Ctrl-C cancels it.

    Its result is stored like any other. What a step asks a person is asked at this terminal. The exit code is 0, or
    that of the script that failed (128 + n where signal n ended it, 130 after Ctrl-C).
    """
    run_event(task, NewEvent(f"run:{task}", parameters(params), key, title, f"run:{person()}"), options, as_json)


def run_event(task: str, new: NewEvent, options: tuple[str, ...], as_json: bool) -> None:
    """Run one processing of a task on this event here, and leave with its exit code."""
    from procession.cli.here import Here  # noqa: PLC0415
    from procession.launcher.foreground import run_here  # noqa: PLC0415

    with opened(lenient=False, options=options) as project:
        if options and is_held(project.var.lock):
            raise Refused(
                "a launcher serves this project, and what it was given with --set holds; stop it, or leave --set"
            )
        found, interrupted = run_here(project, task, new, Here(project, logs=not as_json).tell)
        because = f": {found.reason}" if found.reason else ""
        answer(
            as_json,
            lambda: present.processing(found, project.var),
            lambda: click.echo(f"procession: processing {found.id} {found.state}{because}", err=True),
        )
    sys.exit(_INTERRUPTED if interrupted and found.state == "cancelled" else _exit_code(found))


_INTERRUPTED = 130


def _exit_code(found: Processing) -> int:
    """0, or as a shell tells it: the code of the script that failed, 128 and the number of the signal that ended it."""
    if found.state in ("succeeded", "skipped"):
        return 0
    last = next((s.attempts[-1] for s in reversed(found.steps) if s.attempts), None)
    if last is None:
        return 1
    return last.exit_code or (128 + last.signal if last.signal else 1)
