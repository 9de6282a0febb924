"""What tells that a file, or a directory with all that is in it, has not changed between two looks."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from procession.watch.pattern import Pattern


class Unfinished(Exception):
    """It is plain to see that somebody is not done with it; the text says why."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Equal at two looks: nothing has changed in between, as far as names, sizes and times tell."""

    inode: int
    size: int
    """Bytes; of a directory all that is in it."""
    nanoseconds: int
    """When it was last written; of a directory when anything in it was."""
    outer: tuple[int, int]
    """Size and time of the file or of the directory itself (its size counts as 0): what is kept of what was taken."""
    inside: int = 0
    """Of a directory: a hash of every name, inode, size and time in it."""

    @property
    def mtime(self) -> float:
        """Seconds since 1970."""
        return round(self.nanoseconds / 1e9, 6)


def stamp_of(path: str, pattern: Pattern) -> Stamp:
    """Look at it; links are followed to what they mean. FileNotFoundError if it has gone, Unfinished if it is plain
    that it is not done."""
    try:
        seen = os.stat(path)
    except FileNotFoundError:
        if os.path.islink(path):
            raise Unfinished("it is a link to nothing") from None
        raise
    if stat.S_ISDIR(seen.st_mode) != pattern.directories:
        raise FileNotFoundError(path)  # it has become something else since its directory was read
    if not pattern.directories:
        return Stamp(seen.st_ino, seen.st_size, seen.st_mtime_ns, (seen.st_size, seen.st_mtime_ns))
    try:
        size, newest, inside = _inside(path, pattern)
    except FileNotFoundError:
        raise Unfinished("something in it has just gone") from None
    return Stamp(seen.st_ino, size, max(newest, seen.st_mtime_ns), (0, seen.st_mtime_ns), inside)


def _inside(top: str, pattern: Pattern) -> tuple[int, int, int]:
    """Bytes, newest time and hash of all that is in a directory; links in it are not followed."""
    size, newest, inside = 0, 0, 0
    open_ = [top]
    while open_:
        with os.scandir(open_.pop()) as entries:
            for entry in entries:
                if pattern.ignored.fullmatch(entry.name) and not entry.name.startswith("."):
                    raise Unfinished(f"{os.fsencode(entry.name).decode(errors='replace')} in it is being written")
                seen = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(seen.st_mode):
                    open_.append(entry.path)
                else:
                    size += seen.st_size
                newest = max(newest, seen.st_mtime_ns)
                inside ^= hash((entry.path, seen.st_ino, seen.st_mtime_ns, seen.st_size, seen.st_mode))
    return size, newest, inside
