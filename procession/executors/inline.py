"""Runs nothing: whoever uses it says what happens to each attempt. For tests of the flow, on any clock.

In: jobs, and the words of a test: `begin`, `end`, `vanish`, `spoil`. Out: notices and sightings as of real shims.
Always: the contract of `procession.executor` holds: a key begins at most once, and never after it was voided; jobs
outlive the launcher that handed them over, and its successor (``InlineExecutor(clock, ..., after=this)``) finds all of
them. Deterministic: no process, no thread, no time but the given clock's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from procession.clock import Clock, micros
from procession.errors import ExecutorError
from procession.executor import (
    QUEUE_LIFE,
    Answer,
    Ended,
    Exit,
    Gone,
    Job,
    Notices,
    Record,
    Running,
    Sighting,
    Unreadable,
    Unstarted,
    Void,
)
from procession.supervise import record


@dataclass(slots=True)
class _Host:
    """What outlives a launcher: the jobs that shims will still take, and the records."""

    jobs: dict[str, Job] = field(default_factory=dict)
    """Every job that was ever handed over."""
    expires: dict[str, float] = field(default_factory=dict)
    """Until when each of them may be taken (monotonic seconds)."""
    queue: list[str] = field(default_factory=list)
    """Keys that have not begun, in their order."""
    records: dict[str, Sighting] = field(default_factory=dict)
    began: list[str] = field(default_factory=list)
    """Every key, at each time that its script began."""
    asked: list[str] = field(default_factory=list)
    """Every key, at each time that its running tree was asked to end."""
    archived: dict[str, Path] = field(default_factory=dict)
    quarantined: list[str] = field(default_factory=list)
    notices: Notices = field(default_factory=Notices)
    """What the launcher of the moment has not heard yet."""


class InlineExecutor:
    """An executor whose attempts do as they are told. One thread uses it."""

    def __init__(
        self, clock: Clock, incarnation: str, room: int | None = None, after: InlineExecutor | None = None
    ) -> None:
        self.slots = 1
        self.room = room
        """The most jobs that may wait to begin; None: any number."""
        self._clock = clock
        self._incarnation = incarnation
        self._host: _Host = after._host if after else _Host()
        self._host.notices = Notices()  # what was said to a launcher that is gone was said to nobody

    @property
    def shims(self) -> int:
        """Any number of attempts could run; what is queued waits for the test's word."""
        return 0

    def trim(self, keep: int) -> None:
        """There is nothing to take back."""

    # ── what a test sees and says ──────────

    @property
    def queue(self) -> list[str]:
        """Keys of the jobs that have not begun, in their order."""
        return list(self._host.queue)

    @property
    def running(self) -> list[str]:
        """Keys of the attempts that run, in the order in which they began."""
        return [key for key, found in self._host.records.items() if isinstance(found, Running)]

    @property
    def began(self) -> list[str]:
        """Every key, at each time that its script began: the ground truth."""
        return list(self._host.began)

    @property
    def asked(self) -> list[str]:
        """Every key, at each time that its running tree was asked to end."""
        return list(self._host.asked)

    @property
    def archived(self) -> dict[str, Path]:
        """Key of each record that was put away, and where to."""
        return dict(self._host.archived)

    @property
    def quarantined(self) -> list[str]:
        """Keys of the records that were put aside."""
        return list(self._host.quarantined)

    def job(self, key: str) -> Job:
        """What was handed over under this key."""
        return self._host.jobs[key]

    def begin(self, key: str) -> bool:
        """Let a free shim take this job; False if it finds it voided, and leaves it alone."""
        host = self._host
        host.queue.remove(key)
        if key in host.records or self._clock.monotonic() > host.expires[key]:
            if isinstance(host.records.get(key), Void):  # cleared away by the one it stood there for
                del host.records[key]
            host.notices.skipped.append(key)
            return False
        job = host.jobs[key]
        for directory in job.dirs:
            Path(directory).mkdir(parents=True, exist_ok=True)
        for path, text in job.files.items():
            if not Path(path).exists():
                Path(path).write_text(text)
        host.records[key] = Running(self._record(job))
        host.began.append(key)
        return True

    def end(
        self,
        key: str,
        code: int | None = 0,
        *,
        how: str = "exited",
        signal: int | None = None,
        errno: int | None = None,
        reason: str | None = None,
        left: Mapping[str, str] | None = None,
        seconds: float = 1.0,
        tell: bool = True,
    ) -> None:
        """Let a running script end so; `left` are texts for its files (output, events, log, ...). Without `tell`
        nobody hears of it, as when the notice was lost."""
        host = self._host
        running = host.records[key]
        if not isinstance(running, Running):
            raise ExecutorError(f"attempt {key} does not run, so it cannot end: {running}")
        for name, text in (left or {}).items():
            (Path(host.jobs[key].attempt_dir) / name).write_text(text)
        finished = micros(self._clock.now())
        exit_ = Exit(
            key=key, incarnation=running.record.incarnation, how=how, code=code if how == "exited" else None,
            signal=signal, errno=errno, reason=reason, started_at=running.record.started_at or finished,
            finished_at=finished, seconds=seconds, max_rss=8 << 20, cpu=0.5, log_bytes=0,
            left=tuple(sorted(left or ())),
        )  # fmt: skip
        host.records[key] = Ended(exit_, running.record)
        if tell:
            host.notices.ended.append(key)

    def vanish(self, key: str, reason: str = "shim_died") -> None:
        """Let the shim of a running attempt die: how the script ended will never be known."""
        running = self._host.records[key]
        if not isinstance(running, Running):
            raise ExecutorError(f"attempt {key} has no shim that could die: {running}")
        self._host.records[key] = Gone(reason, running.record)
        self._host.notices.gone = True

    def spoil(self, key: str) -> None:
        """Let the record of an attempt be damaged."""
        self._host.records[key] = Unreadable(Path("spool") / key, "line 1 does not have its checksum")

    def put(self, key: str, sighting: Sighting) -> None:
        """Lay a record there that is not ours, or of long ago."""
        self._host.records[key] = sighting

    def lose_queue(self) -> None:
        """Let everything be forgotten that has not begun, as when forge and shims are killed."""
        self._host.queue.clear()
        self._host.notices.gone = True

    def _record(self, job: Job) -> Record:
        spec = {
            "kind": "spec", "v": record.VERSION, "key": job.key, "incarnation": self._incarnation, "shim": 0,
            "program": job.program, "argv": list(job.argv), "cwd": job.cwd, "env_base": {}, "env_set": job.env_set,
            "umask": 0o022, "attempt_dir": job.attempt_dir, "log": job.log,
        }  # fmt: skip
        lines = (spec, {"kind": "started", "at": micros(self._clock.now())})
        return Record(job.key, b"".join(record.line(json.dumps(d, separators=(",", ":")).encode()) for d in lines))

    # ── the contract ──────────

    def start(self) -> None:
        """There is nothing to make ready."""

    def close(self) -> None:
        """There is nothing to hang up."""

    def filenos(self) -> list[int]:
        """Nothing here can be waited for; whoever tells what happens also asks."""
        return []

    def drain(self) -> Notices:
        """What the test has let happen since the last call."""
        told, self._host.notices = self._host.notices, Notices()
        return told

    def expiry(self) -> float:
        """`QUEUE_LIFE` from now, by the given clock."""
        return self._clock.monotonic() + QUEUE_LIFE

    def submit(self, jobs: Sequence[Job]) -> list[Job]:
        """Queue jobs as far as there is room."""
        host = self._host
        for number, job in enumerate(jobs):
            expires = self.expiry() if job.not_after is None else job.not_after
            if job.key in host.jobs or self._clock.monotonic() > expires:
                continue
            if self.room is not None and len(host.queue) >= self.room:
                return list(jobs[number:])
            host.jobs[job.key] = job
            host.queue.append(job.key)
            host.expires[job.key] = expires
        return []

    def look(self, key: str) -> Sighting:
        """What was said of this attempt last."""
        return self._host.records.get(key, Unstarted())

    def adopt(self, key: str) -> Sighting:
        """As `look`: every launcher hears of every end."""
        return self.look(key)

    def keys(self) -> list[str]:
        """Every attempt with a record."""
        return sorted(self._host.records)

    def void(self, key: str, by: str) -> bool:
        """Make sure that the attempt never begins; False if it has."""
        found = self._host.records.setdefault(key, Void(by, micros(self._clock.now())))
        return isinstance(found, Void)

    def cancel(self, key: str, by: str) -> Answer:
        """Void the attempt, or note that its tree was asked to end."""
        match self.look(key):
            case Ended():
                return "ended"
            case Gone() | Unreadable():
                return "gone"
            case _ if self.void(key, by):
                return "void"
            case _:
                self._host.asked.append(key)
                return "asked"

    def end_survivors(self, key: str, grace: float = 0.0) -> bool:
        """Nothing survives here."""
        return True

    def archive(self, key: str, to: Path) -> None:
        """Forget the record."""
        if self._host.records.pop(key, None) is not None:
            self._host.archived[key] = to

    def discard(self, key: str) -> None:
        """Forget the void record."""
        self._host.records.pop(key, None)

    def quarantine(self, key: str) -> None:
        """Put the record aside."""
        if self._host.records.pop(key, None) is not None:
            self._host.quarantined.append(key)
