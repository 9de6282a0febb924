"""What this installation is: versions, database, places, and the licences of what it is made of.

In: the project. Out: an `About`. Always: nothing is asked of another machine; no secret is in it.
"""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata

from procession import __version__
from procession.project import Project
from procession.store import schema, serving
from procession.store.engines import masked, sqlite_module


@dataclass(frozen=True, slots=True)
class About:
    """The installation itself."""

    version: str
    python: str
    platform: str
    database: str
    """What it is, with its version; of PostgreSQL also where."""
    size: int
    """Bytes of it."""
    revision: str
    """Of its tables."""
    root: str
    var: str
    warnings: tuple[str, ...] = ()
    """What is wrong with the files of the project, or holds over them."""
    packages: tuple[tuple[str, str, str], ...] = ()
    """Name, version and licence of every library that Procession itself needs."""


def about(project: Project) -> About:
    """What this is, of which versions, and by which licences."""
    said = project.settings
    lines = (*([project.file_problem] if project.file_problem else []), *said.warnings, *said.overrides)
    if not project.store.shared:
        module = sqlite_module()
        database = f"SQLite {module.sqlite_version}"
        wal = project.var.database.with_name(f"{project.var.database.name}-wal")
        size = sum(path.stat().st_size for path in (project.var.database, wal) if path.exists())
    else:
        database = f"PostgreSQL, {masked(project.store.url)}"
        with project.store.read() as tx:
            size = serving.database_size(tx)
    return About(
        __version__, sys.version.partition(" ")[0], platform.platform(), database, size, schema.VERSION, str(said.root),
        str(said.var), lines, packages(),
    )  # fmt: skip


@lru_cache(maxsize=1)
def packages() -> tuple[tuple[str, str, str], ...]:
    """Name, version and licence of what Procession needs, as far as it is installed."""
    found, upcoming = dict[str, tuple[str, str, str]](), ["procession"]
    while upcoming:
        name = upcoming.pop()
        try:
            told = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        key = str(told["Name"]).lower().replace("_", "-")
        if key in found:
            continue
        found[key] = (str(told["Name"]), str(told["Version"]), _licence(told))
        for line in metadata.requires(name) or ():
            wanted, _, condition = line.partition(";")
            if "extra" not in condition:
                upcoming.append(_name_in(wanted))
    return tuple(sorted(found.values(), key=lambda each: each[0].lower()))


def _name_in(wanted: str) -> str:
    letters = [letter if letter.isalnum() or letter in "-_." else " " for letter in wanted.strip()]
    return "".join(letters).partition(" ")[0]


def _licence(told: metadata.PackageMetadata) -> str:
    """What a package says of it: the expression, else its classifiers, else the first line of its text."""
    if "License-Expression" in told:
        return str(told["License-Expression"])
    named = [line.rpartition(":: ")[2] for line in told.get_all("Classifier") or () if line.startswith("License ::")]
    if named or "License" not in told:
        return ", ".join(named)
    return str(told["License"]).partition("\n")[0][:60]
