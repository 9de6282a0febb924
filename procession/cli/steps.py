"""``logs``, ``shell``, ``accept``."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable

import click

from procession.cli.context import answer, id_argument, json_option, opened
from procession.cli.instances import which
from procession.cli.numbers import Whole
from procession.cli.tail import follow, follow_all, tail
from procession.commands import logs, processings
from procession.project import Project


@click.command("logs")
@click.argument("what", metavar="[ID | TASK]", required=False)
@click.argument("step", metavar="[STEP | KEY]", required=False)
@click.option("--attempt", type=Whole(1), help="Which attempt; the latest otherwise.")
@click.option(
    "-f",
    "--follow",
    "following",
    is_flag=True,
    help="Go on until the step ends; without STEP, through all steps until the processing ends.",
)
@click.option("-n", "--lines", type=Whole(0), help="Only the last so many lines.")
@click.option("--framework", is_flag=True, help="What the driver of a reduction did, instead of its script's output.")
@click.option("--system", is_flag=True, help="What Procession itself did, instead of a script's output.")
def logs_command(
    what: str | None, step: str | None, attempt: int | None, following: bool, lines: int | None, framework: bool,
    system: bool,
) -> None:  # fmt: skip
    """What a script printed (standard output and standard error, in order), or with --system what Procession did.

    An instance is named by TASK KEY.
    """
    with opened() as project:
        processing_id = None
        if what is not None and not system:
            key = None if what.isdecimal() else step
            processing_id, step = which(project, what, key), None if key is not None else step
        if following and processing_id is not None and step is None and attempt is None and not (system or framework):
            follow_all(lambda: processings.get(project, processing_id), project.var)
            return
        if system:
            path, ended = project.var.log, lambda: False
        elif processing_id is None:
            raise click.UsageError(
                "say which processing: procession logs ID [STEP], or --system for Procession's own log"
            )
        else:
            path = logs.path_of(project, processing_id, step, attempt, framework=framework)
            ended = _has_ended(project, processing_id, step)
        position = tail(path, lines)
        if following:
            follow(path, position, ended)


def _has_ended(project: Project, processing_id: int, step_name: str | None) -> Callable[[], bool]:
    def ended() -> bool:
        found = processings.get(project, processing_id)
        return logs.has_ended(found, processings.find_step(found, step_name))

    return ended


@click.command("shell")
@id_argument
@click.argument("step", required=False)
@click.option("-c", "command", metavar="COMMAND", help="Run this there, instead of a terminal.")
def shell_command(processing_id: int, step: str | None, command: str | None) -> None:
    """A terminal where the script was: its directory, environment, umask and limits.

    Inside, 'rerun' runs the script again, and 'accept' takes what you did as its result: the chain goes on.
    While somebody is in, the directory is left alone.
    """
    from procession.commands import debug  # noqa: PLC0415

    with opened() as project:
        entry = debug.enter(project, processing_id, step)
        text = debug.rc_text(entry, project)
    name = entry.step.name
    with tempfile.NamedTemporaryFile("w", prefix="procession-", suffix=".bashrc") as rc:
        rc.write(text)
        rc.flush()
        environment = {**entry.environment, "TERM": os.environ.get("TERM", "dumb")}
        if command is None:
            click.echo(f"You are where step {name} of processing {processing_id} ran: {entry.cwd}", err=True)
            click.echo(
                "rerun: run it again · accept: take what you did as its result, the chain goes on · exit: leave",
                err=True,
            )
            argv = ["bash", "--noprofile", "--rcfile", rc.name, "-i"]
        else:
            argv = ["bash", "--noprofile", "--norc", "-c", f". {shlex.quote(rc.name)}; {command}"]
        done = subprocess.run(
            argv, env=environment, check=False, pass_fds=(entry.lock,), preexec_fn=lambda: debug.become(entry)
        )
    sys.exit(done.returncode)


@click.command("accept")
@id_argument
@click.argument("step", required=False)
@click.option("-m", "--note", default="", help="What you did, for those who come after you.")
@json_option
def accept_command(processing_id: int, step: str | None, note: str, as_json: bool) -> None:
    """Accept what you did by hand as the result of a failed step; the chain goes on."""
    from procession import present  # noqa: PLC0415
    from procession.commands import steps  # noqa: PLC0415

    with opened() as project:
        accepted = steps.accept(project, processing_id, step, note)
        found = processings.get(project, processing_id)
        answer(
            as_json,
            lambda: present.processing(found, project.var),
            lambda: click.echo(f"step {accepted.name} of processing {processing_id} is accepted; the chain goes on"),
        )
