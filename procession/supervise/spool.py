"""The spool: one file per attempt, read by whoever launches.

In: ``<spool>/<attempt key>``, the record that a shim writes (see `record`). A launcher adds
``.cancel/<key>``, a wish, and ``.spec/<key>``, a specification too long for a socket; no key begins with a
dot.
Out: a `Sighting` of each attempt: what is certain about it now.
Always: what is read is judged by checksum, version, owner and key, and never trusted; liveness is the held
lock, never a pid; nothing that cannot be understood is deleted, it is put aside. A last line without its end
counts as not written.

Flat, and a record leaves by being renamed, because making and removing a directory for each attempt doubled
the cost of the files, and a file system that has just removed many is slow to make new ones.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path

from procession.supervise import record as _record
from procession.supervise.sighting import BOOT, Corrupt, Record, Sighting, Unreadable, Unstarted, Void, judge

LARGEST_RECORD = 32 << 20
"""Bytes; no specification that the system would execute is longer."""

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC


def look(spool: Path | str, key: str) -> Sighting:
    """What is certain about this attempt now. Takes its lock, shared and for an instant, if nobody has it."""
    path = f"{spool}/{key}"
    try:
        descriptor = os.open(path, _READ)
    except FileNotFoundError:
        return Unstarted()
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
            raise  # says nothing about the record
        return Unreadable(Path(path), "a symbolic link" if error.errno == errno.ELOOP else str(error.strerror))
    held = False
    try:
        with contextlib.suppress(Corrupt):  # read again when it is known whether somebody still writes
            if sighting := judge(key, _read(descriptor), held=None):
                return sighting
        held = _record.is_held(descriptor)
        sighting = judge(key, _read(descriptor), held=held)
        assert sighting is not None
    except Corrupt as error:
        return Unreadable(Path(path), str(error), held)
    finally:
        os.close(descriptor)
    return sighting


def archived(attempt_dir: Path | str) -> Record | None:
    """The record that `archive` put beside the log of a settled attempt; None if it is missing or not in order."""
    try:
        descriptor = os.open(f"{attempt_dir}/record", _READ)
    except OSError:
        return None
    try:
        record = Record("", _read(descriptor))
        return record if record.spec else None
    except Corrupt:
        return None
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> bytes:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise Corrupt("not a regular file")
    if found.st_uid != os.geteuid():
        raise Corrupt(f"it belongs to user {found.st_uid}")
    if found.st_size > LARGEST_RECORD:
        raise Corrupt(f"{found.st_size} bytes are more than any record has")
    return os.pread(descriptor, found.st_size, 0)


def void(spool: Path | str, key: str, by: str) -> bool:
    """Make sure that this attempt never starts; False if it has started, or is about to. May be called again.

    The record stays: it must stand there as long as a shim may still find the attempt in its queue. That shim
    clears it away.
    """
    try:
        descriptor = _record.open_to_void(f"{spool}/{key}")
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        data = _read(descriptor)
        if data:
            return isinstance(judge(key, data, held=False), Void)
        _write_void(descriptor, key, by)
    except (BlockingIOError, Corrupt):
        return False
    finally:
        os.close(descriptor)
    return True


def _write_void(descriptor: int, key: str, by: str) -> None:
    fields = {
        "kind": "void",
        "v": _record.VERSION,
        "key": key,
        "by": by,
        "at": time.time_ns() // 1000,
        "boot": BOOT,
    }
    text = json.dumps(fields, separators=(",", ":")).encode()
    try:
        _record.append(descriptor, _record.line(text))
    except OSError:
        os.ftruncate(descriptor, len(_record.VOID_ON_FULL_DISK))  # takes no block of disk, and is not empty


def ask_to_cancel(spool: Path | str, key: str, by: str) -> None:
    """Leave the wish that a running attempt ends; its shim sees it in a second, or at once when signalled."""
    _write(f"{spool}/.cancel", key, by.encode("utf-8", "replace")[:1000])


def write_spec(spool: Path | str, key: str, message: bytes) -> str:
    """Put a specification that is too long for a socket where the shim finds it; return its path."""
    return _write(f"{spool}/.spec", key, message)


def _write(folder: str, key: str, content: bytes) -> str:
    path = f"{folder}/{key}"
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    with open(os.open(path, _WRITE, 0o600), "wb") as target:
        target.write(content)
    return path


def keys(spool: Path | str) -> list[str]:
    """All attempts that have a record here, whatever it says."""
    try:
        with os.scandir(spool) as entries:
            return sorted(entry.name for entry in entries if not entry.name.startswith("."))
    except FileNotFoundError:
        return []


def archive(spool: Path | str, key: str, to: Path | str) -> None:
    """Move the record into the attempt's directory, if that is still there, and clear the rest away.

    For attempts whose end is stored: nothing of it is needed for recovery any more. May be called again. Scripts may
    do with that directory what they like: where it is not one, or takes no record, the record is put aside; it never
    goes where a symbolic link leads.
    """
    path = f"{spool}/{key}"
    try:
        directory = os.open(to, _DIRECTORY)
        try:
            _move(path, directory)
        finally:
            os.close(directory)
    except FileNotFoundError:
        _put_away(spool, key, _remove)
    except OSError:
        _put_away(spool, key, lambda _: quarantine(spool, key))
    with contextlib.suppress(OSError):
        _remove(f"{spool}/.cancel/{key}")


def _put_away(spool: Path | str, key: str, how: Callable[[str], object]) -> None:
    """What cannot be put away now stays in the spool, where it is found again."""
    with contextlib.suppress(OSError):
        how(f"{spool}/{key}")


def _move(path: str, directory: int) -> None:
    """Rename into this directory; across file systems copy, so that the record is there whole or not at all."""
    try:
        os.rename(path, "record", dst_dir_fd=directory)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        passing = f"record.{os.getpid()}"
        with (
            open(os.open(path, _READ), "rb") as source,
            open(os.open(passing, _WRITE, 0o600, dir_fd=directory), "wb") as target,
        ):
            shutil.copyfileobj(source, target)
        os.rename(passing, "record", src_dir_fd=directory, dst_dir_fd=directory)
        _remove(path)


def discard(spool: Path | str, key: str) -> None:
    """Remove all traces of an attempt: of one that is stored, or that no queue can hold any more."""
    for folder in ("", ".cancel/", ".spec/"):
        _remove(f"{spool}/{folder}{key}")


def quarantine(spool: Path | str, key: str) -> Path | None:
    """Put a record aside, for a person to look at, and return where; None if it is not there."""
    spool = Path(spool)
    aside = spool.with_name(f"{spool.name}.quarantine")
    aside.mkdir(mode=0o700, exist_ok=True)
    target = aside / f"{key}.{time.time_ns()}"
    try:
        os.rename(spool / key, target)
    except FileNotFoundError:
        return None
    return target


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
