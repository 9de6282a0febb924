"""Where tests put what they make: in memory, where there is room, else in the usual place.

A commit of SQLite waits until the disk has it, and on a disk that others use too this was most of the time of many
tests, though none of them can see whether a disk keeps its word. What is about files themselves stays on the disk: the
folders whose conftest has the fixture `tmp_path` of here.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PLACE, DISK = "/dev/shm", "/var/tmp"
ROOM = 4 << 30
"""Bytes that must be free in memory: several times what a run of all tests takes, its PostgreSQL included."""


def place() -> str | None:
    """A directory in memory with room, from which programs may be run; None: there is none."""
    with contextlib.suppress(OSError):
        runs = not os.statvfs(PLACE).f_flag & os.ST_NOEXEC  # the one of a container forbids it
        if runs and os.access(PLACE, os.W_OK) and shutil.disk_usage(PLACE).free > ROOM:
            return PLACE
    return None


def use() -> None:
    """Put temporary files of this process, and of those that it starts, there from now on; TMPDIR=… says otherwise."""
    if "TMPDIR" not in os.environ and (memory := place()):
        os.environ["TMPDIR"] = tempfile.tempdir = memory


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A directory on the disk, until the end of the test."""
    with tempfile.TemporaryDirectory(prefix="procession-", dir=DISK, ignore_cleanup_errors=True) as directory:
        yield Path(directory)
