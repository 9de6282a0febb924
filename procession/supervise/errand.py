"""Errands: commands that run beside the loop, each with a text on its standard input and a time limit.

*In:* words, an environment, a text. *Out:* whether it ended with code 0, and the last line that it printed. *Always:*
nobody waits for one; what takes too long is ended with its whole process group; what it prints may be of any length.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

_LINE = 2000
"""Characters of the last line that are told."""


@dataclass(frozen=True, slots=True)
class Done:
    """An errand that has ended."""

    key: str
    problem: str | None
    """Why it did not do what it was to; None: it did."""
    line: str = ""
    """The last line that it printed."""


class Errands:
    """Those that go on, and those that have ended. One thread uses it."""

    def __init__(self) -> None:
        self._done: deque[Done] = deque()
        self.under_way: set[str] = set()
        """Keys of those that go on, or whose end nobody has taken in yet."""

    def begin(
        self, key: str, argv: Sequence[str], cwd: str, env: Mapping[str, str], text: str, seconds: float,
        poke: Callable[[], object],
    ) -> None:  # fmt: skip
        """Start one; `poke` is called when it has ended, in another thread."""
        self.under_way.add(key)

        def run() -> None:
            self._done.append(Done(key, *run_errand(argv, cwd, env, text, seconds)))
            poke()

        threading.Thread(target=run, daemon=True, name=f"errand {key}").start()

    def take(self) -> list[Done]:
        """What has ended since."""
        taken = []
        while self._done:
            taken.append(self._done.popleft())
            self.under_way.discard(taken[-1].key)
        return taken

    @property
    def ended(self) -> bool:
        """Is there something to take?"""
        return bool(self._done)


def run_errand(
    argv: Sequence[str], cwd: str, env: Mapping[str, str], text: str, seconds: float
) -> tuple[str | None, str]:
    """Run a command to its end, at most so long; return what is wrong, or None, and its last line. Never raises."""
    try:
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
            given.write(text.encode())
            given.seek(0)
            process = subprocess.Popen(
                list(argv), cwd=cwd, env=dict(env), stdin=given, stdout=said, stderr=said, start_new_session=True
            )
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return f"it took longer than {seconds:g} s and was ended", ""
            said.seek(max(0, said.seek(0, os.SEEK_END) - 4 * _LINE))
            lines = said.read().decode(errors="replace").strip().splitlines()
            last = "".join(c if c.isprintable() else " " for c in lines[-1][:_LINE]) if lines else ""
            if code == 0:
                return None, last
            how = f"exit code {code}" if code > 0 else f"signal {-code}"
            return f"{how}: {last or 'it printed nothing'}", last
    except (OSError, ValueError) as error:
        return f"it could not be started: {error}", ""
