"""The host: database library, disk, file system, clock, open files."""

from __future__ import annotations

import os
import resource
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from procession.doctor.finding import Finding, ok, some, warning, wrong
from procession.flow.budget import full
from procession.project import Project
from procession.store import invariants
from procession.store.engines import masked, sqlite_is_safe, sqlite_module
from procession.units import size
from procession.workdir import NETWORK_FILE_SYSTEMS, file_system

LARGE_WAL = 64_000_000
"""Bytes (I21)."""
LARGE_FILE = 64 << 20
"""Bytes of a database that is checked whole only when asked: reading it takes more than a moment."""
LITTLE_ROOM = 1_000_000_000
NO_ROOM = 100_000_000
CLOCKS_OFF = 2.0
"""Seconds that two clocks may differ before it shows in what people see."""
CLOCKS_WRONG = 60.0
LONG = 30.0
"""Seconds that no transaction should take (I21)."""
FEW_FILES = 1024


def examine(project: Project, full: bool) -> Iterator[Finding]:
    """Everything that is not a row and not under ``var/``."""
    if project.store.engine.dialect.name == "sqlite":
        yield from _sqlite(project, full=full)
    else:
        yield from _postgresql(project)
    yield _room(project)
    yield _file_system(project)
    yield _open_files()


def _sqlite(project: Project, *, full: bool) -> Iterator[Finding]:
    module = sqlite_module()
    which = f"SQLite {module.sqlite_version} of {module.__name__.partition('.')[0]}"
    if sqlite_is_safe(module.sqlite_version_info):
        yield ok("database", f"{which}, in {project.var.database}")
    else:
        yield warning(
            "database",
            f"{which} can in rare cases damage its file when two checkpoint at once; only the launcher does",
            "install one without this: pip install pysqlite3",
        )
    wal = _bytes(Path(f"{project.var.database}-wal"))
    if wal > LARGE_WAL:
        yield warning("wal", f"{size(wal)} are not yet in the database", "end what reads for long, then: procession up")
    else:
        yield ok("wal", f"{size(wal)}")
    large = _bytes(project.var.database)
    if large > LARGE_FILE and not full:
        yield ok("file", f"{size(large)}, not read as a whole; to do so: procession doctor --full")
        return
    with project.store.read() as tx:
        lines = invariants.quick_check(tx)
    if lines:
        yield wrong(
            "file", f"SQLite finds it damaged: {some(lines)}", "stop, keep a copy, then: procession restore FILE"
        )
    else:
        yield ok("file", f"{size(large)}, sound (quick_check)")


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _postgresql(project: Project) -> Iterator[Finding]:
    with project.store.read() as tx:
        off = invariants.seconds_off(tx, time.time()) or 0.0
        oldest = invariants.oldest_transaction(tx) or 0.0
    yield ok("database", f"PostgreSQL, {masked(project.store.url)}")
    says = f"{abs(off):.1f} s {'ahead of' if off > 0 else 'behind'} the clock of this host"
    if abs(off) > CLOCKS_WRONG:
        yield wrong("clock", f"the database's is {says}", "set the clocks by NTP: due times and ages are wrong")
    elif abs(off) > CLOCKS_OFF:
        yield warning("clock", f"the database's is {says}", "set the clocks by NTP")
    else:
        yield ok("clock", "that of the database and that of this host agree")
    if oldest > LONG:
        advice = "see who holds it in pg_stat_activity; old rows cannot be cleaned away meanwhile"
        yield warning("transactions", f"one has been open for {oldest:.0f} s", advice)
    else:
        yield ok("transactions", f"none has been open for more than {LONG:.0f} s")


def _room(project: Project) -> Finding:
    free = shutil.disk_usage(project.var.root).free
    if why := full(project.var, project.settings):
        return wrong("disk", why, "make room, or lower [work] reserve")
    says = f"{size(free)} are free at {project.var.root}"
    if free < NO_ROOM:
        return wrong("disk", says, "make room: nothing can be recorded soon")
    return warning("disk", says, "make room, or less is kept") if free < LITTLE_ROOM else ok("disk", says)


def _file_system(project: Project) -> Finding:
    kind = file_system(project.var.root)
    if kind in NETWORK_FILE_SYSTEMS:
        return wrong(
            "file system", f"{project.var.root} is on {kind}", "set [project] var to a directory on a local disk"
        )
    return ok("file system", f"{kind or 'unknown'}, a local one")


def _open_files() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FEW_FILES:
        return warning("open files", f"at most {soft} (ulimit -n), of {hard}", f"raise it: ulimit -n {FEW_FILES}")
    return ok(
        "open files", f"at most {soft if soft != resource.RLIM_INFINITY else 'any number'}; {os.cpu_count()} processors"
    )
