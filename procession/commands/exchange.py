"""Everything out of a database and into another: what export, import, backup and restore share.

In: a project whose database is to be read or filled. Out: a file of lines, or a database that goes on from them.
Always: nothing is overwritten; what is taken in is there whole or not at all; what ran when it was written is lost,
with that reason, since nobody here can know how it ended; then its steps follow their rules for losses.
"""

from __future__ import annotations

import gzip
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from procession import __version__
from procession.clock import iso
from procession.errors import HostError, Refused
from procession.flow.conclude import Conclusion, conclude
from procession.model.outcome import Ending, Outcome
from procession.project import Project
from procession.store import attempts, exchange, launchers, places, processings
from procession.store.database import Tx
from procession.supervise import spool
from procession.supervise.sighting import Running
from procession.workdir import hold

RESTORED = "restored: it ran when this was exported, and how it ended is not known here"


def export(project: Project, target: Path) -> int:
    """Write all rows to a new file, compressed if its name ends in .gz; return how many lines it has."""
    with new_file(target) as passing, _writer(passing, packed=target.suffix == ".gz") as file:
        return write_lines(project, file)


def write_lines(project: Project, file: IO[str]) -> int:
    """Write all rows, in one consistent picture."""
    lines = 0
    with project.store.read() as tx:
        found = project.installation
        about = {
            "version": __version__, "installation": found.key, "incarnation": found.incarnation,
            "at": iso(project.clock.now()), "root": str(project.root),
        }  # fmt: skip
        for line in exchange.out(tx, about):
            file.write(line + "\n")
            lines += 1
    return lines


def take_in(project: Project, source: IO[str], *, replace: bool = False, moved: bool = False) -> dict[str, int]:
    """Fill the database of this project from an export; return how many rows of each table.

    Refused while somebody serves it, while scripts of it still run, and, unless `replace`, where anything is in it.
    `moved`: the project has another directory than the one that was exported, and scripts are looked for in it.
    """
    head = exchange.read_head(source.readline())
    with _alone(project), project.store.begin() as tx:
        if not replace and not exchange.is_empty(tx):
            raise Refused("this database is not empty, and nothing is overwritten; to give it up: --replace")
        before = str(head.get("root", ""))
        change = _moving(before, str(project.root)) if moved and before else lambda _, row: row
        counts = exchange.take_in(tx, head, source, change)
        project.__dict__.pop("installation", None)
        _close_what_lived(project, tx)
        places.settle_all(tx, project.var.place_id())
    return counts


def _close_what_lived(project: Project, tx: Tx) -> None:
    """What ran is lost, who served has stopped, and what a foreground launcher owned is everybody's."""
    served = [row.id for row in launchers.not_stopped(tx)]
    owners = exchange.owners(tx)
    ended = [
        Conclusion((row.processing_id, row.ordinal, row.number), Ending(Outcome.LOST, RESTORED))
        for row in attempts.live_of(tx, owners)
    ]
    if ended:
        conclude(project, tx, ended)
    processings.release(tx, owners)
    for launcher_id in served:
        launchers.stop(tx, launcher_id, project.now())


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    """Hold the place: nobody serves it, and nobody begins to; nor does a script of it still run."""
    with project.store.read() as tx:
        if project.is_served(tx):
            raise Refused("a launcher serves this project; end it first with: procession stop --drain")
    lock = hold(project.var.lock, f"{os.getpid()}\n")
    if lock is None:
        raise Refused("a launcher serves this project; end it first with: procession stop --drain")
    try:
        for key in spool.keys(project.var.spool):
            if isinstance(spool.look(project.var.spool, key), Running):
                raise Refused(
                    f"a script of this project still runs ({key}); wait for it: procession up, then stop --drain"
                )
        yield
    finally:
        os.close(lock)


def _moving(before: str, now: str) -> exchange.Change:
    """Definitions name scripts by their whole paths, also behind an option (``--script=``), and attempts the texts that
    they ran; those in the old directory are meant in the new one."""
    from procession.model.task import Task  # noqa: PLC0415

    whole = re.compile(rf'"(--[a-z-]+=)?{re.escape(before)}/')

    def moved(table: str, row: dict[str, Any]) -> dict[str, Any]:
        column = {"definition": "body", "attempt": "code"}.get(table, "")
        if f"{before}/" not in (row.get(column) or ""):
            return row
        text = whole.sub(lambda found: f'"{found[1] or ""}{now}/', row[column])
        return {**row, column: text, **({"hash": Task.from_json(text).hash} if table == "definition" else {})}

    return moved


# ── files ──────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """A file for us alone that has its name only when it is complete; Refused if the name is taken."""
    if os.path.lexists(target):
        raise Refused(f"{target} is there already, and nothing is overwritten; choose another name")
    passing = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        os.close(os.open(passing, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        yield passing
        with passing.open("rb") as file:
            os.fsync(file.fileno())
        os.link(passing, target)  # not replaced: somebody may have taken the name meanwhile
    except FileExistsError:
        raise Refused(f"{target} is there already, and nothing is overwritten; choose another name") from None
    except OSError as error:
        raise HostError(f"{target} cannot be written ({error.strerror}); choose another place") from error
    finally:
        with suppress(OSError):
            passing.unlink()


@contextmanager
def _writer(path: Path, *, packed: bool) -> Iterator[IO[str]]:
    with gzip.open(path, "wt", encoding="utf-8") if packed else path.open("w", encoding="utf-8") as file:
        yield file


@contextmanager
def reader(path: Path) -> Iterator[IO[str]]:
    """An export, packed or not."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8") as text:
            yield text
    except (EOFError, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise Refused(f"{path} is damaged: {error}; nothing was changed") from None
    except OSError as error:
        raise HostError(f"{path} cannot be read ({error.strerror})") from None
