"""The record of one attempt: its lines, its lock, and the space kept for its last line.

In: the path ``<spool>/<attempt key>``. Out: lines ``<crc32> <json>``: `spec` and `started` in one
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
TAIL = 1536
"""Bytes kept free behind the first lines for all that follow; no more is ever written."""
FRAME = 10
"""Bytes of a line beside its text."""

VOID_ON_FULL_DISK = b"\0"
"""All that a record holds that was voided where no line could be written: it takes no block of disk."""

_CREATE = os.O_CREAT | os.O_APPEND | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_KEEP_SIZE, _PUNCH_HOLE = 1, 2
UNSUPPORTED = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""How a file system says that it cannot give or take back single blocks."""

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


_BLOCK = 4096


def padding(size: int) -> int:
    """How many bytes make first lines of this size leave `TAIL` bytes in their last block.

    What is written into a block that the file has already cannot fail on a full disk. So a little padding is all it
    takes to be able to write the exit line, on file systems with blocks of this size; on others see `reserve`.
    """
    free = -size % _BLOCK
    return 0 if free >= TAIL else free + 1


def has_known_blocks(folder: str) -> bool:
    """Are the blocks of this file system of the size that `padding` counts with?"""
    return os.statvfs(folder).f_frsize % _BLOCK == 0


def reserve(descriptor: int, size: int) -> None:
    """Take so many bytes of disk for this file without making it longer. OSError if there is no room."""
    number = _allocate(descriptor, _KEEP_SIZE, 0, size)
    if number and number not in UNSUPPORTED:
        raise OSError(number, os.strerror(number))


def punch(descriptor: int, start: int, length: int) -> None:
    """Give these bytes of disk back; the file stays as long as it is and reads as NULs there. OSError if it cannot."""
    number = _allocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, start, length)
    if number:
        raise OSError(number, os.strerror(number))


def _allocate(descriptor: int, mode: int, start: int, length: int) -> int:
    """0, or the errno; a signal does not count."""
    while _fallocate(descriptor, mode, start, length) != 0:
        number = ctypes.get_errno()
        if number != errno.EINTR:
            return number
    return 0


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
