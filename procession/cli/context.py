"""What every command needs: the project it works on, and how it answers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from procession.cli.numbers import Id
from procession.errors import Refused
from procession.project import Project, person

json_option = click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
reason_option = click.option("-m", "--reason", help="Why, for other people; it stands in the journal.")
set_option = click.option(
    "--set",
    "options",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="Override a value of the file, such as launcher.cpus=4.",
)
id_argument = click.argument("processing_id", metavar="ID", type=Id())


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


LOOKING = frozenset(
    {"status", "tasks", "doctor", "messages", "causes", "sources", "settings", "locks", "launchers", "stats", "books",
     "events", "event", "refused", "list", "show", "why", "changes", "sets", "logs", "result", "wait", "deliveries",
     "bridges", "overview", "grid", "durations", "gallery", "arrivals", "count", "cause", "questions",
      "queues", "limits", "host", "about"}
)  # fmt: skip
"""Commands that only look."""
APART = frozenset(
    {"up", "launcher", "web", "bridge", "run", "check", "shell", "backup", "export", "import", "token", "user", "login",
     "audit", "batches", "variables", "versions", "diff"}
)  # fmt: skip
"""Commands that serve, that read or fill the whole database, or that ask through the door of the verbs, which notes."""
THROUGH = frozenset({"drain", "maintenance", "undrain", "rerun", "trial", "assign", "resolve", "note"})
"""Commands that change something and ask for it through the door of the verbs, which notes it."""
BY_OPTION = {"disk": ("cleaning", "clean"), "instance": ("delete", "delete-instance"),
             "set": ("words", "set"), "reset": ("words", "reset"),
             "alerts": ("what", "alerts-test"), "missed": ("submit", "submit-missed")}  # fmt: skip
"""Commands that look unless this parameter is given; then they are this verb."""
CALLED = {"processing_id": "processing", "delivery_id": "id"}
"""Parameter of a command → what the verbs call it."""


@contextmanager
def _audited(project: Project) -> Iterator[None]:
    """What a person changes here, or is refused, stands in the audit, as what comes over HTTP does."""
    verb = _noted(click.get_current_context())
    if verb is None:
        yield
        return
    from procession.verbs.verb import Caller  # noqa: PLC0415  only for what changes something
    from procession.verbs.witness import Line, witnessed  # noqa: PLC0415

    line = Line(project, Caller(person(), "cli"), verb, _asked(click.get_current_context().params))
    try:
        with witnessed(line):
            yield
    except SystemExit:
        if not line.written and not line.silent:
            line.refused(Refused("nothing of it was done; each was refused"))
        raise


NOTED = "procession.noted"


@contextmanager
def noted_as(verb: str) -> Iterator[None]:
    """Within, the command is this verb for the audit: one that does several, one after the other."""
    click.get_current_context().meta[NOTED] = verb
    try:
        yield
    finally:
        del click.get_current_context().meta[NOTED]


def _noted(context: click.Context) -> str | None:
    """The verb that this command is for the audit; None for one that leaves no line there."""
    if (verb := context.meta.get(NOTED)) is not None:
        return str(verb)
    while context.parent is not None and context.parent.parent is not None:
        context = context.parent
    name, given = context.command.name or "", context.params
    option, verb = BY_OPTION.get(name, (None, name))
    looks = (
        name in LOOKING | APART | THROUGH
        or given.get("dry_run")
        or (option is not None and given.get(option) in _NOT_GIVEN)
    )
    return None if looks else verb


_NOT_GIVEN: tuple[Any, ...] = (None, False, ())


def _asked(params: Mapping[str, Any]) -> dict[str, Any]:
    """What was given, by the names that the verbs have for it."""
    given = {CALLED.get(name, name): value for name, value in params.items() if value not in _NOT_GIVEN}
    words = given.get("words", given.get("ids", ()))
    if len(words) == 1 and str(words[0]).isdigit():
        given["processing"] = int(words[0])
    return given


def answer(as_json: bool, value: Callable[[], Any], text: Callable[[], None]) -> None:
    """Answer in JSON or for people; only one of the two is made."""
    if as_json:
        click.echo(json.dumps(value(), ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))
    else:
        text()
