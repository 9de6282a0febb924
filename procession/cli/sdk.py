"""``sdk``."""

from __future__ import annotations

from pathlib import Path

import click

from procession.sdk import copy


@click.command("sdk")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite a procession.py that is not a copy of ours.")
def sdk_command(path: Path, force: bool) -> None:
    """Put the file for Python scripts, procession.py, into the directory PATH.

    It needs the standard library of Python 3.8 or newer, nothing else. Where Procession is installed itself, `import
    procession` works without it.
    """
    target, done = copy.place(path, force=force)
    click.echo(f"{target} is up to date" if done == "kept" else f"{done} {target}")
