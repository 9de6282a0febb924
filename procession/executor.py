"""The contract of an executor: it runs attempts somewhere, and can be asked about each by our own key.

In: jobs, each with the key of its attempt. Out: notices that attempts ended, and what is certain about each
when asked.
Always: a key is handed over once and runs at most once; `void` and the start of the attempt exclude each
other, so after ``void(...) == True`` it never starts; what runs goes on when the launcher is gone, and a new
launcher finds it by the same key (`keys`, `adopt`). Unknown is never an end: only `Ended` says how it ended.
One thread uses an executor; no call waits for a script.

Implementations: `procession.executors.local`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from procession.supervise.sighting import (
    Ended,
    Exit,
    Gone,
    Record,
    Running,
    Sighting,
    Unreadable,
    Unstarted,
    Void,
)

__all__ = [
    "Answer",
    "Ended",
    "Executor",
    "Exit",
    "Gone",
    "Job",
    "Notices",
    "Record",
    "Running",
    "Sighting",
    "Unreadable",
    "Unstarted",
    "Void",
]

Answer = Literal["void", "asked", "ended", "gone"]
"""What a cancel came to: it will never start; it runs and is being ended; it had ended; its shim is gone."""


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt, ready to be started: everything in it is resolved, and all paths are absolute."""

    key: str
    """The attempt key; never used for a second job."""
    label: str
    """For people: what ``ps`` shows, as in ``18231/2/1 calibrate``."""
    program: str
    """The path of what is executed; never looked for in PATH."""
    argv: Sequence[str]
    """Its arguments, the name it is called by first."""
    cwd: str
    attempt_dir: str
    """Where ``run.sh`` is left and the agreed files (output, events, ...) are looked for."""
    log: str
    """The file that takes standard output and standard error."""
    dirs: Sequence[str] = ()
    """Directories to make first, with their parents; those that are there are left as they are."""
    files: dict[str, str] = field(default_factory=dict)
    """Texts to write first, by path; files that are there are left as they are."""
    env_set: dict[str, str] = field(default_factory=dict)
    """Variables over the environment of whoever started Procession."""
    env_drop: Sequence[str] = ()
    """Names taken out of that environment."""
    timeout: float | None = None
    """Seconds until its whole tree is ended; None: as long as it takes."""
    grace: float = 10.0
    """Seconds between the polite signal and the certain one."""
    memory: int | None = None
    """Bytes that its whole tree may take at one moment; above them it is killed, without a grace."""
    quiet: float | None = None
    """Seconds without a sign of life (neither its log nor its progress file grows) until its whole tree is ended."""
    cpu_seconds: float | None = None
    """Seconds of processor time that its whole tree, and each process of it, may use until it is ended."""
    open_files: int | None = None
    """Files that each process of it may have open at one moment; the system refuses more."""
    log_max: int | None = None
    """Bytes of its log that stay on disk; None: all of them."""
    log_over: str = "cut"
    """What follows where there are more: the middle of the log goes (``cut``), and the tree is ended too (``kill``)."""
    lease: str | None = None
    """The file of a lease (`procession.supervise.lease`): when that has passed its tree is ended; None: it runs on."""
    not_after: float | None = None
    """By the clock of `Executor.expiry`: after that nobody hands it over or takes it any more; None: as if it had been
    made when it is handed over."""


@dataclass(slots=True)
class Notices:
    """What an executor has to tell since it was last asked."""

    ended: list[str] = field(default_factory=list)
    """Keys of attempts that have ended, most likely; `look` says how."""
    skipped: list[str] = field(default_factory=list)
    """Keys of voided attempts that are out of every queue now."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """Key (or ``-``) and reason: nothing could be recorded, so it did not run: void it, try later."""
    words: list[str] = field(default_factory=list)
    """Other lines that arrived for the launcher, such as ``wake``."""
    gone: bool = False
    """A shim or the forge died: look at each live attempt now; those unstarted may have lost their queue."""


QUEUE_LIFE = 60.0
"""Seconds for which a job may wait in a queue; then no shim takes it any more. By this clock, the boot clock of the
machine, a void record has done its work when the job it stands against cannot be taken by anybody."""


class Executor(Protocol):
    """Where attempts run."""

    slots: int
    """The most attempts that run at the same time; what is submitted beyond waits in order. May be changed."""

    @property
    def shims(self) -> int:
        """How many attempts could run at the same time with what is at hand; `trim` takes back what is idle."""

    def start(self) -> None:
        """Begin to listen and make ready, before anything else. Scripts of an earlier launcher run on."""

    def filenos(self) -> list[int]:
        """Descriptors that become readable when `drain` has something; they may change after a `drain`."""

    def drain(self) -> Notices:
        """Everything that arrived since the last call. Never waits."""

    def expiry(self) -> float:
        """`not_after` of a job that is made now: `QUEUE_LIFE` from now, by a clock that all launchers here share."""

    def submit(self, jobs: Sequence[Job]) -> list[Job]:
        """Hand jobs over, in this order; return those that found no room, to be handed over later.

        What was handed over before, and what is older than its `not_after`, is left out. It raises only before the
        first job is on its way.
        """

    def look(self, key: str) -> Sighting:
        """What is certain about this attempt now."""

    def adopt(self, key: str) -> Sighting:
        """As `look`, for an attempt of an earlier launcher: from now on its shim is watched as well."""

    def keys(self) -> list[str]:
        """Every attempt that left a trace and was not archived, of any launcher."""

    def void(self, key: str, by: str) -> bool:
        """Make sure that the attempt never starts; False if it has started. May be called again."""

    def cancel(self, key: str, by: str) -> Answer:
        """Void the attempt, or ask its running tree to end. May be called again."""

    def end_survivors(self, key: str, grace: float = 0.0) -> bool:
        """End what an attempt left running that is `Gone`, `Unreadable` or without its record: politely first, by
        force after `grace` seconds; True: none is left.

        Does not wait: call it again until it says True. An `Unreadable` one that is held has its shim, and is left to
        it: its end may yet be told.
        """

    def archive(self, key: str, to: Path) -> None:
        """Move the record of a stored attempt into its directory and forget it. May be called again."""

    def discard(self, key: str) -> None:
        """Forget a voided attempt that no queue can hold any more."""

    def quarantine(self, key: str) -> None:
        """Put aside what is `Unreadable`, never delete it."""

    def trim(self, keep: int) -> None:
        """Take back idle means beyond so many, if nothing is under way."""

    def close(self) -> None:
        """Hand nothing over any more. What runs or is queued goes on and is finished."""
