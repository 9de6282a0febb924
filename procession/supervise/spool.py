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
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from procession.supervise import record as _record
from procession.supervise.process import boot_id

LARGEST_RECORD = 32 << 20
"""Bytes; no specification that the system would execute is longer."""

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_decode = json.JSONDecoder().decode
_WRITE = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_BOOT = boot_id()
HOW = ("exited", "signalled", "not_started", "timeout", "cancelled")


class Corrupt(Exception):
    """The record says something that no shim writes."""


@dataclass(frozen=True)
class Exit:
    """The last line of a record: how the attempt ended. Times are microseconds UTC, sizes bytes."""

    key: str
    incarnation: str
    how: str
    """exited, signalled, not_started, timeout or cancelled: the last two only if that was what ended it."""
    code: int | None
    """The exit code of the script itself; None if a signal ended it or it never ran."""
    signal: int | None
    errno: int | None
    """Why it could not be started, in the system's terms."""
    reason: str | None
    """The same for a person."""
    started_at: int
    finished_at: int
    """When the script itself had ended; what it left running is ended after that."""
    seconds: float
    """By the boot clock, which does not jump."""
    max_rss: int
    """Peak memory of the largest process; never below that of a shim (some megabytes)."""
    cpu: float
    log_bytes: int
    left: tuple[str, ...]
    """Names among output, events, progress, ... that the script left with content."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> Exit:
        """The exit that a shim wrote; Corrupt if a field is missing or of another kind."""
        try:
            known = {name: fields[name] for name in cls.__dataclass_fields__}
            known["left"] = tuple(map(str, known["left"]))
            exit_ = cls(**known)
        except (KeyError, TypeError) as error:
            raise Corrupt(f"the exit line is not complete: {error}") from error
        kinds = [type(value) for value in (exit_.started_at, exit_.finished_at, exit_.max_rss, exit_.log_bytes)]
        kinds += [type(code) for code in (exit_.code, exit_.signal, exit_.errno) if code is not None]
        measured = type(exit_.seconds) is float and type(exit_.cpu) is float
        certain = exit_.code is not None or exit_.how != "exited"
        if exit_.how not in HOW or kinds.count(int) != len(kinds) or not (measured and certain):
            raise Corrupt("the exit line holds values that no shim writes")
        return exit_


@dataclass(frozen=True)
class Record:
    """What a record says, read when it is asked for."""

    key: str
    data: bytes

    @cached_property
    def lines(self) -> tuple[bytes, ...]:
        """The JSON texts of the complete lines, without checksums. Corrupt: one of them is wrong."""
        return _lines(self.data)

    def find(self, kind: str) -> dict[str, Any]:
        """The line of this kind; empty if it was not written."""
        start = b'{"kind":"%b"' % kind.encode()
        for text in self.lines:
            if text.startswith(start):
                return _object(text)
        return {}

    @cached_property
    def spec(self) -> dict[str, Any]:
        """What was to be executed, and the surroundings; empty if that cannot be read."""
        try:
            return self.find("spec")
        except Corrupt:
            return {}

    @cached_property
    def started_at(self) -> int | None:
        """Microseconds UTC; None: it never was executed."""
        at = self.find("started").get("at")
        return at if isinstance(at, int) else None

    @property
    def shim(self) -> int:
        """The pid of the shim; certain only while the lock is held. 0: not known."""
        pid = self.spec.get("shim")
        return pid if isinstance(pid, int) else 0

    @property
    def incarnation(self) -> str:
        """Which database it belongs to."""
        return str(self.spec.get("incarnation", ""))


@dataclass(frozen=True)
class Unstarted:
    """There is no record, or an empty one that nobody holds: it did not run, and may still, unless voided."""


@dataclass(frozen=True)
class Void:
    """It did not run and never will."""

    by: str
    at: int | None


@dataclass(frozen=True)
class Running:
    """A shim has it, now. The record may still be empty in the first instant."""

    record: Record


@dataclass(frozen=True)
class Ended:
    """It has ended, and how is certain."""

    exit: Exit
    record: Record


@dataclass(frozen=True)
class Gone:
    """It was started, its shim is gone, and how it ended is not known: `rebooted` or `shim_died`."""

    reason: str
    record: Record


@dataclass(frozen=True)
class Unreadable:
    """There is something that no shim of ours has written."""

    path: Path
    why: str
    held: bool = False
    """Somebody holds its lock: what it belongs to still runs, and its end may yet be told."""


Sighting = Unstarted | Void | Running | Ended | Gone | Unreadable


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
            if sighting := _judge(key, _read(descriptor), held=None):
                return sighting
        held = _record.is_held(descriptor)
        sighting = _judge(key, _read(descriptor), held=held)
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


def _ending(key: str, data: bytes) -> Ended | None:
    """The end, if the last complete line tells it; the others are not even looked at."""
    end = data.rfind(b"\n")
    text = data[data.rfind(b"\n", 0, max(end, 0)) + 1 : max(end, 0)]
    if text[8:24] != b' {"kind":"exit",':
        return None
    (text,) = _checked_lines([text])
    return Ended(Exit.parse(_checked(key, text)), Record(key, data))


def _judge(key: str, data: bytes, held: bool | None) -> Sighting | None:
    """What these bytes and this lock mean; without an answer about the lock, None where it is needed."""
    ended = _ending(key, data)
    if ended:
        return ended
    record = Record(key, data)
    last = record.lines[-1] if record.lines else b""
    if last.startswith(b'{"kind":"void"'):
        fields = _checked(key, last)
        return Void(str(fields.get("by", "")), fields.get("at") if isinstance(fields.get("at"), int) else None)
    if held is None:
        return None
    if record.lines:
        _checked(key, record.lines[0])
    if held:
        return Running(record)
    if not data:
        return Unstarted()
    if record.started_at is None:  # a full disk at the first write or while voiding: nobody takes a record with content
        return Void("", None)
    return Gone("shim_died" if record.spec.get("boot") == _BOOT else "rebooted", record)


def _lines(data: bytes) -> tuple[bytes, ...]:
    """The complete lines, checked. Corrupt: one is wrong, or there is only what no torn first line can be."""
    *whole, torn = data.split(b"\n")
    if not whole and torn and torn != _record.VOID_ON_FULL_DISK and not _begins_a_line(torn):
        raise Corrupt("not the beginning of a record")
    return _checked_lines(whole)


def _checked_lines(whole: list[bytes]) -> tuple[bytes, ...]:
    texts = []
    for number, text in enumerate(whole, 1):
        body = text[9:]
        if text[:9] != b"%08x " % zlib.crc32(body):
            raise Corrupt(f"line {number} does not have its checksum")
        if not body.startswith(b'{"kind":"'):
            raise Corrupt(f"line {number} is of no kind")
        texts.append(body)
    return tuple(texts)


def _begins_a_line(torn: bytes) -> bool:
    checksum, blank, body = torn[:8], torn[8:9], torn[9:]
    start = b'{"kind":"'
    return (
        all(byte in b"0123456789abcdef" for byte in checksum)
        and blank in (b"", b" ")
        and body[: len(start)] == start[: len(body)]
        and body.isascii()
        and b"\0" not in body
    )


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = _decode(text.decode())
    except ValueError as error:
        raise Corrupt(f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Corrupt("not an object")
    return found


def _checked(key: str, text: bytes) -> dict[str, Any]:
    """The line, if it is of this attempt and of a version that is read here."""
    fields = _object(text)
    version = fields.get("v")
    if type(version) is not int or version < _record.OLDEST:
        raise Corrupt(f"version {version!r} is not one of ours")
    if version > _record.VERSION:
        raise Corrupt(f"version {version} was written by a newer Procession")
    if fields.get("key") != key:
        raise Corrupt(f"it is the record of attempt {fields.get('key')!r}")
    return fields


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
            return isinstance(_judge(key, data, held=False), Void)
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
        "boot": _BOOT,
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
