"""What a record says: the bytes of one attempt, judged.

In: bytes that may say anything, and whether somebody holds the lock of the file. Out: a `Sighting`: what is certain
about the attempt.
Always: pure; a line counts only with its checksum, the version, the key and values that a shim writes; a last line
without its end counts as not written. What cannot be understood is `Corrupt`, never a guess.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from procession.supervise import record as _record
from procession.supervise.process import boot_id

BOOT = boot_id()
"""The present boot of this machine."""
_decode = json.JSONDecoder().decode
HOW = ("exited", "signalled", "not_started", "timeout", "cancelled", "memory", "cpu", "log", "lease")
"""How an attempt may end; memory, cpu and log at a limit of its step, lease because others may have taken it over."""


class Corrupt(Exception):
    """The record says something that no shim writes."""


@dataclass(frozen=True)
class Exit:
    """The last line of a record: how the attempt ended. Times are microseconds UTC, sizes bytes."""

    key: str
    incarnation: str
    how: str
    """One of `HOW`; timeout and what follows it only if that was what ended it."""
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
    peak_tree: int | None = None
    """The most memory that the whole tree was seen to take at one moment; None: it had no limit, so nobody looked."""

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> Exit:
        """The exit that a shim wrote; Corrupt if a field is missing or of another kind."""
        try:
            known = {name: fields[name] for name in cls.__dataclass_fields__ if name != "peak_tree"}
            known["left"] = tuple(map(str, known["left"]))
            exit_ = cls(**known, peak_tree=fields.get("peak_tree"))  # records of before did not have it
        except (KeyError, TypeError) as error:
            raise Corrupt(f"the exit line is not complete: {error}") from error
        kinds = [type(value) for value in (exit_.started_at, exit_.finished_at, exit_.max_rss, exit_.log_bytes)]
        kinds += [type(code) for code in (exit_.code, exit_.signal, exit_.errno, exit_.peak_tree) if code is not None]
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


def _ending(key: str, data: bytes) -> Ended | None:
    """The end, if the last complete line tells it; the others are not even looked at."""
    end = data.rfind(b"\n")
    text = data[data.rfind(b"\n", 0, max(end, 0)) + 1 : max(end, 0)]
    if text[8:24] != b' {"kind":"exit",':
        return None
    (text,) = _checked_lines([text])
    return Ended(Exit.parse(_checked(key, text)), Record(key, data))


def judge(key: str, data: bytes, held: bool | None) -> Sighting | None:
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
    return Gone("shim_died" if record.spec.get("boot") == BOOT else "rebooted", record)


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
