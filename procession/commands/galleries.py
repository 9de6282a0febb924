"""Galleries: the same artifact of the newest processings of a task, side by side.

In: a task, a query, the name of an artifact as ``step/name``, in which ``*`` stands for what is a processing's own
(`model/likeness.py`). Out: for each processing whether it has it, where and how large.
Always: nothing is read but directories; a name leads nowhere but below the artifacts of an attempt.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath

from procession.commands.searching import meant
from procession.disk import folder
from procession.errors import Invalid
from procession.model import likeness
from procession.model.grid import Mark, mark_of_processing
from procession.project import Project
from procession.store import pages, search
from procession.store.pages import Cell, Head

MOST = 200
LOOKED_AT = 10
"""Processings whose artifacts name those that there are."""
MOST_NAMES = 50
MOST_FILES = 1_000
"""Entries of a directory that are looked at."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One processing in a gallery."""

    head: Head
    mark: Mark
    ordinal: int | None
    """Of the step; None: this processing has no step of that name."""
    attempt: int
    size: int | None
    """Bytes of the artifact; None: it is not there."""
    name: str | None = None
    """Of the file below the artifacts, where it is there."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """The newest processings, and the artifacts that may be chosen."""

    task: str
    artifact: str | None
    names: tuple[str, ...]
    pictures: tuple[Picture, ...]
    next: int | None


def gallery(
    project: Project, task: str, artifact: str | None = None, query: str = "", newest: int = 60,
    cursor: int | None = None,
) -> Gallery:  # fmt: skip
    """The newest processings of a task that have begun, each with this artifact (else the first that there is)."""
    asked = meant(project, f"{query} -state:waiting", tasks_=(task,))
    with project.store.read() as tx:
        found, following = search.page(tx, asked, cursor, newest)
        ids = [each.id for each in found]
        heads = pages.heads(tx, ids)
        cells: dict[int, list[Cell]] = {pid: [] for pid in ids}
        for cell in pages.cells(tx, ids):
            cells[cell.processing_id].append(cell)
        params = {pid: json.loads(text) for pid, text, _, _ in pages.facts(tx, ids)}
    own = {head.id: likeness.values_of(head.key, head.title, params[head.id]) for head in heads}
    names = _names(project, heads, cells, own)
    if artifact is None:
        artifact = next(iter(names), None)
    step, name = (None, None) if artifact is None else _split(artifact)
    pictures = tuple(_picture(project, head, cells[head.id], own[head.id], step, name) for head in heads)
    return Gallery(task, artifact, tuple(names), pictures, following)


def _split(artifact: str) -> tuple[str, str]:
    step, slash, name = artifact.partition("/")
    parts = PurePosixPath(name).parts
    if not slash or not name or "\0" in name or name.startswith("/") or ".." in parts:
        raise Invalid(f"{artifact[:80]!r} names no artifact; write STEP/NAME, such as rgb/preview.png")
    return step, name


def _names(
    project: Project, heads: Sequence[Head], cells: dict[int, list[Cell]], own: dict[int, tuple[str, ...]]
) -> list[str]:
    """What the newest ones have left, step by step: each once, however it is called in each."""
    left: dict[str, list[list[str]]] = {}
    for head in heads[:LOOKED_AT]:
        for cell in cells[head.id]:
            if some := _files(project, cell):
                left.setdefault(cell.name, []).append([likeness.pattern(name, own[head.id]) for name in some])
    return [f"{step}/{name}" for step, each in left.items() for name in likeness.alike(each)][:MOST_NAMES]


def _files(project: Project, cell: Cell, pieces: Sequence[str] = ()) -> list[str]:
    """The files that an attempt has left there; nothing where the directory cannot be read."""
    try:
        with _opened(project, cell, pieces) as place, os.scandir(place) as entries:
            looked_at = islice(entries, MOST_FILES)
            return sorted(entry.name for entry in looked_at if entry.is_file(follow_symlinks=False))
    except (OSError, ValueError):
        return []


@contextmanager
def _opened(project: Project, cell: Cell, pieces: Sequence[str] = ()) -> Iterator[int]:
    """The artifacts of an attempt, or a directory below them: a script may have put a link in the place of any."""
    root = project.var.work(cell.processing_id)
    attempt = project.var.attempt(cell.processing_id, cell.ordinal, cell.name, cell.attempt).relative_to(root)
    place = folder(root, (*attempt.parts, "artifacts", *pieces))
    try:
        yield place
    finally:
        os.close(place)


def _picture(
    project: Project, head: Head, cells: Sequence[Cell], own: tuple[str, ...], step: str | None, name: str | None
) -> Picture:
    mark = mark_of_processing(head.state, errors=head.errors, held=head.held_at is not None, asking=head.asking)
    cell = next((each for each in cells if each.name == step), None)
    if cell is None or name is None:
        return Picture(head, mark, None, 0, None)
    *pieces, last = PurePosixPath(name).parts
    if likeness.OWN in last:
        last = likeness.chosen(_files(project, cell, pieces), own, last) or last
    try:
        with _opened(project, cell, pieces) as place:
            found = os.stat(last, dir_fd=place, follow_symlinks=False)
    except (OSError, ValueError):
        return Picture(head, mark, cell.ordinal, cell.attempt, None)
    if not stat.S_ISREG(found.st_mode):
        return Picture(head, mark, cell.ordinal, cell.attempt, None)
    return Picture(head, mark, cell.ordinal, cell.attempt, found.st_size, "/".join((*pieces, last)))
