"""The doctor: everything that must be so, looked at on the living system, and what to do where it is not.

In: an opened project, served or not. Out: one `Finding` for each check, in a fixed order.
Always: nothing is changed; what moves while it is looked at is no finding. Checks that read whole tables are made where
the tables are small, or when they are asked for (`full`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from procession.doctor import directories, host, rows, serving
from procession.doctor.finding import Finding, wrong
from procession.errors import ProcessionError
from procession.project import Project

__all__ = ["CHAPTERS", "Finding", "examine"]

Chapter = Callable[[Project, bool], Iterator[Finding]]
CHAPTERS: tuple[Chapter, ...] = (host.examine, serving.examine, rows.examine, directories.examine)


def examine(project: Project, *, full: bool = False) -> list[Finding]:
    """Look at everything. `full` reads whole tables and the whole file of the database, however large they are."""
    found: list[Finding] = []
    for chapter in CHAPTERS:
        try:
            found += chapter(project, full)
        except (
            ProcessionError,
            OSError,
        ) as error:  # what cannot be looked at is found wrong, and does not hide the rest
            name = chapter.__module__.rpartition(".")[2]
            found.append(wrong(name, f"could not be looked at: {error}", "see to this first, then ask again"))
    return found
