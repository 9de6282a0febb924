"""Removing directories that scripts have written: confined, and safe at every moment.

In: the directory of a processing. Out: its working files (or all of it) are gone. First they are moved into the trash
by one rename each, so that whoever looks finds them whole or not at all; then the trash is emptied, at leisure, and at
the next start, should we not get to it.
Always: no path is followed: every directory is opened by its name in the one before, links never are. In the trash
everything is moved up to the top before it is entered, so a tree of any depth needs neither recursion nor a long path,
and a mounted file system (which cannot be moved) is never entered. A script that puts a link in the place of a
directory at any moment loses the link.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

log = logging.getLogger("procession")

INTO = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
FILES = "files"
"""Names of working directories: of the chain, of a step, of an attempt."""
STEP, ATTEMPT = re.compile(r"[0-9]{2,}-"), re.compile(r"[0-9]+\Z")
NAME = re.compile(r"([0-9]{1,18})\.([0-9]{1,18})\.[0-9a-f]{16}\Z")
"""In the trash: the id, when it had ended, and a number by chance."""
Run = tuple[int, int]
"""A processing, and when it had ended (microseconds; 0: not told): one that ran again has other files."""
NOT_EMPTY = (errno.ENOTEMPTY, errno.EEXIST)


class Trash:
    """The trash of one ``var/``. Several may add to it and empty it at a time."""

    def __init__(self, var: Path) -> None:
        self._work = var / "work"
        apart = self._work.stat().st_dev != var.stat().st_dev  # work/ is a file system of its own
        self.root = (self._work / ".trash") if apart else var / "trash"
        self.root.mkdir(mode=0o700, exist_ok=True)

    @contextmanager
    def closed(self, processing_id: int, lock: str) -> Iterator[bool]:
        """Keep everybody out of a processing's directory; False if somebody is in, who holds this lock.

        Where there is no directory, or its lock cannot be made (a full disk), nobody can be in.
        """
        descriptor = -1
        with suppress(OSError), _opened(self._work) as work, _opened(str(processing_id), work) as home:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(lock, flags, 0o600, dir_fd=home)
        try:
            yield descriptor < 0 or _locked(descriptor)
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def take_files(self, processing_id: int, ended_at: int = 0) -> None:
        """Move the working files of a processing, which ended then (microseconds), into the trash.

        Its logs, records and artifacts stay."""
        of = (processing_id, ended_at)
        with suppress(FileNotFoundError), _opened(self._work) as work, self._home(of, work) as home:
            self._take(of, home, FILES)
            for step in _directories(home, STEP):
                with suppress(OSError), _opened(step, home) as inner:
                    self._take(of, inner, FILES)
                    for attempt in _directories(inner, ATTEMPT):
                        with suppress(OSError), _opened(attempt, inner) as innermost:
                            self._take(of, innermost, FILES)

    @contextmanager
    def _home(self, of: Run, work: int) -> Iterator[int]:
        """Its directory; whatever else has taken that place goes into the trash."""
        name = str(of[0])
        _ours(name, work)
        try:
            home = os.open(name, INTO, dir_fd=work)
        except NotADirectoryError:
            self._take(of, work, name)
            raise FileNotFoundError(errno.ENOENT, "it was no directory") from None
        try:
            yield home
        finally:
            os.close(home)

    def take_all(self, processing_id: int, ended_at: int = 0) -> None:
        """Move the whole directory of a processing, which ended then (microseconds), into the trash."""
        with _opened(self._work) as work:
            self._take((processing_id, ended_at), work, str(processing_id))

    def _take(self, of: Run, parent: int, name: str) -> None:
        with suppress(FileNotFoundError), _opened(self.root) as here:
            _ours(name, parent)
            os.rename(name, _free_name(f"{of[0]}.{of[1]}"), src_dir_fd=parent, dst_dir_fd=here)

    def left(self) -> frozenset[Run]:
        """Processings of which something lies in the trash, and when they had ended; other names say nothing to us."""
        with _opened(self.root) as here:
            found = [NAME.match(name) for name in _names(here)]
        return frozenset((int(each[1]), int(each[2])) for each in found if each)

    def empty(self) -> bool:
        """Remove everything in the trash; False if something could not be removed, which the log says."""
        with _opened(self.root) as here:
            stuck: dict[str, str | None] = {}
            while names := [name for name in _names(here) if name not in stuck]:
                for name in names:
                    try:
                        _remove(here, name)
                    except FileNotFoundError:  # somebody else empties it, too
                        continue
                    except OSError as error:
                        stuck[name] = error.strerror
        for name, why in stuck.items():
            log.error("%s cannot be removed (%s); remove it by hand", self.root / name, why)
        return not stuck


def _remove(here: int, name: str) -> None:
    """Remove one entry of the trash; directories in it are moved up beside it, and removed in the next round."""
    if _unlinked(here, name):
        return
    trouble: OSError | None = None
    with _opened(name, here) as inner, os.scandir(inner) as entries:
        for entry in entries:
            try:
                if _unlinked(inner, entry.name):
                    continue
                _ours(entry.name, inner)
                top = _free_name(name.rpartition(".")[0] or name)
                os.rename(entry.name, top, src_dir_fd=inner, dst_dir_fd=here)
            except FileNotFoundError:
                continue
            except OSError as error:  # a mounted file system, or a file that is made immutable
                trouble = error
    if trouble is not None:
        raise trouble
    with suppress(FileNotFoundError):
        os.rmdir(name, dir_fd=here)


def _unlinked(parent: int, name: str) -> bool:
    """Remove a file, a link or an empty directory; False: it is a directory with something in it."""
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return True
    except (IsADirectoryError, PermissionError):
        try:
            os.rmdir(name, dir_fd=parent)
        except OSError as error:
            if error.errno in NOT_EMPTY or isinstance(error, PermissionError):
                return False
            raise
    return True


def _ours(name: str, parent: int) -> None:
    """Let us enter, read and move a directory whatever its mode; anything else is left as it is.

    Through a descriptor that opens nothing, so that no link is followed.
    """
    try:
        found = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except OSError:
        return
    try:
        if os.fstat(found).st_mode & 0o700 != 0o700:
            with suppress(OSError):
                Path(f"/proc/self/fd/{found}").chmod(0o700)
    finally:
        os.close(found)


def _free_name(of: str) -> str:
    """A name in the trash that nobody else takes: whose it is, and a number by chance."""
    return f"{of}.{os.urandom(8).hex()}"


@contextmanager
def _opened(path: Path | str, parent: int | None = None) -> Iterator[int]:
    if isinstance(path, str) and parent is not None:
        _ours(path, parent)
    descriptor = os.open(path, INTO, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _names(directory: int) -> list[str]:
    return os.listdir(directory)


def _directories(parent: int, kind: re.Pattern[str]) -> list[str]:
    """Names of this kind in a directory; whoever opens them sees whether they are directories."""
    return [name for name in _names(parent) if kind.match(name)]


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
