"""Runs attempts on this machine: a forge makes shims, a socket carries jobs to them, a named pipe their ends
back.

In: jobs. Out: `Notices`; records in the spool.
Always: a job is handed over once, and no call waits for a script. The pool is made on demand: as many shims as slots,
never more than jobs under way; idle ones stay.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import stat
import time
from collections.abc import Sequence
from pathlib import Path

from procession.errors import ExecutorError, HostError, Invalid
from procession.executor import QUEUE_LIFE, Answer, Ended, Gone, Job, Notices, Running, Sighting, Unreadable, Void
from procession.executors.pool import Pool
from procession.supervise import process, spool
from procession.supervise.shim import LARGEST_MESSAGE
from procession.supervise.tree import boot_seconds

MARKS = ("PROCESSION_KEY", "PROCESSION_ATTEMPT")
"""Variables of a job that together are its key, without and as its last number; by them survivors are found."""

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:-]{0,199}", re.ASCII).fullmatch
_LONGEST_WORD = 65536
_LIMITS = ("memory", "quiet", "cpu_seconds", "open_files", "log_max", "log_over", "lease")
_encode = json.JSONEncoder(separators=(",", ":")).encode


class LocalExecutor:
    """The executor of this machine. One thread uses it."""

    def __init__(self, spool: Path, fifo: Path, slots: int, incarnation: str) -> None:
        self.slots = slots
        """The most shims that wait or work for us. May be changed; more take effect at the next submit."""
        self._spool = str(spool.absolute())
        self._fifo_path = fifo.absolute()
        self._incarnation = incarnation
        self._open: set[str] = set()
        self._sent: dict[str, float] = {}
        """Key of each job that was sent → when it expires; until then it is not sent again."""
        self._survivors: dict[str, float] = {}
        self._partial = b""
        self._fifo = -1
        self._pool = Pool(self._spool, self._fifo_path)

    # ── begin and end ──────────

    def start(self) -> None:
        """Make the spool and the pipe if they are not there, listen, and start the forge.

        What was said to a launcher before is not for us: a ``stop`` least of all; records tell of the ends.
        """
        Path(self._spool).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fifo = _open_fifo(self._fifo_path)
        with contextlib.suppress(BlockingIOError):
            while os.read(self._fifo, _LONGEST_WORD):
                continue
        self._pool.start()

    def close(self) -> None:
        """Hang up. The forge leaves, idle shims leave, busy ones finish what they hold and what is queued."""
        self._pool.close()
        if self._fifo >= 0:
            os.close(self._fifo)
            self._fifo = -1

    def filenos(self) -> list[int]:
        """The pipe, the forge's control socket, and one descriptor for the lives of all shims."""
        return [self._fifo, *self._pool.filenos()]

    # ── jobs out ──────────

    def expiry(self) -> float:
        """`QUEUE_LIFE` from now, by the boot clock."""
        return boot_seconds() + QUEUE_LIFE

    def submit(self, jobs: Sequence[Job]) -> list[Job]:
        """Hand jobs over, in this order; return those that found no room.

        A key is sent once: one that was sent before is left out, until its job has expired, and so is one that has.
        """
        for job in jobs:
            if not _KEY(job.key):
                raise Invalid(f"{job.key!r} cannot name an attempt: letters, digits and . _ : - only")
        tasks = self._pool.tasks or self._pool.revive()
        now = boot_seconds()
        self._forget_expired(now)
        for number, job in enumerate(jobs):
            not_after = now + QUEUE_LIFE if job.not_after is None else job.not_after
            if job.key in self._sent or job.key in self._open or now > not_after:
                continue
            try:
                tasks.send(self._message(job, not_after))
            except OSError:  # no room; or neither forge nor shims: `drain` tells, and starts anew
                self._fill_pool()
                return list(jobs[number:])
            self._open.add(job.key)
            self._sent[job.key] = not_after
        self._fill_pool()
        return []

    def _forget_expired(self, now: float) -> None:
        """They stand in the order in which they were made, or nearly so."""
        for key, _ in list(itertools.takewhile(lambda item: item[1] < now, self._sent.items())):
            del self._sent[key]

    def _fill_pool(self) -> None:
        """Order the shims that are missing for the jobs under way."""
        self._pool.fill(min(self.slots, len(self._open)))

    @property
    def shims(self) -> int:
        """How many shims wait or work for us, or are ordered."""
        return self._pool.size

    def trim(self, keep: int) -> None:
        """Let idle shims beyond so many leave, if nothing is under way: a burst must not take memory for ever."""
        if not self._open:
            self._pool.shrink(self.shims - max(1, keep))

    def _message(self, job: Job, not_after: float) -> bytes:
        spec = {
            "key": job.key,
            "incarnation": self._incarnation,
            "label": job.label,
            "program": job.program,
            "argv": list(job.argv),
            "cwd": job.cwd,
            "env_set": job.env_set,
            "env_drop": list(job.env_drop),
            "attempt_dir": job.attempt_dir,
            "log": job.log,
            "timeout": job.timeout,
            "grace": job.grace,
            "not_after": not_after,
            **{name: value for name in _LIMITS if (value := getattr(job, name)) is not None},
        }
        message = f"{_encode(spec)}\n{_encode({'dirs': list(job.dirs), 'files': job.files})}".encode()
        if len(message) > LARGEST_MESSAGE:
            message = _encode({"spec_file": spool.write_spec(self._spool, job.key, message)}).encode()
        return message

    # ── notices in ──────────

    def drain(self) -> Notices:
        """Everything that arrived since the last call."""
        notices = Notices()
        self._read_fifo(notices)
        notices.gone = self._pool.drain()
        if notices.gone and self._open and self._pool.tasks is None:
            with contextlib.suppress(ExecutorError):
                self._pool.revive()
        self._fill_pool()
        return notices

    def _read_fifo(self, notices: Notices) -> None:
        while True:
            try:
                data = os.read(self._fifo, 65536)
            except BlockingIOError:
                break
            *lines, self._partial = (self._partial + data).split(b"\n")
            if len(self._partial) > _LONGEST_WORD:
                self._partial = b""
            for text in lines:
                self._take_line(text.decode("utf-8", "replace"), notices)

    def _take_line(self, text: str, notices: Notices) -> None:
        word, _, rest = text.partition(" ")
        if word == "end":
            self._open.discard(rest)
            notices.ended.append(rest)
        elif word == "skip":
            self._open.discard(rest)
            notices.skipped.append(rest)
        elif word == "refused":
            key, _, reason = rest.partition(" ")
            self._open.discard(key)
            notices.refused.append((key, reason))
        elif text:
            notices.words.append(text)

    # ── one attempt ──────────

    def look(self, key: str) -> Sighting:
        """What is certain about this attempt now."""
        sighting = spool.look(self._spool, key)
        if isinstance(sighting, Ended | Gone | Void):
            self._open.discard(key)
        return sighting

    def adopt(self, key: str) -> Sighting:
        """As `look`; the shim of a running attempt is watched from now on."""
        sighting = self.look(key)
        if isinstance(sighting, Running) and sighting.record.shim:
            self._pool.watch(sighting.record.shim)
            sighting = self.look(key)  # while it still runs, what we watch is its shim
        return sighting

    def keys(self) -> list[str]:
        """Every attempt with a record in the spool."""
        return spool.keys(self._spool)

    def void(self, key: str, by: str) -> bool:
        """Make sure that the attempt never starts; False if it has started, or is about to."""
        if not spool.void(self._spool, key, by):
            return False
        self._open.discard(key)
        return True

    def cancel(self, key: str, by: str) -> Answer:
        """Void the attempt, or ask its running tree to end: by a file, and a signal to look for it."""
        sighting = self.look(key)
        if isinstance(sighting, Ended):
            return "ended"
        if isinstance(sighting, Unreadable) and sighting.held:
            spool.ask_to_cancel(self._spool, key, by)
            return "asked"
        if isinstance(sighting, Gone | Unreadable):
            return "gone"
        if isinstance(sighting, Void) or self.void(key, by):
            return "void"
        spool.ask_to_cancel(self._spool, key, by)
        sighting = self.look(key)
        if isinstance(sighting, Running) and sighting.record.shim:
            process.send(sighting.record.shim, (signal.SIGUSR1,), lambda _: isinstance(self.look(key), Running))
        return "ended" if isinstance(sighting, Ended) else "gone" if isinstance(sighting, Gone) else "asked"

    def end_survivors(self, key: str, grace: float = 0.0) -> bool:
        """End what an attempt without a shim left running; True: none is left. Call it again until then; never waits.

        They are known by what the key alone tells, so also where the record is damaged or has disappeared.
        """
        sighting = self.look(key)
        if isinstance(sighting, Unreadable) and sighting.held:
            return False
        chain, _, number = key.rpartition("-")
        if isinstance(sighting, Running | Ended) or not (chain and number):
            return True
        if isinstance(sighting, Gone) and sighting.reason == "rebooted":
            return True
        marks = dict(zip(MARKS, (chain, number), strict=True))
        now = time.monotonic()
        first = key not in self._survivors
        deadline = self._survivors.setdefault(key, now + grace)
        kill = now >= deadline
        found = process.end_marked(marks, kill=kill) if kill or first else len(process.marked(marks))
        if found and kill:
            found = len(process.marked(marks))
        if not found:
            self._survivors.pop(key, None)
        return not found

    def archive(self, key: str, to: Path) -> None:
        """Move the record of a stored attempt into its directory."""
        self._open.discard(key)
        spool.archive(self._spool, key, to)

    def discard(self, key: str) -> None:
        """Remove every trace of a voided attempt."""
        spool.discard(self._spool, key)

    def quarantine(self, key: str) -> None:
        """Put aside what cannot be read."""
        self._open.discard(key)
        spool.quarantine(self._spool, key)


def _open_fifo(path: Path) -> int:
    """Open the named pipe for reading, made if it is not there; for writing too, so that it never ends."""
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    found = os.fstat(descriptor)
    if not stat.S_ISFIFO(found.st_mode) or found.st_uid != os.geteuid():
        os.close(descriptor)
        raise HostError(f"{path} is not a named pipe of ours, so no end of a script could be heard: remove it")
    os.fchmod(descriptor, 0o600)
    return descriptor
