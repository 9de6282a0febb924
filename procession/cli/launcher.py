"""``up``, ``stop``, ``status``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from procession import present
from procession.cli.bridges import bridging
from procession.cli.context import answer, json_option, opened, set_option
from procession.cli.serving import check_host, serve, told_left
from procession.cli.table import age, apart, bar, clean, many, state, table
from procession.cli.web import port_option, tell_web, web
from procession.clock import moment
from procession.commands import hosts, launchers
from procession.commands.asked import asked
from procession.model.processing import Processing
from procession.model.states import State
from procession.project import Project


@click.command("up")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing on the terminal; the log is in var/launcher.log.")
@port_option
@click.option("--no-web", is_flag=True, help="Without the web server: no pages, no HTTP API.")
@click.option("--no-bridges", is_flag=True, help="Without the bridges to brokers; see: procession bridge.")
@set_option
def up_command(quiet: bool, port: int | None, no_web: bool, no_bridges: bool, options: tuple[str, ...]) -> None:
    """Serve this project: discover, start, retry, settle, answer. Ctrl-C leaves scripts running; 'up' again takes them
    up."""
    check_host("up")
    with opened(lenient=False, resolve=True, options=options) as project:
        serve(
            project,
            lambda: _greet(project),
            quiet=quiet,
            beside=lambda: _beside(project, port, no_web=no_web, no_bridges=no_bridges),
        )


@contextmanager
def _beside(project: Project, port: int | None, *, no_web: bool, no_bridges: bool) -> Iterator[None]:
    """What runs along: the web server, and the bridges."""
    with web(project, port, wanted=not no_web), bridging(project, wanted=not no_bridges):
        yield


def _greet(project: Project) -> None:
    cpus = launchers.cpus_here(project)
    click.echo(
        f"procession serves {project.settings.name} with {cpus:g} cpus; Ctrl-C stops it and leaves scripts running",
        err=True,
    )
    tell_web(project, project.serving.web[0] if project.serving.web else None)


@click.command("stop")
@click.option("--drain", "how", flag_value="drain", help="Start nothing new, and stop when what runs has ended.")
@click.option("--kill", "how", flag_value="kill", help="Cancel what runs, and stop when nothing of it is left.")
@click.option("--launcher", "name", metavar="NAME", help="This launcher, wherever it runs; it is not waited for.")
@json_option
def stop_command(how: str | None, name: str | None, as_json: bool) -> None:
    """Stop serving this project; scripts run on, and 'up' takes them up again.

    With --drain or --kill it shows what is waited for; Ctrl-C ends the showing, not the stopping.
    """
    with opened() as project:
        if name is not None:
            return _stop_far(project, name, how or "stop", as_json=as_json)
        running = launchers.awaited(project)
        if how is None:
            pid = launchers.stop(project)
        else:
            told = launchers.tell(project, how)
            pid = told.pid
            _wait(project, told, how, quiet=as_json)
        left, ended = launchers.left_behind(project, running)
    answer(
        as_json,
        lambda: {"pid": pid, "how": how or "stop", "running": left},
        lambda: click.echo(f"stopped (process {pid}){told_left(left, ended)}"),
    )
    return None


def _stop_far(project: Project, name: str, how: str, *, as_json: bool) -> None:
    hosts.stop(project, name, how, asked())
    answer(
        as_json,
        lambda: {"name": name, "how": how},
        lambda: click.echo(f"launcher {name} was told to stop; see: procession launchers"),
    )


LOOK_EVERY = 0.2
"""Seconds between two looks at what is waited for."""


def _wait(project: Project, told: launchers.Stopping, how: str, *, quiet: bool) -> None:
    """Until the launcher has left; what is waited for is told whenever it changes."""
    shown: tuple[launchers.Awaited, ...] | None = None
    try:
        while not launchers.has_left(project, told):
            found = launchers.awaited(project)
            if found != shown and not quiet:
                shown = found
                click.echo(_waits_for(found, project), err=True)
            project.clock.sleep(LOOK_EVERY)
    except KeyboardInterrupt:
        click.echo(
            f"procession: the launcher (process {told.pid}) goes on; '{how}' holds; see: procession status", err=True
        )
        raise


def _waits_for(found: tuple[launchers.Awaited, ...], project: Project) -> str:
    now = project.clock.now()
    some = ", ".join(f"{each.processing} {each.task} {each.step} (since {age(each.since, now)})" for each in found[:5])
    more = f" and {len(found) - 5} more" if len(found) > 5 else ""
    calls = sum(each.pooled for each in found)
    kinds = [many(n, noun) for n, noun in ((len(found) - calls, "script"), (calls, "function")) if n]
    return f"waiting for {' and '.join(kinds) or '0 scripts'}" + (f": {clean(some)}{more}" if found else "")


@click.command("status")
@json_option
def status_command(as_json: bool) -> None:
    """What is going on: who serves, how many processings in which state, what runs, what failed last."""
    with opened() as project:
        found = launchers.status(project)
        answer(
            as_json, lambda: present.status(found, project.settings.name, project.var), lambda: _tell(project, found)
        )


def _tell(project: Project, found: launchers.Status) -> None:
    now = project.clock.now()
    if found.serving:
        leaving = {"drain": "; it drains: nothing new starts", "kill": "; it ends what runs"}
        click.echo(
            f"{project.settings.name}: served by {found.serving.name} since {age(found.serving.started_at, now)}"
            f"{leaving.get(found.serving.closing or '', '')}"
            + (f"; it answers at {found.serving.url}" if found.serving.url else "")
        )
    else:
        click.secho(f"{project.settings.name}: nobody serves it; start with: procession up", fg="yellow")
    for each in found.pauses:
        mode = "" if each.mode == "stop" else f" ({each.mode})"
        click.secho(f"{clean(each.sentence)}{mode}, since {age(moment(each.at), now)}", fg="yellow")
    _tell_messages(found)
    if not found.counts:
        click.echo("no processings yet")
        return
    columns = ("waiting", "running", "asking", "succeeded", "failed", "cancelled", "skipped")
    rows = [
        (task, *(apart(states, found.asking.get(task, 0)).get(column) or "–" for column in columns),
         age(moment(found.oldest[task][1]), now) if task in found.oldest else "–")
        for task, states in sorted(found.counts.items())
    ]  # fmt: skip
    table(("task", *columns, "oldest waits since"), rows)
    asking = [p for p in found.running if _asks(p)]
    running = [p for p in found.running if p not in asking]
    for title, some in (("running", running), ("asking", asking), ("failed last", found.failed)):
        if some:
            click.echo(f"{title}:")
            table(("id", "task", "title", "step", ""), [_row(project, p) for p in some])


def _tell_messages(found: launchers.Status) -> None:
    """What needs a person, and which files are on their way."""
    for message in found.messages:
        times = f" ({message.n} times)" if message.n > 1 else ""
        click.secho(f"message {message.id}: {clean(message.sentence)}{times}", fg="red")
    if found.messages:
        click.echo("all of them: procession messages; when they are read: procession read ID")
    if found.asking:
        waiting = many(sum(found.asking.values()), "question")
        click.secho(f"{waiting} to people nobody has answered: procession questions", fg="yellow")
    for stand in found.watches:
        if stand.growing:
            click.echo(
                f"{stand.name}: {many(stand.growing, 'file')} may not be complete yet, {clean(stand.said or '')}"
            )


def _asks(found: Processing) -> bool:
    """Does it ask a person, and nothing of it runs?"""
    running = [step for step in found.steps if step.state is State.RUNNING]
    return bool(running) and all(step.asking is not None for step in running)


def _row(project: Project, found: Processing) -> tuple[object, ...]:
    step = next((s for s in found.steps if s.state in (State.RUNNING, State.FAILED, State.READY)), found.steps[-1])
    said = present.progress(found, step, project.var)
    note = f"{bar(said['share'])} {said['text']}" if said else found.reason or step.reason or ""
    return (
        found.id,
        found.task,
        clean(found.title or found.key or ""),
        f"{step.name} {state('asking' if _asks(found) else step.state)}",
        clean(note),
    )
