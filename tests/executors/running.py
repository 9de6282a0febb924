"""An executor with jobs to give it: what tests of executors and of supervision share. Real processes only."""

import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from procession.executor import Ended, Executor, Exit, Job, Notices, Running, Sighting
from procession.executors.local import MARKS, LocalExecutor
from tests.waiting import eventually

PYTHON = os.path.realpath(sys.executable)


class Runner:
    """Hands jobs to an executor and waits for their ends as a launcher does."""

    def __init__(self, executor: Executor, root: Path) -> None:
        self.executor = executor
        self.root = root
        self.notices = Notices()
        self._prefix = uuid.uuid4().hex[:12]
        self._number = 0

    def job(self, *argv: str, **fields: Any) -> Job:
        """A job of this command, with a new key and a directory of its own."""
        self._number += 1
        key = fields.pop("key", f"{self._prefix}-{self._number}")
        home = str(self.root / "work" / key)
        given = {
            "label": f"{key} test",
            "program": argv[0],
            "argv": list(argv),
            "cwd": home,
            "attempt_dir": home,
            "log": f"{home}/log",
            "dirs": [home],
            "env_set": dict(zip(MARKS, key.rpartition("-")[::2], strict=True)),
            "grace": 0.3,
        }
        return Job(key=key, **{**given, **fields})

    def python(self, code: str, *args: str, **fields: Any) -> Job:
        """A job of this Python text, run without site packages so that it starts fast."""
        return self.job(PYTHON, "-I", "-S", "-c", code, *args, **fields)

    def shell(self, text: str, *args: str, **fields: Any) -> Job:
        """A job of this shell text."""
        return self.job("/bin/sh", "-c", text, "sh", *args, **fields)

    def submit(self, *jobs: Job) -> None:
        """Hand these over; all must find room."""
        assert self.executor.submit(jobs) == []

    def drain(self) -> Notices:
        """Take what arrived, and keep it in `notices` as well."""
        new = self.executor.drain()
        for name in ("ended", "skipped", "refused", "words"):
            getattr(self.notices, name).extend(getattr(new, name))
        self.notices.gone |= new.gone
        return new

    def look(self, key: str) -> Sighting:
        """Drain, then ask."""
        self.drain()
        return self.executor.look(key)

    def until(self, key: str, kind: type[Any], timeout: float = 20.0) -> Any:
        """Wait until the sighting of this attempt is of this kind."""

        def seen() -> Sighting | None:
            sighting = self.look(key)
            assert isinstance(sighting, kind), sighting
            return sighting

        return eventually(seen, timeout=timeout, interval=0.01)

    def ended(self, key: str, timeout: float = 20.0) -> Exit:
        """Wait for the end of this attempt."""
        sighting = self.until(key, Ended, timeout)
        assert isinstance(sighting, Ended)
        return sighting.exit

    def running(self, key: str) -> Running:
        """Wait until the script of this attempt is on its way, with its pid on record."""

        def spawned() -> Running | None:
            sighting = self.look(key)
            return sighting if isinstance(sighting, Running) and sighting.record.find("spawned") else None

        return eventually(spawned)

    def run(self, job: Job) -> Exit:
        """Hand over one job and wait for its end."""
        self.submit(job)
        return self.ended(job.key)

    def log(self, job: Job) -> str:
        """What the script wrote."""
        return Path(job.log).read_text("utf-8")


@contextmanager
def local(root: Path, slots: int = 2, incarnation: str = "here") -> Iterator[Runner]:
    """A started local executor under this directory; hung up at the end, with everything of it ended."""
    executor = LocalExecutor(root / "var/spool", root / "var/wake", slots, incarnation)
    executor.start()
    runner = Runner(executor, root)
    try:
        yield runner
    finally:
        left = executor.keys()
        for key in left:
            executor.cancel(key, "the end of a test")
        executor.close()


def alive(pid: int) -> bool:
    """Is there such a process, other than as a zombie?"""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def number_in(path: Path | str) -> int:
    """The pid that a script has written into a file, as soon as it is there."""
    return eventually(lambda: int(Path(path).read_text() or 0) if Path(path).exists() else 0)
