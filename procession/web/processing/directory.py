"""The directory of a processing, as far as pages may look into it.

*In:* a path below ``var/work/ID``. *Out:* what is there, or an open file. *Always:* only what scripts have left for
people: working files, artifacts, logs and what a script told; never records or tokens. No link is followed at any
level, and what is no true file, or belongs to another user, is not opened (B19, B20).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from procession import disk
from procession.errors import NotFound

_TOLD = frozenset({"log", "framework.log", "output", "events", "progress", "metrics", "errors", "rerun.log"})
_STEP = re.compile(r"\d{2,}-[^/]+")
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
MOST = 1_000
"""Entries of a directory that are listed."""
WEIGHED = 20_000
"""Entries below a directory whose sizes are added."""
DEEPEST = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a directory."""

    name: str
    path: str
    """Below the directory of the processing."""
    kind: str
    """``directory``, ``file`` or ``other`` (a link, a pipe, a device)."""
    size: int
    whole: bool = True
    """Else its size is at least that."""
    modified: float = 0.0


def allowed(path: str) -> bool:
    """May people look at this path?"""
    pieces = path.split("/")
    if not pieces or any(piece in ("", ".", "..") or "\0" in piece for piece in pieces) or len(pieces) > DEEPEST:
        return False
    if pieces[0] == "files":
        return True
    if not _STEP.fullmatch(pieces[0]) or len(pieces) < 2:
        return False
    if pieces[1] == "files":
        return True
    if not (pieces[1].isascii() and pieces[1].isdigit()) or len(pieces) < 3:
        return False
    return pieces[2] == "artifacts" or (len(pieces) == 3 and pieces[2] in _TOLD)


def opened(root: Path, path: str) -> BinaryIO:
    """A file; NotFound where there is none that may be opened."""
    if not allowed(path):
        raise NotFound("there is no file at this address that pages show")
    *folders, name = path.split("/")
    try:
        folder = disk.folder(root, folders)
    except OSError:
        raise NotFound(f"there is no file {path[-200:]!r}") from None
    try:
        descriptor = os.open(name, _FILE, dir_fd=folder)
    except OSError:
        raise NotFound(f"there is no file {path[-200:]!r} that can be opened") from None
    finally:
        os.close(folder)
    there = os.fstat(descriptor)
    if not stat.S_ISREG(there.st_mode) or (there.st_nlink > 1 and there.st_uid != os.geteuid()):
        os.close(descriptor)
        raise NotFound(f"{path[-200:]!r} is no file of this processing")
    return os.fdopen(descriptor, "rb")


def listed(root: Path, path: str) -> tuple[list[Entry], bool]:
    """What is in a directory, directories first; and is that all? Nothing where there is none."""
    try:
        folder = disk.folder(root, path.split("/"))
    except OSError:
        return [], True
    found: list[Entry] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(found) == MOST:
                    return _sorted(found), False
                with suppress(OSError):
                    found.append(_entry(folder, entry, path))
    finally:
        os.close(folder)
    return _sorted(found), True


def _sorted(found: list[Entry]) -> list[Entry]:
    return sorted(found, key=lambda each: (each.kind != "directory", each.name))


def _entry(folder: int, entry: os.DirEntry[str], path: str) -> Entry:
    there = entry.stat(follow_symlinks=False)
    name = entry.name
    if stat.S_ISDIR(there.st_mode):
        size, whole = _weight(folder, name)
        return Entry(name, f"{path}/{name}", "directory", size, whole, there.st_mtime)
    kind = "file" if stat.S_ISREG(there.st_mode) else "other"
    return Entry(name, f"{path}/{name}", kind, there.st_size, True, there.st_mtime)


def _weight(folder: int, name: str) -> tuple[int, bool]:
    """Bytes below a directory; and were all looked at?"""
    total = looked = 0
    with suppress(OSError):
        for _, folders, files, inner in os.fwalk(name, dir_fd=folder, follow_symlinks=False):
            looked += len(folders) + len(files)
            if looked > WEIGHED:
                return total, False
            for each in files:
                with suppress(OSError):
                    total += os.stat(each, dir_fd=inner, follow_symlinks=False).st_size
    return total, True


def below(root: Path, path: str, most: int) -> Iterator[Entry]:
    """The files below a directory, level by level, at most so many."""
    upcoming, found = [path], 0
    while upcoming and found < most:
        entries, _ = listed(root, upcoming.pop(0))
        for each in entries:
            if each.kind == "directory" and each.path.count("/") < DEEPEST:
                upcoming.append(each.path)
            elif each.kind == "file" and found < most:
                found += 1
                yield each
