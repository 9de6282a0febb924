"""Put the file for scripts into another environment.

*In:* where to. *Out:* one file, ``procession.py``, written whole or not at all. *Always:* what is not ours is not
overwritten unless told.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from procession import __version__
from procession.errors import Invalid, NotFound, Refused
from procession.sdk import script

NAME = "procession.py"
"""Only under this name does ``import procession`` find it."""

OURS = "# Procession's file for scripts"
"""How a copy begins; what does not begin so is not overwritten."""


def text() -> str:
    """The file as it is put somewhere else."""
    head = f"{OURS}, version {__version__}. Written by `procession sdk`, which renews it: do not edit.\n"
    return head + Path(script.__file__).read_text(encoding="utf-8")


def place(path: Path, *, force: bool = False) -> tuple[Path, str]:
    """Write the file into a directory, or to a path that ends with ``procession.py``.

    Returns where it is now and what was done: written, renewed or kept. Raises Invalid, NotFound and Refused.
    """
    target = path / NAME if path.is_dir() else path
    if target.name != NAME:
        raise Invalid(
            f"{path} is no directory; name one, or a file called {NAME}, under which `import procession` finds it"
        )
    if not target.parent.is_dir():
        raise NotFound(f"the directory {target.parent} does not exist: make it first")
    if (target.parent / "procession" / "__init__.py").exists():
        raise Refused(
            f"{target.parent} has Procession itself, which `import procession` finds before a file: nothing is needed"
        )
    target = target.resolve()
    new = text()
    old = _old(target)
    if old == new:
        return target, "kept"
    if old is not None and not force and not old.startswith(OURS):
        raise Refused(f"{target} is not a copy of ours: rename it, choose another directory, or overwrite it: --force")
    _write(target, new)
    return target, "written" if old is None else "renewed"


def _old(target: Path) -> str | None:
    """What is there now; None if nothing is."""
    if target.is_dir():
        raise Refused(f"{target} is a directory: remove it, or choose another one")
    try:
        return target.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _write(target: Path, new: str) -> None:
    """Beside it first, then in its place: whoever imports it meanwhile gets all of it."""
    umask = os.umask(0)
    os.umask(umask)
    descriptor, beside = tempfile.mkstemp(dir=target.parent, prefix=".procession-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(new)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(0o666 & ~umask)
        Path(beside).replace(target)
    except BaseException:
        Path(beside).unlink()
        raise
