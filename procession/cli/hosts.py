"""``launcher``, ``launchers``, ``drain``, ``maintenance``, ``undrain``, ``give-up``: who serves, and where."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from procession import definitions, present
from procession.cli.callers import ask
from procession.cli.context import answer, directory, json_option, opened, reason_option, set_option
from procession.cli.serving import check_host, serve
from procession.cli.table import age, clean, table
from procession.commands import hosts
from procession.commands.asked import asked
from procession.errors import Invalid, Refused
from procession.project import Project


@click.command("launcher")
@click.option("--queue", "queues", multiple=True, metavar="NAME", help="Serve this queue; may be given several times.")
@click.option("--name", metavar="NAME", help="What people call it; otherwise its host and process.")
@click.option("--db", "database", metavar="URL", help="The PostgreSQL database; a password stays out of it.")
@click.option("--var", metavar="DIR", help="Its place: directories, records and log are kept there.")
@click.option("--cpus", type=float, metavar="N", help="Processors that it may use.")
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="NAME",
    help="Take steps that ask for this label; may be given several times.",
)
@click.option("-n", "--workers", type=int, metavar="N", help="Processes that call functions.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing on the terminal; the log is in var/launcher.log.")
@set_option
def launcher_command(quiet: bool, options: tuple[str, ...], **said: Any) -> None:
    """Serve this project from here: only the launcher, without web server.

    Several serve one PostgreSQL, each from a place (--var) of its own, on one host or on many that have the project at
    the same path. Ctrl-C leaves scripts running; the same command again takes them up.
    """
    check_host("launcher")
    _check_place(options, said)
    with opened(lenient=False, resolve=True, options=(*options, *overrides(**said))) as project:
        serve(project, lambda: _greet(project), quiet=quiet)


def _check_place(options: tuple[str, ...], said: dict[str, Any]) -> None:
    """Refused where --var would make another, empty database of SQLite, beside the one of the project."""
    if said["var"] is None:
        return
    found = definitions.read(definitions.find(directory()), (*options, *overrides(**{**said, "var": None})))
    if found.database is None and found.var.resolve() != Path(said["var"]).resolve():
        raise Refused(
            f"--var {said['var']} would serve another, empty database: the project has its own in {found.var}, a file "
            "of SQLite, which one launcher serves; several launchers of one project need PostgreSQL: [project] database"
        )


def _greet(project: Project) -> None:
    post = project.serving
    queues = ", ".join(sorted(name or "general" for name in post.capacity.queues))
    click.echo(f"procession: {post.name} serves {project.settings.name} (queues: {queues})", err=True)


def overrides(
    queues: tuple[str, ...], name: str | None, database: str | None, var: str | None, cpus: float | None,
    labels: tuple[str, ...], workers: int | None,
) -> list[str]:  # fmt: skip
    """These options as what holds over the file, ``launcher.cpus=4``; Invalid where one says nothing."""
    found: dict[str, Any] = {}
    if queues:
        found["launcher.queues"] = _names("--queue", queues)
    if labels:
        found["launcher.labels"] = _names("--label", labels)
    if name is not None:
        found["launcher.name"] = name
    if database is not None:
        found["project.database"] = _without_password(database)
    if var is not None:
        found["project.var"] = os.path.abspath(var)  # noqa: PTH100
    if cpus is not None:
        found["launcher.cpus"] = cpus
    if workers is not None:
        found["launcher.workers"] = workers
    return [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in found.items()]


def _names(option: str, names: tuple[str, ...]) -> list[str]:
    if not all(name.strip() for name in names):
        raise Invalid(f"{option} is given without a name; say which, or leave it out")
    return list(dict.fromkeys(names))


def _without_password(url: str) -> str:
    """A URL that may be seen by everybody on this host, as command lines are."""
    if "://" not in url:
        raise Invalid(
            f"--db {url[:60]} is no URL of a PostgreSQL database; a file of SQLite has one launcher, "
            "that of its var/: procession up"
        )
    try:
        password = urlsplit(url).password
    except ValueError:
        raise Invalid("--db is no URL of a database: postgresql://USER@HOST/NAME") from None
    if password:
        raise Invalid(
            "--db holds a password, which everybody on this host can see; put the URL into the variable "
            "PROCESSION_PROJECT__DATABASE, or the password into ~/.pgpass"
        )
    return url


@click.command("launchers")
@click.option("--all", "stopped", is_flag=True, help="Also those that have stopped.")
@json_option
def launchers_command(stopped: bool, as_json: bool) -> None:
    """Who serves this project, on which hosts, and what each does."""
    with opened() as project:
        found = hosts.list_all(project, stopped=stopped)
        now = project.clock.now()
    answer(as_json, lambda: {"items": [present.launcher(each) for each in found]}, lambda: _tell(found, now))


def _tell(found: list[hosts.Launcher], now: datetime) -> None:
    if not found:
        click.echo("nobody serves this project; start with: procession up")
        return
    columns = ("name", "host", "state", "heard", "running", "cpus", "queues", "labels")
    rows = [
        (
            clean(each.name), each.host, each.state, age(each.heard_at, now), each.running,
            f"{each.used:g}/{each.cpus:g}", ",".join(each.queues), ",".join(each.labels),
        )
        for each in found
    ]  # fmt: skip
    table(columns, rows)


name_argument = click.argument("name")


@click.command("drain")
@name_argument
@reason_option
@json_option
def drain_command(name: str, reason: str | None, as_json: bool) -> None:
    """Let a launcher start nothing new, wherever it runs; what runs goes on. It holds until 'undrain'."""
    text = f"launcher {name} starts nothing new; to go on: procession undrain {name}"
    _set_mode(name, "drain", reason, text, as_json=as_json)


@click.command("maintenance")
@name_argument
@reason_option
@json_option
def maintenance_command(name: str, reason: str | None, as_json: bool) -> None:
    """Let a launcher serve only the queue 'maintenance', until 'undrain'."""
    text = f"launcher {name} serves only the queue maintenance; to end that: procession undrain {name}"
    _set_mode(name, "maintenance", reason, text, as_json=as_json)


@click.command("undrain")
@name_argument
@reason_option
@json_option
def undrain_command(name: str, reason: str | None, as_json: bool) -> None:
    """Let a launcher start work again: end its draining or maintenance."""
    _set_mode(name, "undrain", reason, f"launcher {name} works as ever", as_json=as_json)


def _set_mode(name: str, verb: str, reason: str | None, text: str, *, as_json: bool) -> None:
    with opened() as project:
        found = ask(project, verb, name=name, reason=reason)
    answer(as_json, lambda: found, lambda: click.echo(text))


@click.command("give-up")
@name_argument
@reason_option
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def give_up_command(name: str, reason: str | None, yes: bool) -> None:
    """Give up a launcher that never comes back: what ran there is lost, and is tried again elsewhere.

    Be sure that its scripts have ended: nobody can look. Only a launcher that is silent can be given up.
    """
    if not yes:
        click.confirm(f"Is everything ended that launcher {name} started?", abort=True)
    with opened() as project:
        click.echo(hosts.give_up(project, name, asked(reason)))
