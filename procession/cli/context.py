"""What every command needs: the project it works on, and how it answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from procession.project import Project, person

json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
set_option = click.option(
    "--set", "options", multiple=True, metavar="SECTION.KEY=VALUE", help="Holds over the file, as launcher.cpus=4."
)
id_argument = click.argument("processing_id", metavar="ID", type=click.IntRange(1, 2**63 - 1))


def directory() -> Path:
    """Where the project is looked for: --project, PROCESSION_PROJECT, or the working directory."""
    chosen: str | None = click.get_current_context().find_root().obj
    return Path(chosen) if chosen else Path.cwd()


@contextmanager
def opened(*, lenient: bool = True, resolve: bool = False, options: Sequence[str] = ()) -> Iterator[Project]:
    """The project, opened. Lenient: files with a mistake do not keep anybody from looking and repairing."""
    project = Project.open(directory(), lenient=lenient, resolve=resolve, options=options)
    if project.file_problem:
        problem = project.file_problem
        click.echo(f"procession: the files are not in force, older ones stay in force: {problem}", err=True)
    try:
        with _audited(project):
            yield project
    finally:
        project.close()


ACTING = frozenset(
    {"emit", "stop", "read", "pause", "resume", "set", "reset", "retry", "restart", "cancel", "hold", "release",
     "run-now", "delete", "accept", "pin", "unpin", "register", "unregister", "submit", "instance", "redeliver",
     "unlock", "batches", "give-up"}
)  # fmt: skip
"""Commands that change something and do not go through the door of the verbs, which notes what goes through it."""


@contextmanager
def _audited(project: Project) -> Iterator[None]:
    """What a person changes here stands in the audit, as what comes over HTTP does."""
    context = click.get_current_context()
    if context.command.name not in ACTING:
        yield
        return
    from procession.store.database import WITNESS  # noqa: PLC0415  only for what changes something
    from procession.verbs.verb import Caller  # noqa: PLC0415
    from procession.verbs.witness import Line  # noqa: PLC0415

    asked = {name: value for name, value in context.params.items() if value not in (None, False, ())}
    token = WITNESS.set(Line(project, Caller(person(), "cli"), context.command.name, asked))
    try:
        yield
    finally:
        WITNESS.reset(token)


def answer(as_json: bool, value: Callable[[], Any], text: Callable[[], None]) -> None:
    """Answer in JSON or for people; only one of the two is made."""
    if as_json:
        click.echo(json.dumps(value(), ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))
    else:
        text()
