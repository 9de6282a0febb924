"""Entering a failure: a terminal in the very directory and environment of an attempt.

In: a step that is not running. Out: everything a shell needs to be where the script was: directory, environment, umask,
limits, and two functions, ``rerun`` and ``accept``.
Always: refused while the step runs; as long as somebody is in, a lock on the processing's directory says so; what the
shell itself changes in its environment (SHLVL and the like) is put back for ``rerun``, so that the script sees no
difference.
"""

from __future__ import annotations

import os
import resource
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from procession import contract
from procession.commands import processings
from procession.commands.steps import RERUN, RERUN_LOG
from procession.errors import HostError, Refused
from procession.model.processing import Step
from procession.model.states import State
from procession.project import Project
from procession.supervise import spool
from procession.workdir import ENTERED, hold

RESTORED = ("SHLVL", "PWD", "OLDPWD", "_", "TERM", "COLUMNS", "LINES", "PS1", "HISTFILE", contract.BY_HAND)
"""Variables that the shell changes; for ``rerun`` they are again as the script had them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What it takes to be where a script was."""

    processing_id: int
    step: Step
    attempt_dir: Path
    cwd: Path
    argv: list[str]
    program: str
    environment: dict[str, str]
    umask: int
    limits: dict[str, tuple[int, int]]
    lock: int
    """Descriptor of the lock on the processing's directory; whoever holds it is in."""


def enter(project: Project, processing_id: int, step_name: str | None) -> Entry:
    """Take the way into the latest attempt of a step; Refused while it runs or if it never began."""
    processing = processings.get(project, processing_id)
    step = processings.find_step(processing, step_name)
    if step.state is State.RUNNING:
        raise Refused(f"step {step.name} of processing {processing_id} is running; wait for it, or cancel it first")
    if not step.executed:
        raise Refused(f"step {step.name} of processing {processing_id} has not run yet; there is nothing to enter")
    if any(one.pooled for one in step.attempts if one.number == step.executed):
        raise Refused(
            f"step {step.name} of processing {processing_id} is a Python function; it has no process and no directory "
            "of its own to enter; read its log: procession logs, and call the function by hand in Python"
        )
    processings.check_files(processing)
    number = step.executed
    attempt_dir = project.var.attempt(processing_id, step.ordinal, step.name, number)
    spec = _spec(project, attempt_dir, processing_id, step, number)
    lock = hold(project.var.work(processing_id) / ENTERED, f"{os.getpid()}\n")
    if lock is None:
        raise Refused(f"somebody is in the directory of processing {processing_id} already, in another shell")
    try:
        check_directory(Path(spec["cwd"]))  # now that the cleaner keeps out
    except HostError:
        os.close(lock)
        raise
    return Entry(
        processing_id,
        step,
        attempt_dir,
        Path(spec["cwd"]),
        list(spec["argv"]),
        spec["program"],
        {**spec["env_base"], **spec["env_set"]},
        int(spec["umask"]),
        {name: (soft, hard) for name, (soft, hard) in spec.get("limits", {}).items()},
        lock,
    )


def _spec(project: Project, attempt_dir: Path, processing_id: int, step: Step, number: int) -> dict[str, Any]:
    """The specification of the attempt, from its record: put away beside its log, or still in the spool."""
    record = spool.archived(attempt_dir)
    if record is None:
        sighting = spool.look(project.var.spool, project.attempt_key(processing_id, step.ordinal, number))
        record = getattr(sighting, "record", None)
    if record is None or not record.spec:
        raise HostError(
            f"the record of this attempt is missing in {attempt_dir}; its directory may have been cleaned away"
        )
    spec: dict[str, Any] = record.spec
    return spec


def check_directory(cwd: Path) -> None:
    """Raise HostError if nobody can be where the script was."""
    try:
        os.stat(f"{cwd}/.")  # noqa: PTH116  what chdir(2) asks for; a Path drops the dot
    except OSError as error:
        raise HostError(f"the directory {cwd} cannot be entered ({error.strerror}); was it cleaned away?") from None


def become(entry: Entry) -> None:
    """Let this process have the script's directory, umask and limits; a limit that cannot be had is said."""
    os.chdir(entry.cwd)
    os.umask(entry.umask)
    for name, (soft, hard) in entry.limits.items():
        which = getattr(resource, f"RLIMIT_{name}", None)
        if which is None or resource.getrlimit(which) == (soft, hard):
            continue
        try:
            resource.setrlimit(which, (soft, hard))
        except (ValueError, OSError):
            sys.stderr.write(f"procession: the limit {name} of the script cannot be had here\n")


def rc_text(entry: Entry, project: Project) -> str:
    """The start file of the shell: prompt, ``rerun`` and ``accept``."""
    ours = f"{shlex.quote(sys.executable)} -P -m procession --project {shlex.quote(str(project.root))}"
    restore = [
        f"{name}={shlex.quote(entry.environment[name])}" if name in entry.environment else f"-u {name}"
        for name in RESTORED
    ]
    # -u first: what env is told to unset and to set must not be mixed up
    changes = " ".join(sorted(restore, key=lambda text: not text.startswith("-u ")))
    command = shlex.join([entry.program, *entry.argv[1:]])
    script = f"cd {shlex.quote(str(entry.cwd))} && exec env {changes} {command}"
    directory, log = shlex.quote(str(entry.attempt_dir)), shlex.quote(str(entry.attempt_dir / RERUN_LOG))
    ended = shlex.quote(str(entry.attempt_dir / RERUN))
    files = " ".join(contract.FILES)
    return f"""
export {contract.BY_HAND}="$PROCESSION_KEY-$PROCESSION_ATTEMPT"
PS1='[{entry.processing_id} {entry.step.name}] \\w \\$ '
rerun() {{  # the script again: same command, environment as in this shell, stdin /dev/null unless --tty
    local tty=no status file
    [ "$1" = --tty ] && tty=yes
    for file in {files}; do  # what the try before left is put aside, so that it is not taken twice
        [ -e {directory}/$file ] && mv -f {directory}/$file {directory}/$file.before
    done
    : > {ended}  # as long as this is empty, the script is run by hand, and locks nothing
    if [ $tty = yes ]; then
        ( {script} ) {entry.lock}<&-
        status=$?
    else
        ( {script} ) < /dev/null 2>&1 {entry.lock}<&- | tee {log}
        status=${{PIPESTATUS[0]}}
    fi
    echo $status > {ended}
    if [ $status = 0 ]; then echo "rerun: exit code 0; take it with: accept" >&2
    else echo "rerun: exit code $status" >&2; fi
    return $status
}}
accept() {{  # what lies here is the result of the step; the chain goes on
    env {changes} {ours} accept {entry.processing_id} {shlex.quote(entry.step.name)} "$@" && exit 0
}}
"""
