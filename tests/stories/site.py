"""A project served by real processes: what the stories share.

Everything that is started inherits the variable `MARK`, so at the end whatever is left of a story (launcher, forge,
shims, scripts and what they left behind) is found by it, and ended by its pid; nothing else is touched. Launchers that
were not loaded anew (`tests/warm.py`) do not show it, so they are remembered.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import psutil

from procession.commands import events, processings
from procession.model.event import NewEvent
from procession.model.processing import Processing
from procession.project import Project
from procession.workdir import is_held
from tests import warm
from tests.waiting import eventually

MARK = "STORY_OF_A_TEST"
PYTHON = os.path.realpath(sys.executable)
COMMAND = [sys.executable, "-m", "procession"]

TOUCH_COUNT = """\
#!/bin/sh
# touch_count ID SECONDS CODE: the ground truth of how often it ran is one line at its start and one at its end
echo "start $1" >> "$TRUTH"
echo "begin $1"
sleep "$2"
echo "done $1"
echo "end $1" >> "$TRUTH"
exit "$3"
"""


GATED = """\
#!/bin/sh
# gated NAME CODE: runs until a file of this name is there
echo "start $1" >> "$TRUTH"
echo "begin $1"
until [ -e "$GATES/$1" ]; do sleep 0.05; done
echo "done $1"
echo "end $1" >> "$TRUTH"
exit "${2:-0}"
"""


class Site:
    """One project in a directory of its own."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.random = random.Random(seed)
        self.mark = uuid.uuid4().hex
        self.truth = root / "truth"
        self.gates = root / "gates"
        self.launcher: subprocess.Popen[bytes] | warm.Started | None = None
        self._warm: list[warm.Started] = []
        self._opened: Project | None = None
        self.gates.mkdir(parents=True)

    # ── files ──────────

    def write(self, toml: str, **scripts: str) -> None:
        """The definition file, and scripts by their names with ``_`` for the last dot."""
        for name, text in scripts.items():
            path = self.root / ".".join(name.rsplit("_", 1))
            path.write_text(dedent(text))
            path.chmod(0o755)
        (self.root / "procession.toml").write_text(dedent(toml))

    def path(self, *parts: str | int) -> Path:
        return self.root.joinpath(*map(str, parts))

    def attempt_dir(self, processing_id: int, ordinal: int, name: str, number: int = 1) -> Path:
        return self.project.var.attempt(processing_id, ordinal, name, number)

    def log(self, processing_id: int, ordinal: int, name: str, number: int = 1) -> bytes:
        return (self.attempt_dir(processing_id, ordinal, name, number) / "log").read_bytes()

    # ── processes ──────────

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, MARK: self.mark, "TRUTH": str(self.truth), "GATES": str(self.gates), "COLUMNS": "200"}

    def start(self, *arguments: str, prefix: Sequence[str] = (), **options: Any) -> subprocess.Popen[bytes]:
        """Start a command in the background."""
        options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **options}
        return subprocess.Popen(
            [*prefix, *COMMAND, *arguments], cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL, **options
        )

    def run(self, *arguments: str, code: int | None = 0, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; it must exit with `code`."""
        done = warm.run(arguments, cwd=self.root, env=self.environment, timeout=timeout)
        assert code is None or done.returncode == code, (arguments, done)
        return done

    def json(self, *arguments: str, code: int | None = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", code=code).stdout)

    def up(self, *options: str, cold: bool = False) -> subprocess.Popen[bytes] | warm.Started:
        """Start the launcher and wait until it serves; `cold`, as a person does, with all that Python loads."""
        with (self.root / "up.out").open("ab") as out:
            if cold:
                self.launcher = self.start("up", *options, stdout=out, stderr=out)
            else:
                self.launcher = warm.Started(["up", *options], cwd=self.root, env=self.environment, out=out, err=out)
                self._warm.append(self.launcher)
        launcher = self.launcher

        def serves() -> bool:
            assert launcher.poll() is None, (self.root / "up.out").read_text()
            lock = self.root / "var/launcher.lock"
            return is_held(lock) and lock.read_text().strip() == str(launcher.pid)

        eventually(serves, timeout=30, what="the launcher serves")
        return launcher

    def forge(self) -> int:
        """The pid of the present launcher's forge."""
        assert self.launcher is not None
        children = psutil.Process(self.launcher.pid).children()
        (forge,) = [child.pid for child in children if title(child.pid).startswith("procession forge")]
        return forge

    def kill(self, *, forge_too: bool = True) -> None:
        """Kill every process of Procession but the shims, as a crash would; in a random order."""
        assert self.launcher is not None
        pids = [self.launcher.pid]
        if forge_too:
            children = psutil.Process(self.launcher.pid).children()
            pids += [child.pid for child in children if not title(child.pid).startswith("procession shim")]
        self.random.shuffle(pids)
        for pid in pids:
            signal_if_there(pid, signal.SIGKILL)
        self.launcher.wait(10)
        self.launcher = None

    def shims(self) -> dict[int, str]:
        """pid → what ``ps`` shows, of every shim of this site."""
        return {pid: text for pid in self.everything() if (text := title(pid)).startswith("procession shim")}

    def everything(self) -> list[int]:
        """Every process that was started here, or by what was started here."""
        wanted = f"{MARK}={self.mark}".encode()
        found = [each.pid for each in self._warm if each.poll() is None]
        for pid in psutil.pids():
            try:
                marked = wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if marked and pid != os.getpid():
                found.append(pid)
        return found

    def clean(self) -> None:
        """End everything that is left."""
        if self._opened is not None:
            self._opened.close()

        def ended() -> bool:
            left = self.everything()
            for pid in left:
                signal_if_there(pid, signal.SIGKILL)
            return not left

        eventually(ended, timeout=20, what="everything of this story has ended")
        if self.launcher is not None:
            self.launcher.wait(10)

    # ── what is to be seen ──────────

    @property
    def project(self) -> Project:
        """The project, opened in this process."""
        if self._opened is None:
            self._opened = Project.open(self.root)
        return self._opened

    def emit(self, event: str, /, **params: Any) -> int:
        """Submit an event that one task takes; return the id of its processing."""
        (processing_id,) = events.submit(self.project, NewEvent(event, params, source="story")).processings
        return processing_id

    def get(self, processing_id: int) -> Processing:
        return processings.get(self.project, processing_id)

    def until(self, processing_id: int, *states: str, timeout: float = 30) -> Processing:
        """Wait until a processing is in one of these states (by default: at an end)."""
        wanted = states or ("succeeded", "failed", "cancelled", "skipped")

        def there() -> Processing | None:
            found = self.get(processing_id)
            assert str(found.state) in wanted, (found.state, found.reason)
            return found

        return eventually(there, timeout=timeout) or self.get(processing_id)

    def true_lines(self) -> list[str]:
        """What the scripts themselves wrote of their starts and ends."""
        return self.truth.read_text().splitlines() if self.truth.exists() else []

    def open(self, name: str) -> None:
        """Let a gated script go on to its end."""
        (self.gates / name).touch()

    def began(self, what: object) -> None:
        """Wait until this script has begun by its own word."""
        eventually(lambda: f"start {what}" in self.true_lines(), timeout=30)


def title(pid: int) -> str:
    """The command line of a process as ``ps`` shows it; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def signal_if_there(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def has(found: Mapping[str, Any], names: str) -> None:
    """Assert that this JSON object has at least these fields."""
    missing = set(re.findall(r"\w+", names)) - set(found)
    assert not missing, missing
