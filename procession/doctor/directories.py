"""The directories: what lies under ``var/`` belongs to rows, and the rows have what belongs to them.

What is listed is listed before the rows are read and looked at again afterwards, so that what comes or goes meanwhile
is no finding.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from procession.doctor.finding import Finding, ok, some, warning, wrong
from procession.doctor.rows import SMALL
from procession.project import Project
from procession.store import invariants
from procession.supervise import spool
from procession.supervise.sighting import Ended, Gone, Running, Unreadable

OLD = 600.0
"""Seconds after which what is left in the spool should have been cleared by whoever serves."""


def examine(project: Project, full: bool) -> Iterator[Finding]:
    """Records, directories, what was put aside, and who may read it all."""
    yield from _records(project)
    yield from _work(project, full=full)
    yield _put_aside(project)
    yield _modes(project)


def _records(project: Project) -> Iterator[Finding]:
    """Every record belongs to a live attempt of this incarnation; those of another are left alone, and shown (G34)."""
    root = project.var.spool
    listed = spool.keys(root)
    with project.store.read() as tx:
        live = {project.attempt_key(*which[:3]) for which in invariants.live_attempts(tx)}
    foreign, damaged, left = [], [], []
    for key in listed:
        sighting = spool.look(root, key)
        if isinstance(sighting, Unreadable):
            damaged.append(key)
        elif _written_by_another(project, sighting) or project.read_key(key) is None:
            foreign.append(key)
        elif key not in live and _age(root / key) > OLD:
            left.append(key)
    if damaged:
        yield wrong(
            "records", f"cannot be read: {some(damaged)}", "procession up puts them aside; look at their scripts"
        )
    if foreign:
        yield warning(
            "records",
            f"of another incarnation of the database, left alone: {some(foreign)}",
            f"see whether their scripts still run, then remove the files in {root}",
        )
    if left:
        yield warning("records", f"of no live attempt: {some(left)}", "procession up clears them within minutes")
    if not (damaged or foreign or left):
        yield ok("records", f"{len(listed)} in the spool, each of a live attempt")


def _written_by_another(project: Project, sighting: object) -> bool:
    match sighting:
        case Ended(exit=exit_):
            written = exit_.incarnation
        case Running(record) | Gone(_, record):
            written = record.incarnation
        case _:
            return False
    return written not in ("", project.installation.incarnation)


def _age(path: Path) -> float:
    """Seconds since it was written last; 0 if it is gone by now."""
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0


def _work(project: Project, *, full: bool) -> Iterator[Finding]:
    """Every directory belongs to a processing; where all is read, every processing that ran has its directory."""
    root = project.var.root / "work"
    with project.store.read() as tx:
        many = invariants.size(tx) > SMALL
    if many and not full:
        yield ok("directories", "not looked at, since there are many; to look at them: procession doctor --full")
        return
    there = {int(path.name) for path in root.iterdir() if path.name.isdigit()}
    with project.store.read() as tx:
        known = invariants.processing_ids(tx)
        wanted = invariants.executed(tx)
        local = tx.dialect == "sqlite"  # elsewhere another host may have it
    strange = [str(root / str(pid)) for pid in sorted(there - known) if (root / str(pid)).is_dir()]
    if strange:
        yield warning("directories", f"of no processing: {some(strange)}", "look into them, then remove them")
    else:
        yield ok("directories", f"{len(there)}, each of a processing")
    missing = [str(pid) for pid in sorted(wanted - there) if not (root / str(pid)).exists()] if local else []
    if missing:
        yield warning(
            "missing directories",
            f"of processings {some(missing)}: somebody has removed them",
            "nothing, if it was meant; their logs and files are gone",
        )


def _put_aside(project: Project) -> Finding:
    """Records that nobody could read wait for a person."""
    aside = project.var.root / "spool.quarantine"
    found = sorted(path.name for path in aside.iterdir()) if aside.is_dir() else []
    if not found:
        return ok("put aside", "no record had to be put aside")
    return warning(
        "put aside", f"{len(found)} damaged records: {some(found)}", f"look at them, then remove them from {aside}"
    )


def _modes(project: Project) -> Finding:
    """Nobody else may read or write what is ours."""
    var = project.var
    places = [var.root, *(p for p in var.root.iterdir() if p.name != "work"), var.root / "work"]
    open_ = []
    for place in places:
        found = place.lstat()
        inside = place == var.root or place.is_dir()
        if found.st_uid != os.geteuid() or (found.st_mode & (0o077 if inside else 0o022) and not place.is_symlink()):
            open_.append(str(place))
    if open_:
        return wrong("modes", f"others may enter or write: {some(open_)}", f"do: chmod -R go-rwx {var.root}")
    return ok("modes", f"{var.root} and what is in it are yours alone")
