"""The TOML files of a project: where they are, what they say, what is wrong with them.

`read` is the whole way: files → `sources` (text, data and the line of every key) → `schema` (which keys
there are) → `tasks` and `commands` (what they mean here: programs found, names checked) → `Definitions`.
Every mistake is reported at once, each with its line. `find`, `whereabouts` and `fingerprint` answer
without the schema's machinery, so that a command of the CLI whose project did not change never pays for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from procession.definitions.files import FILE, Whereabouts, find, fingerprint, name_for, names, of_files, whereabouts
from procession.definitions.result import Definitions

__all__ = [
    "FILE",
    "Definitions",
    "Whereabouts",
    "find",
    "fingerprint",
    "name_for",
    "names",
    "of_files",
    "read",
    "whereabouts",
    "write_new_project",
]


def read(root: Path, options: Sequence[str] = ()) -> Definitions:
    """Read and check everything that the project in this directory defines; raises ConfigError."""
    from procession.definitions.reading import read as read_all  # noqa: PLC0415  pydantic: 0.1 s

    return read_all(root, options)


def write_new_project(directory: Path, name: str | None = None) -> tuple[Path, ...]:
    """Write a small project that works at once; raises Refused where a file is in the way."""
    from procession.definitions.new import write_new_project as write  # noqa: PLC0415

    return write(directory, name)
