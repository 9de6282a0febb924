"""``adopt``: scripts that work by hand, and cron lines, into production."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import click

from procession import definitions
from procession.cli.context import directory
from procession.cli.events import parameters
from procession.cli.table import many
from procession.errors import Invalid
from procession.model.event import NewEvent
from procession.model.watching import WATCH
from procession.project import person


@click.command("adopt")
@click.argument("scripts", nargs=-1, type=click.Path(path_type=Path), metavar="[SCRIPT]...")
@click.option("--on", "watch", metavar="PATTERN", help="Run for every new file that fits, as 'data/in/*.h5'.")
@click.option("--every", metavar="TIME", help="Run periodically, as '10 min'.")
@click.option("--cron", metavar="FIELDS", help="Run at these times, as '0 6 * * *'.")
@click.option("--event", metavar="NAME", help="Run for every event of this name.")
@click.option("--name", metavar="TASK", help="Name of the task; that of the first script otherwise.")
@click.option("--arg", "argument", metavar="TEXT", help="What every script is given, as '{path}'; '' for nothing.")
@click.option("--no-run", is_flag=True, help="Do not run it once.")
@click.option("--crontab", metavar="FILE", help="Take over the lines of a crontab; - reads what 'crontab -l' prints.")
@click.pass_context
def adopt_command(
    context: click.Context, scripts: tuple[Path, ...], watch: str | None, every: str | None, cron: str | None,
    event: str | None, name: str | None, argument: str | None, no_run: bool, crontab: str | None,
) -> None:  # fmt: skip
    """Put scripts into production as they are: write the small task file, check it, run it once.

    With --on the first script gets the path of the file as its argument, and it is run once on the newest one; the
    others get nothing and work in the same directory. Nothing is overwritten. Then: procession up
    """
    if crontab is not None:
        _take_crontab(crontab, name or "crontab", has_more=bool(scripts or watch or every or cron or event))
        return
    from procession.definitions.adopt import Start, newest, project_here, task_text, write_adopted  # noqa: PLC0415

    given = {"watch": watch, "every": every, "cron": cron, "on": event}
    starts = [Start(key, value) for key, value in given.items() if value is not None]
    if not scripts or len(starts) != 1:
        raise click.UsageError("name the scripts, and one of --on, --every, --cron and --event that starts them")
    (start,) = starts
    root = project_here(directory())
    name = name or definitions.name_for(Path(scripts[0].stem))
    target = write_adopted(root, name, task_text(name, scripts, start, argument, root))
    click.echo(f"wrote {target}:\n\n{target.read_text()}")
    if start.key == "on":
        click.echo(
            f"try it: procession run {name} NAME=VALUE...; in production: procession up, procession emit {event}"
        )
        return
    params: tuple[str, ...] = ()
    if start.key == "watch":
        path = newest(root, start.value)
        if path is None:
            click.echo(f"nothing fits {start.value} yet; in production: procession up")
            return
        params = (f"path={path}", f"name={path.name}", f"stem={path.stem}")
    if not no_run:
        click.echo(f"running it once: procession run {name} {shlex.join(params)}".rstrip() + "\n", err=True)
        from procession.cli.tasks import run_event  # noqa: PLC0415

        context.find_root().obj = str(root)
        given = parameters(params)
        new = NewEvent(f"run:{name}", given, None, "adopted", f"run:{person()}")
        if start.key == "watch":  # as the watch itself would have it, so that it does not take the file again
            new = NewEvent(WATCH + name, given, str(given["path"]), "adopted", "watch")
        run_event(name, new, (), False)


def _take_crontab(source: str, name: str, *, has_more: bool) -> None:
    """Every line a task of a file of its own."""
    from procession.definitions.adopt import project_here, write_adopted  # noqa: PLC0415
    from procession.definitions.crontab import read_crontab  # noqa: PLC0415

    if has_more:
        raise click.UsageError("--crontab stands alone: the lines say what is run and when")
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"{source} cannot be read as text ({error}); give a file, or -: crontab -l | …") from None
    adopted = read_crontab(text)
    for note in adopted.notes:
        click.echo(f"procession: {note}", err=True)
    if not adopted.tasks:
        raise Invalid("there is no line in it that can become a task; nothing was written")
    root = project_here(directory())
    if not (root / definitions.FILE).exists():
        (root / definitions.FILE).write_text(f'[project]\nname = "{definitions.name_for(root)}"\n')
    target = write_adopted(root, name, adopted.text)
    click.echo(f"wrote {target}: {many(len(adopted.tasks), 'task')}; look at it, take the lines out of your crontab,")
    click.echo("then: procession check, procession up")
