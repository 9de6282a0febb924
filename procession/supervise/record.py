"""The record of one attempt: its lines, its lock, and the space kept for its last line.

In: the path ``<spool>/<attempt key>/record``. Out: lines ``<crc32> <json>``: `spec` and `started` in one
write before the script is executed, `spawned`, and `exit` (`docs/reference`); or one single line `void`. The
lock (``flock``) is held as long as somebody works on it.
Always: *whoever writes the first line, under the lock, owns the attempt.* A shim that finds the file there,
or a line in it, leaves the attempt alone; so an attempt whose record is void never runs, and one that runs is
never void. Nothing is synced: a killed process loses no written page, and what a power loss takes was lost
work anyway.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import zlib

from procession.supervise.process import libc

VERSION = 1
"""The format of the lines written here."""
OLDEST = 1
"""The oldest format that is still read."""
TAIL = 4096
"""Bytes reserved beyond the first lines, so that a full disk cannot prevent the last one."""

_CREATE = os.O_CREAT | os.O_APPEND | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_KEEP_SIZE = 1
_UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)

_fallocate = getattr(libc, "fallocate64", None) or libc.fallocate
_fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)


def line(text: bytes) -> bytes:
    """A line of a record: the checksum of this JSON text, the text."""
    return b"%08x %b\n" % (zlib.crc32(text), text)


def own(path: str) -> int | None:
    """Create and lock the record: the attempt is the caller's. None: it was voided."""
    try:
        descriptor = os.open(path, _CREATE | os.O_EXCL, 0o600)
    except FileExistsError:
        return None
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # waits at most for somebody who looks or voids
    if os.fstat(descriptor).st_size:
        os.close(descriptor)
        return None
    return descriptor


def open_to_void(path: str) -> int:
    """Open the record, made if it is not there, neither locked nor changed."""
    return os.open(path, _CREATE, 0o600)


def reserve(descriptor: int, size: int) -> None:
    """Take so many bytes of disk for this file without making it longer. OSError if there is no room."""
    if _fallocate(descriptor, _KEEP_SIZE, 0, size) != 0:
        number = ctypes.get_errno()
        if number not in _UNSUPPORTED:
            raise OSError(number, os.strerror(number))


def append(descriptor: int, data: bytes) -> None:
    """Add whole lines, or nothing: what a full disk cut off is taken back before the OSError goes on."""
    written = 0
    try:
        while written < len(data):
            written += os.write(descriptor, data[written:] if written else data)
    except OSError:
        if written:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
        raise


def is_held(descriptor: int) -> bool:
    """Does somebody hold the lock? If not, this descriptor holds it now, shared: close it soon."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
