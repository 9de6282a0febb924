"""Several launchers of one project on one PostgreSQL, each with a place of its own: what their stories share."""

import os
import signal
import subprocess
from contextlib import suppress

from procession.workdir import is_held
from tests.stories.site import Site, signal_if_there
from tests.waiting import eventually


class Launchers:
    """Launchers beside each other, by name; each serves from ``var-NAME``."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        """Start one, without waiting for it."""
        with self.site.path(f"{name}.out").open("ab") as out:
            place = str(self.site.path(f"var-{name}"))
            one = self.site.start("launcher", "--name", name, "--var", place, *options, stdout=out, stderr=out)
        self.running[name] = one
        return one

    def serves(self, name: str) -> bool:
        """Is it there?"""
        one = self.running[name]
        assert one.poll() is None, self.site.path(f"{name}.out").read_text()
        lock = self.site.path(f"var-{name}/launcher.lock")
        fifo = self.site.path(f"var-{name}/wake")
        return is_held(lock) and lock.read_text().strip() == str(one.pid) and fifo.exists()

    def up(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        """Start one, and wait until it serves."""
        one = self.start(name, *options)
        eventually(lambda: self.serves(name), timeout=40, what=f"launcher {name} serves")
        return one

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to one of them."""
        os.kill(self.running[name].pid, number)

    def kill(self, name: str) -> None:
        """Kill it; what it started runs on."""
        one = self.running.pop(name)
        signal_if_there(one.pid, signal.SIGKILL)
        one.wait(10)

    def close(self) -> None:
        """End those that are left."""
        for one in self.running.values():
            signal_if_there(one.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                one.wait(10)
