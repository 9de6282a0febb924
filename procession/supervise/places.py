"""Places of a reduction: made, and tried, before anything of the script begins.

In: paths. Out: nothing, or why not: `Surroundings` where waiting may help (a permission, a full disk, a mount), Refused
where it cannot. Always: a place counts as writable when something was written there, whatever its mode says.

Standard library only, Python 3.8 or newer: a part of `reducer.py`.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import Iterator

from . import deliver


class Surroundings(Exception):
    """The machine, a disk or a permission said no: it may say yes later."""


@contextlib.contextmanager
def asking(what: str) -> Iterator[None]:
    """Whatever the system refuses in here is said of the surroundings, or is a mistake where no waiting mends it."""
    try:
        yield
    except OSError as error:
        where = os.fsdecode(error.filename) if error.filename else ""
        text = f"{what}: {where or 'this machine'}: {error.strerror or error}"
        if error.errno in deliver.HARD:
            raise deliver.Refused(text) from None
        raise Surroundings(text) from None


def check_input(path: str) -> None:
    """It is there and can be read."""
    if "\0" in path:
        raise deliver.Refused("the name of an input has a NUL character in it; correct the value of the event")
    with asking("an input cannot be read"):
        if os.path.isdir(path):
            os.listdir(path)
            return
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb", buffering=0) as file:
            if not os.path.isfile(path):
                raise deliver.Refused(f"the input {path} is neither a file nor a directory")
            file.read(1)


def check_place(path: str, fixed: str | None, own: deliver.Mark) -> None:
    """Make a directory, and write into it what goes again; what is `fixed` of its path must be there (a mount, say)."""
    deliver.check_destination(path)
    with asking("a directory cannot be written"):
        if fixed and not os.path.isdir(fixed):
            raise OSError(errno.ENOENT, "it is not there; is it mounted?", fixed)
        deliver.make(path)
        probe = os.path.join(path, f"{own.process}probe")
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, b"x")
        finally:
            os.close(descriptor)
            os.unlink(probe)
