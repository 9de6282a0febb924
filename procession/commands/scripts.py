"""Scripts of a task as they are now, beside those of the last success.

*In:* a task. *Out:* for each step the command and its scripts: text, hash, and what differs from the last attempt that
went well. *Always:* only files that the definition itself names are read, at most `MOST` bytes of each; a file that
cannot be read says so.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from procession import code
from procession.model.task import StepPlan, Task
from procession.project import Project
from procession.store import processings, steps
from procession.store.database import Tx

MOST = 256 << 10
"""Bytes of a text that is shown."""
NEWEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Script:
    """One file."""

    path: str
    text: str | None
    digest: str | None
    problem: str
    """Why it is not shown."""
    diff: str | None
    """From the last success to now; None: it is the same, or nobody knows."""
    changed: bool


@dataclass(frozen=True, slots=True)
class OfStep:
    """What one step executes."""

    plan: StepPlan
    scripts: tuple[Script, ...]
    good: int | None
    """The processing in which it went well last."""
    commit: str | None
    """Of the repository, then."""


def scripts(project: Project, task: Task) -> list[OfStep]:
    """Every step of a task."""
    with project.store.read() as tx:
        return [_of_step(project, tx, task, plan) for plan in task.steps]


def _of_step(project: Project, tx: Tx, task: Task, plan: StepPlan) -> OfStep:
    good, hashes, commit = _good(tx, task.name, plan.name)
    paths = dict.fromkeys((*plan.command.scripts, *filter(None, (plan.script, plan.defaults))))
    found = tuple(_script(project, path, hashes.get(path)) for path in paths)
    return OfStep(plan, found, good, commit)


def _good(tx: Tx, task: str, step: str) -> tuple[int | None, Mapping[str, str], str | None]:
    """The last success of a step: its processing, the hashes of its scripts, the commit."""
    which = steps.last_good(tx, task, step, NEWEST, 0)
    found = None if which is None else processings.find(tx, which[0])
    if which is None or found is None:
        return None, {}, None
    chain = steps.of(tx, found.id)
    one = next(a for s in chain if s.ordinal == which[1] for a in s.attempts if a.number == which[2])
    around: Mapping[str, Any] = one.surroundings or {}
    return found.id, one.code, around.get("commit")


def _script(project: Project, path: str, before: str | None) -> Script:
    raw, problem = _read(path)
    if raw is None:
        return Script(path, None, None, problem, None, before is not None)
    digest, text = hashlib.sha256(raw).hexdigest(), raw.decode("utf-8", "replace")
    changed = before is not None and before != digest
    kept = code.text_of(project.var.code, before) if changed and before else None
    diff = None
    if kept is not None:
        lines = kept.splitlines(keepends=True), text.splitlines(keepends=True)
        diff = "".join(difflib.unified_diff(*lines, "last success", "now"))
    return Script(path, text, digest, "", diff, changed)


def _read(path: str) -> tuple[bytes | None, str]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        return None, f"it cannot be read: {error.strerror}"
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return None, "it is no file"
        if found.st_size > MOST:
            return None, f"it is too large to be shown: {found.st_size} bytes, at most {MOST}"
        return file.read(MOST + 1), ""


def name_of(path: str, root: Path) -> str:
    """A path as people read it: from the project, where it is in it."""
    return str(Path(path).relative_to(root)) if Path(path).is_relative_to(root) else path
