"""A backup: one file with all rows, the definition files, the scripts that they name, and every script text kept.

::

    rows.jsonl                as `store/exchange.py` writes them
    project/…                 procession.toml, tasks/*.toml, and the scripts of the project that commands name
    code/<sha256>             script texts as they were executed

In: a project, served or not. Out: the file; and from it a working project again, in a new incarnation.
Always: made while everything runs; nothing is overwritten; what cannot be restored whole leaves nothing behind. Logs
and working files are not in it.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from procession import definitions
from procession.clock import Clock
from procession.commands.exchange import new_file, take_in, write_lines
from procession.errors import HostError, Invalid, Refused
from procession.project import Project
from procession.store import exchange, tasks, upgrade
from procession.store.database import Store
from procession.store.engines import sqlite_url
from procession.workdir import Var

ROWS = "rows.jsonl"
_CODE = re.compile(r"code/[0-9a-f]{64}")
_PART = re.compile(r"(?!\.{1,2}(?:/|$))[^/\0]+")


def backup(project: Project, target: Path) -> int:
    """Write a backup to a new file; return how many rows it has."""
    with new_file(target) as passing, tempfile.TemporaryFile(dir=target.parent) as rows:
        text = io.TextIOWrapper(rows, encoding="utf-8")
        lines = write_lines(project, text)
        text.detach()
        with tarfile.open(passing, "w:gz") as tar:
            about = tarfile.TarInfo(ROWS)
            about.size, about.mode = rows.tell(), 0o600
            rows.seek(0)
            tar.addfile(about, rows)
            for name in _files(project):
                tar.add(project.root / name, f"project/{name}", recursive=False)
            for path in sorted(project.var.code.iterdir()):
                if _CODE.fullmatch(f"code/{path.name}"):
                    tar.add(path, f"code/{path.name}", recursive=False)
    return lines - 2  # the first and the last are no rows


def _files(project: Project) -> list[str]:
    """The definition files, and the scripts in the project's directory that they name, relative to it."""
    with project.store.read() as tx:
        current = tasks.current(tx).values()
    commands = [step.command for task in current for step in task.steps]
    root = project.root
    words = [word.replace("{project}", str(root)) for c in commands for word in c.words] + [*project.settings.alerts]
    named = {*(s for c in commands for s in c.scripts), *(word for word in words if word.startswith(f"{root}/"))}
    named |= {task.variables_from for task in current if task.variables_from}
    scripts = {Path(s) for s in named if root in Path(s).parents and Path(s).is_file()}
    inside = sorted(str(s.relative_to(root)) for s in scripts if project.var.root not in s.parents)
    return list(dict.fromkeys([*definitions.names(root), *inside]))


def restore(source: Path, target: Path) -> tuple[Project, dict[str, int]]:
    """Make a working project of a backup in this directory; return it, opened, and how many rows of each table.

    Refused where a file of it is there already. Its database has a new incarnation.
    """
    target = target.resolve()
    with _opened(source) as tar, _undone_on_failure(target) as made:
        rows = _rows_of(tar, source)
        for member in tar:
            _put(tar, member, target, made)
        project = _open(target)
        try:
            return project, take_in(project, rows, moved=True)
        except BaseException:
            project.close()
            raise


def _rows_of(tar: tarfile.TarFile, source: Path) -> io.TextIOWrapper:
    first = tar.next()
    file = tar.extractfile(first) if first is not None and first.name == ROWS and first.isreg() else None
    if file is None:
        raise Invalid(f"{source} is no backup of Procession")
    text = io.TextIOWrapper(file, encoding="utf-8")
    exchange.read_head(text.readline())
    text.seek(0)
    return text


def _put(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, made: list[Path]) -> None:
    """Write one file of the archive where it belongs; anything else in it is refused."""
    if member.name == ROWS:
        return
    area, _, rest = member.name.partition("/")
    fits = _CODE.fullmatch(member.name) if area == "code" else area == "project" and rest
    parts = rest.split("/")
    if not member.isreg() or not fits or not all(_PART.fullmatch(part) for part in parts):
        raise Invalid(f"the backup holds {member.name[:100]!r}, which belongs into none")
    path = (target / "code.restored" / rest) if area == "code" else target.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    if target not in (path.parent.resolve(), *path.parent.resolve().parents):
        raise Refused(f"{path.parent} leads out of {target}; choose an empty directory")
    content = tar.extractfile(member)
    assert content is not None
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Refused(f"{path} is there already, and nothing is overwritten; choose an empty directory") from None
    made.append(path)
    with os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(content, file)
        os.fchmod(descriptor, member.mode & 0o755)


def _open(target: Path) -> Project:
    """The project whose files were just written, with a database of this version; its definitions are not read yet."""
    where = definitions.whereabouts(target)
    var = Var(where.var)
    var.prepare()
    kept = target / "code.restored"
    for path in kept.iterdir() if kept.is_dir() else ():
        path.chmod(0o600)
        shutil.move(path, var.code / path.name)
    shutil.rmtree(kept, ignore_errors=True)
    store = Store(where.database or sqlite_url(var.database))
    upgrade.prepare(store)
    return Project(target, var, store, Clock())


@contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source, "r:*") as tar:
            yield tar
    except (tarfile.TarError, EOFError, UnicodeDecodeError) as error:
        raise Invalid(f"{source} is no backup of Procession, or it is damaged ({error}); nothing was changed") from None
    except OSError as error:
        if error.filename not in (None, str(source)):
            raise
        raise HostError(f"{source} cannot be read ({error.strerror or error})") from None


@contextmanager
def _undone_on_failure(target: Path) -> Iterator[list[Path]]:
    """What was written is removed again if it does not come to a good end; what was there before stays."""
    var = target / "var"
    before = target.exists(), os.path.lexists(var)
    target.mkdir(parents=True, exist_ok=True)
    made: list[Path] = []
    try:
        yield made
    except BaseException:
        for path in made:
            path.unlink(missing_ok=True)
        shutil.rmtree(target / "code.restored", ignore_errors=True)
        if not before[1]:
            shutil.rmtree(var, ignore_errors=True)
        if not before[0]:
            shutil.rmtree(target, ignore_errors=True)
        raise
