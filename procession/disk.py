"""What a disk has and what a directory holds.

In: a path. Out: free and total bytes (`Space`), the bytes that a tree really takes (`measure`), or a directory that is
opened (`folder`).
Always: nothing is changed; a link is never followed, no other file system is entered, and a tree may be deeper than any
path can name. A tree that changes while it is measured gives a number from in between.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

BLOCK = 512
"""Bytes of what stat(2) calls a block, whatever the file system uses."""
INTO = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""How a directory is opened that somebody else may have put a link in the place of."""


@dataclass(frozen=True, slots=True)
class Space:
    """A file system as it is now: bytes."""

    total: int
    free: int
    """What we may still write; what is kept for root is not in it."""
    nodes: int | None = None
    """Files that can still be made; None: as many as one likes."""


def folder(root: Path, pieces: Iterable[str]) -> int:
    """A directory below the root, opened piece by piece; no link is followed there. OSError where there is none."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for piece in pieces:
        try:
            inner = os.open(piece, INTO, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor


def space(path: Path) -> Space:
    """What the file system of this path has; OSError if it cannot be asked."""
    found = os.statvfs(path)
    nodes = found.f_favail if found.f_files else None
    return Space(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize, nodes)


def measure(path: Path) -> int:
    """Bytes that everything under this directory takes, its own entry included; 0 where there is none.

    A file with several names in it counts once. What cannot be read is left out. Two descriptors are open at a time,
    however deep it goes: the way back up is ``..``, checked against where it was.
    """
    try:
        here = os.open(path, INTO)
    except OSError:
        return 0
    own = os.fstat(here)
    total, seen = own.st_blocks * BLOCK, set[int]()
    above: list[tuple[int, list[str]]] = []
    try:
        below, found = _look(here, own.st_dev, seen)
        total += found
        while below or above:
            if below:
                name = below.pop()
                with suppress(OSError):
                    number = os.fstat(here).st_ino
                    inner = os.open(name, INTO, dir_fd=here)
                    os.close(here)
                    here = inner
                    above.append((number, below))
                    below, found = _look(here, own.st_dev, seen)
                    total += found
                continue
            number, below = above.pop()
            outer = os.open("..", INTO, dir_fd=here)
            os.close(here)
            here = outer
            if os.fstat(here).st_ino != number:  # it was moved meanwhile: where we are now is not ours to count
                break
    except OSError:
        return total
    finally:
        os.close(here)
    return total


def _look(here: int, device: int, seen: set[int]) -> tuple[list[str], int]:
    """Names of the directories in this one, and the bytes of all its entries."""
    below, total = [], 0
    try:
        with os.scandir(here) as entries:
            for entry in entries:
                with suppress(OSError):
                    found = os.stat(entry.name, dir_fd=here, follow_symlinks=False)
                    if found.st_dev != device or (found.st_nlink > 1 and found.st_ino in seen):
                        continue
                    if stat.S_ISDIR(found.st_mode):
                        below.append(entry.name)
                    elif found.st_nlink > 1:
                        seen.add(found.st_ino)
                    total += found.st_blocks * BLOCK
    except OSError:
        return [], 0
    return below, total
