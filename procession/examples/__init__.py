"""Examples that come with Procession, and how they get to where somebody can play with them.

*In:* the files of `landsat/`, `mosaic/`, `sum/` and `reduction/`, as they were installed. *Out:* a project of one's
own. *Always:* nothing that is there already is touched, and no network is needed.
"""

import json
import shutil
import sys
from pathlib import Path

from procession.errors import Refused

LANDSAT = Path(__file__).parent / "landsat"
MOSAIC = Path(__file__).parent / "mosaic"
SUM = Path(__file__).parent / "sum"
REDUCTION = Path(__file__).parent / "reduction"
SCENES = "outbox"
"""The directory of real scenes, which the first two share."""


def write_demo(directory: Path) -> None:
    """Copy the Landsat example into `directory`, ready to run; make the directory if it is not there.

    The project's `python` becomes the interpreter that runs this, because that one is known to exist. Raises
    Refused where something is already.
    """
    _write(LANDSAT, directory)
    _add_scenes(directory)


def write_mosaic(directory: Path) -> None:
    """Copy the mosaic example, in the same way: a watch, a set, a graph and keyed limits."""
    _write(MOSAIC, directory)
    _add_scenes(directory)


def write_sum(directory: Path) -> None:
    """Copy the example of asynchronous tasks, in the same way: functions, a program that asks, a program that works."""
    _write(SUM, directory)


def write_reduction(directory: Path) -> None:
    """Copy the example of a neutron facility, in the same way: messages, a reduction script, a real measurement."""
    _write(REDUCTION, directory)
    (directory / "messages").mkdir()


def _write(example: Path, directory: Path) -> None:
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise Refused(
            f"{directory} is not empty, and an example never overwrites anything: "
            "name a new directory, or empty this one"
        )
    shutil.copytree(
        example,
        directory,
        ignore=shutil.ignore_patterns("__pycache__"),
        copy_function=shutil.copyfile,
        dirs_exist_ok=True,
    )
    for script in (*directory.glob("*.py"), *directory.glob("*.sh")):
        script.chmod(script.stat().st_mode | 0o111)
    definitions = directory / "procession.toml"
    text = definitions.read_text(encoding="utf-8")
    definitions.write_text(
        text.replace('python = "python3" ', f"python = {json.dumps(sys.executable)} ", 1), encoding="utf-8"
    )


def _add_scenes(directory: Path) -> None:
    if not (directory / SCENES).exists():
        shutil.copytree(LANDSAT / SCENES, directory / SCENES, copy_function=shutil.copyfile)
    (directory / "inbox").mkdir()
