"""``disk``, ``pin``, ``unpin``."""

from __future__ import annotations

import click

from procession import present
from procession.cli.context import answer, json_option, opened
from procession.cli.numbers import Id
from procession.cli.table import age, clean, many, state, table
from procession.commands import disk
from procession.commands.disk import Going, Picture
from procession.model.retention import Kept
from procession.project import Project
from procession.units import duration, size

ids_argument = click.argument("ids", metavar="ID...", type=Id(), nargs=-1, required=True)


@click.command("disk")
@click.option("--preview", is_flag=True, help="Say what --clean would delete now, and why; delete nothing.")
@click.option("--clean", "cleaning", is_flag=True, help="Delete now what has outlived its retention.")
@json_option
def disk_command(preview: bool, cleaning: bool, as_json: bool) -> None:
    """How full the disk is, who takes it, and what goes next."""
    if preview and cleaning:
        raise click.UsageError("--preview deletes nothing and --clean deletes; choose one of them")
    with opened() as project:
        if preview:
            _preview(project, as_json=as_json)
            return
        if cleaning:
            by_launcher = disk.clean(project)
            click.echo(
                "the launcher deletes now what has outlived its retention"
                if by_launcher
                else "deleted what had outlived its retention",
                err=True,
            )
        found = disk.look(project)
        answer(as_json, lambda: present.disk(found), lambda: _tell(project, found))


def _tell(project: Project, found: Picture) -> None:
    now, budget = found.standing, found.standing.budget
    click.echo(f"free       {size(now.space.free)} of {size(now.space.total)}")
    if found.full_in is not None:
        click.echo(f"full in    {duration(found.full_in)} at the rate of the last day")
    rules = [f"keep_free {size(budget.keep_free)}"] if budget.keep_free is not None else []
    rules += [f"max_total {size(budget.max_total)}"] if budget.max_total is not None else []
    click.echo(f"budget     {', '.join([*rules, f'reserve {size(budget.reserve)}'])}")
    click.echo(f"used       {size(found.used)}")
    if rules:
        click.echo(f"committed  {size(now.committed)} to what runs; room for {size(max(0, now.room))}")
    if found.full:
        click.secho(found.full, fg="red")
    if found.usage:
        rows = [(task, state(s), n, size(total)) for task, s, n, total in found.usage]
        click.echo()
        table(("task", "state", "directories", "bytes"), rows)
    for title, some in (("largest:", found.largest), ("these go first when space is short:", found.next)):
        if some:
            click.echo(f"\n{title}")
            _table(project, [(kept, ("pinned" if kept.pinned else "")) for kept in some])


def _preview(project: Project, *, as_json: bool) -> None:
    found = disk.preview(project)
    answer(as_json, lambda: {"items": present.going(found)}, lambda: _tell_going(project, found))


def _tell_going(project: Project, found: list[Going]) -> None:
    if not found:
        click.echo("nothing would be deleted now")
        return
    _table(project, [(each.kept, f"{each.what}: {each.why}") for each in found])
    total = sum(each.kept.bytes for each in found if each.what == "files")
    click.echo(f"{many(len(found), 'processing')}, {size(total)} of working files; nothing was deleted")


def _table(project: Project, rows: list[tuple[Kept, str]]) -> None:
    now = project.clock.now()
    table(
        ("id", "task", "state", "bytes", "ended", ""),
        [(k.id, k.task, state(k.state), size(k.bytes), age(k.finished_at, now), clean(note)) for k, note in rows],
    )


@click.command("pin")
@ids_argument
def pin_command(ids: tuple[int, ...]) -> None:
    """Keep the files of these processings: the cleaner never removes them."""
    with opened() as project:
        disk.pin(project, ids, pinned=True)
    click.echo(f"pinned: {', '.join(map(str, ids))}")


@click.command("unpin")
@ids_argument
def unpin_command(ids: tuple[int, ...]) -> None:
    """Let the cleaner remove the files of these processings again, as those of any other."""
    with opened() as project:
        disk.pin(project, ids, pinned=False)
    click.echo(f"unpinned: {', '.join(map(str, ids))}")
