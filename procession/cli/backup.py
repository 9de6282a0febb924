"""``export``, ``import``, ``backup``, ``restore``."""

from __future__ import annotations

from pathlib import Path

import click

from procession.cli.context import answer, json_option, opened
from procession.cli.table import many

file_argument = click.argument("file", type=click.Path(path_type=Path), metavar="FILE")


@click.command("export")
@file_argument
@json_option
def export_command(file: Path, as_json: bool) -> None:
    """Write all rows of the database to FILE, as lines of JSON; compressed if its name ends in .gz.

    One consistent picture, while everything runs. 'import' reads it, into SQLite or PostgreSQL.
    """
    from procession.commands.exchange import export  # noqa: PLC0415

    with opened() as project:
        rows = export(project, file) - 2
    answer(
        as_json, lambda: {"file": str(file), "rows": rows}, lambda: click.echo(f"wrote {many(rows, 'row')} to {file}")
    )


@click.command("import")
@file_argument
@click.option("--replace", is_flag=True, help="Give up what the database holds; asked again, but for --yes.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@json_option
def import_command(file: Path, replace: bool, yes: bool, as_json: bool) -> None:
    """Fill the empty database of this project from FILE, which 'export' wrote; all or nothing.

    What ran when it was exported is lost, with that reason, and follows its rules for losses.
    """
    from procession.commands.exchange import reader, take_in  # noqa: PLC0415

    with opened() as project, reader(file) as source:
        if replace and not yes:
            click.confirm(f"Everything in the database of {project.root} is given up. Go on?", abort=True)
        counts = take_in(project, source, replace=replace)
    _answer(as_json, project.root, counts)


@click.command("backup")
@file_argument
@json_option
def backup_command(file: Path, as_json: bool) -> None:
    """Write all rows, the definition files, their scripts and all script texts kept to FILE (.tar.gz).

    Made while everything runs. Logs and working files are not in it. 'restore' makes a project of it again.
    """
    from procession.commands.backup import backup  # noqa: PLC0415

    with opened() as project:
        rows = backup(project, file)
    answer(
        as_json, lambda: {"file": str(file), "rows": rows}, lambda: click.echo(f"wrote {many(rows, 'row')} to {file}")
    )


@click.command("restore")
@file_argument
@click.option("--to", "target", type=click.Path(path_type=Path), default=".", metavar="DIR", help="Where; else here.")
@json_option
def restore_command(file: Path, target: Path, as_json: bool) -> None:
    """Make a working project again of a backup, in DIR; nothing is overwritten.

    What ran when it was made is lost, with that reason, and follows its rules for losses when 'up' serves.
    """
    from procession.commands.backup import restore  # noqa: PLC0415

    project, counts = restore(file, target)
    try:
        project.refresh(lenient=True)
        if project.file_problem:
            click.echo(f"procession: restored, but the files are not in force: {project.file_problem}", err=True)
    finally:
        project.close()
    _answer(as_json, project.root, counts)


def _answer(as_json: bool, root: Path, counts: dict[str, int]) -> None:
    answer(
        as_json,
        lambda: {"project": str(root), "rows": sum(counts.values()), "processings": counts.get("processing", 0)},
        lambda: click.echo(
            f"{root}: {many(counts.get('processing', 0), 'processing')} and {many(counts.get('event', 0), 'event')}; "
            "look: procession doctor, then: procession up"
        ),
    )
