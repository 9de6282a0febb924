"""Who has a file open for writing, as far as we may see.

Best effort: processes of other users, of other machines and of other mount namespaces are not seen, nor is what is
written through a mapping alone. Only links of ``/proc`` are read, never the file itself, so that a dead network
file system does not hold us.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Set

_WRITES = os.O_WRONLY | os.O_RDWR


def writers(paths: Set[str]) -> dict[str, str]:
    """Who writes one of these files, or a file below one of these directories: path → ``name (pid)``.

    Paths are real ones, without links.
    """
    found: dict[str, str] = {}
    for pid, descriptor, target in _open_files():
        path = _wanted(target, paths)
        if path is not None and path not in found and _writes(pid, descriptor):
            found[path] = f"{_called(pid)} ({pid})"
    return found


def _open_files() -> Iterator[tuple[str, str, str]]:
    for pid in filter(str.isdigit, os.listdir("/proc")):
        place = f"/proc/{pid}/fd"
        try:
            descriptors = os.listdir(place)
        except OSError:
            continue  # it has ended, or is not ours to see
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                target = os.readlink(f"{place}/{descriptor}")
                if target.startswith("/"):
                    yield pid, descriptor, target


def _wanted(target: str, paths: Set[str]) -> str | None:
    """The path itself, or the nearest directory above it, that is asked for."""
    while target:
        if target in paths:
            return target
        target = target.rpartition("/")[0]
    return None


def _writes(pid: str, descriptor: str) -> bool:
    try:
        with open(f"/proc/{pid}/fdinfo/{descriptor}", "rb") as source:
            flags = next((line for line in source if line.startswith(b"flags:")), b"flags: 0")
    except OSError:
        return False
    return bool(int(flags.split()[1], 8) & _WRITES)


def _called(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as source:
            return source.read().strip()
    except OSError:
        return "a process"
