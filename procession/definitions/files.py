"""Which files a project has, how to open them safely, and whether they changed.

Nothing here imports more than the standard library. A file is taken only if it is a regular one, not larger
than 1 MiB, and not writable by everyone; a symbolic link is followed and its target judged. What is not
TOML is never quoted in a message (B37).
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from procession import __version__
from procession.definitions import overrides
from procession.errors import ConfigError, NotFound

FILE = "procession.toml"
MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a project keeps its things: enough to open its database."""

    root: Path
    var: Path
    database: str | None


def find(start: Path) -> Path:
    """The directory of the project that this directory is in; raises NotFound."""
    start = start.resolve()
    for directory in (start, *start.parents):
        if os.access(directory / FILE, os.F_OK):
            return directory
    raise NotFound(f"there is no {FILE} in {start} or above it; make a project here with: procession init")


def name_for(directory: Path) -> str:
    """The name of a project where nobody says it: the directory's, as far as it can be one."""
    return re.sub(r"[^A-Za-z0-9._:-]+", "-", directory.name).strip("-.")[:128] or "project"


def names(root: Path) -> list[str]:
    """The files of the project, relative to its directory, in the order in which they are read."""
    folder = root / "tasks"
    more = sorted(path.name for path in folder.glob("*.toml")) if folder.is_dir() else []
    return [FILE, *(f"tasks/{name}" for name in more if not name.startswith("."))]


def fingerprint(root: Path, options: Sequence[str] = ()) -> str:
    """Changes whenever what `read` would say may have changed; costs a few system calls.

    Its first part is that of the files alone (`of_files`), the other, if there is one, of what is set over them.
    """
    over = "\0".join(map(str, overrides.given(options)))
    return _of_files(root) + (f":{hashlib.sha256(over.encode('utf-8', 'surrogateescape')).hexdigest()}" if over else "")


def of_files(fingerprint: str | None) -> str | None:
    """The part of a fingerprint that does not know what is set over the files."""
    return None if fingerprint is None else fingerprint.partition(":")[0]


def _of_files(root: Path) -> str:
    parts = [__version__, str(root.resolve())]
    for name in (*names(root), ".venv/bin/python", "venv/bin/python"):
        try:
            status = (root / name).stat()
            parts.append(f"{name}:{status.st_size}:{status.st_mtime_ns}:{status.st_ino}:{status.st_mode}")
        except OSError as error:
            parts.append(f"{name}:{error.errno}")
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def whereabouts(root: Path, options: Sequence[str] = ()) -> Whereabouts:
    """Where the project keeps its things, without checking the rest; raises ConfigError."""
    root = root.resolve()
    try:
        tables = tomllib.loads(text_of(root, FILE))
    except (ValueError, RecursionError):
        raise ConfigError(f"{root / FILE} is not valid TOML; see: procession check") from None
    for override in (*overrides.of_host(tables), *overrides.given(options)):
        if override.keys[0] == "project":
            overrides.put(tables, override)
    project = tables.get("project", {})
    var, database = (project.get(key) for key in ("var", "database")) if isinstance(project, dict) else (1, 1)
    if not isinstance(var, str | None) or not isinstance(database, str | None):
        raise ConfigError(f"[project] in {root / FILE} is not right; see: procession check")
    return Whereabouts(root, root / (var or "var"), database)


def text_of(root: Path, name: str) -> str:
    """The text of one file of the project; raises ConfigError if it cannot be read or trusted."""
    try:
        descriptor = os.open(root / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        with os.fdopen(descriptor, "rb") as file:
            _judge(name, os.fstat(descriptor))
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read ({error.strerror})") from None
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{name}: is larger than 1 MiB; that cannot be a file of definitions")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: is not UTF-8 text; save it as UTF-8") from None


def _judge(name: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{name}: is not a regular file")
    if status.st_mode & stat.S_IWOTH:
        raise ConfigError(f"{name}: everyone may write to it, so anyone could run programs here; do: chmod o-w {name}")
    if status.st_size > MAX_BYTES:
        raise ConfigError(f"{name}: is larger than 1 MiB; that cannot be a file of definitions")
