"""What a reduction has made, carried where it belongs: the directories its ``main`` returned, the archive, the plots.

In: the output directory. Out: the same files in every place, outputs of the step. Always: whole files only; a file of
somebody else is never replaced unless told, one that this very step has put there may be; what goes wrong with a
directory that ``main`` returned is a recorded error, what goes wrong with the archive is told to who called.

Standard library only, Python 3.8 or newer: a part of `reducer.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import json
import os
import shutil
from typing import Callable

from . import deliver
from .places import asking

Tell = Callable[[str], None]
"""The framework's log."""
MAX_ARTIFACTS = 100
MAX_ARTIFACT = 32 << 20
"""Bytes of a plot that is shown."""


class Published:
    """Files that this step has put somewhere, by all its attempts: these may be replaced by the next."""

    def __init__(self, step_dir: str) -> None:
        self._path = os.path.join(step_dir, "published")
        self.ours: set[str] = set()
        with contextlib.suppress(OSError), open(self._path, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                with contextlib.suppress(ValueError, OSError, TypeError):  # a line that a crash has cut
                    path, size, changed = json.loads(line)
                    seen = os.stat(path)
                    if (seen.st_size, seen.st_mtime_ns) == (size, changed):
                        self.ours.add(path)

    def note(self, file: deliver.File, target: str) -> None:
        """It is about to be put there; said before, so that a kill in between is no hindrance."""
        line = json.dumps([target, file.size, os.stat(file.source).st_mtime_ns])
        with open(self._path, "a", encoding="utf-8", errors="surrogateescape") as notes:
            notes.write(f"{line}\n")
            notes.flush()
            os.fsync(notes.fileno())


def carry(to: str, plan: deliver.Plan, own: deliver.Mark, overwrite: bool, published: Published, told: Tell) -> None:
    """Everything that was made, to one place; whole files, in no half state at any moment."""
    deliver.check_destination(to)
    made = deliver.prepare(to, plan, own)
    todo = deliver.missing(to, plan, overwrite, published.ours)
    tell = deliver.Tell(sum(file.size for file in todo))
    for file in todo:
        target = os.path.join(to, file.name)
        published.note(file, target)
        deliver.copy(file, to, own, overwrite or target in published.ours, tell)
    for directory in sorted(made):
        deliver.sync(directory)
    told(f"{to}: {len(todo)} of {len(plan.files)} files copied")


def publish(options: argparse.Namespace, step_dir: str, own: deliver.Mark, extra: list[str], told: Tell) -> None:
    """First the directories that ``main`` returned, whose failures are recorded; then the archive, which must not."""
    plan = deliver.Plan(os.path.realpath(options.into))
    for name in sorted(os.listdir(plan.base)):
        plan.add(name)
    published, reached = Published(step_dir), []
    inside = plan.base.rstrip("/") + "/"
    for place in extra:
        if options.trial:
            told(f"main returned {place}, to which nothing is copied: this is a trial")
            continue
        if f"{os.path.realpath(place)}/".startswith(inside) or place == options.output:
            told(f"main returned {place}, where it is or goes anyway")
            continue
        try:
            carry(place, plan, own, options.overwrite, published, told)
            reached.append(place)
        except (deliver.Refused, deliver.Changed, OSError) as error:
            record(f"nothing was copied to {place}, or not everything: {_words(error)}", told)
    if options.output:
        with asking("the archive cannot be written"):
            carry(options.output, plan, own, options.overwrite, published, told)
    size = sum(file.size for file in plan.files.values())
    left = {"inputs": options.inputs, "output_dir": options.into, "files": len(plan.files), "bytes": size}
    left["extra"] = reached
    if options.output:
        left["archive"] = options.output
    deliver.append("OUTPUT", json.dumps(left))


def show(options: argparse.Namespace, told: Tell) -> None:
    """Copies of the plots among the artifacts, where people see them; what goes wrong with them ends nothing."""
    to = os.environ.get("PROCESSION_ARTIFACTS")
    if not to or not os.path.isdir(options.into):
        return
    shown = 0
    for directory, _, names in os.walk(options.into):
        for name in sorted(names):
            path = os.path.join(directory, name)
            relative = os.path.relpath(path, options.into)
            if not any(fnmatch.fnmatch(name, pattern) or relative == pattern for pattern in options.artifact):
                continue
            if os.path.islink(path) or not os.path.isfile(path) or os.path.getsize(path) > MAX_ARTIFACT:
                continue
            if shown == MAX_ARTIFACTS:
                told(f"there are more plots than {MAX_ARTIFACTS}; the others are not shown")
                return
            try:
                os.makedirs(os.path.dirname(os.path.join(to, relative)), exist_ok=True)
                shutil.copyfile(path, os.path.join(to, relative))
            except OSError as error:
                told(f"{relative} is not shown: {error.strerror}")
                continue
            shown += 1
            told(f"{relative} is shown as an artifact")


def record(text: str, told: Tell) -> None:
    """An error that ends nothing, and is not lost."""
    told(text)
    deliver.append("ERRORS", " ".join(text.split()))


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    return str(error)
