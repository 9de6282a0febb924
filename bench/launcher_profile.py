#!/usr/bin/env python3
"""Where the launcher's time goes: chains of `/bin/true`, submitted before, drained by a launcher in this process.

    python bench/launcher_profile.py [EVENTS]

Prints the functions by their own time (cProfile makes small ones look dearer than they are) and the turns that it took.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import tempfile
from pathlib import Path

from procession.commands import events
from procession.launcher.loop import Loop
from procession.launcher.presence import serving
from procession.model.event import NewEvent
from procession.project import Project
from procession.store import processings

PROJECT = """
[launcher]
cpus = 2
[tasks.chain]
on = "chain"
steps = [{ name = "a", run = "/bin/true" }, { name = "b", run = "/bin/true" }, { name = "c", run = "/bin/true" }]
"""


def main() -> None:
    """Submit, drain under the profiler, print."""
    many = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    with tempfile.TemporaryDirectory(prefix="procession-profile-") as place:
        (Path(place) / "procession.toml").write_text(PROJECT)
        project = Project.open(Path(place))
        for n in range(many):
            events.submit(project, NewEvent("chain", {"n": n}, f"e{n}"))
        turns = 0

        def finished() -> bool:
            nonlocal turns
            turns += 1
            with project.store.read() as tx:
                return not processings.is_busy(tx, "chain")

        with serving(project, "up"):
            loop = Loop(project)
            loop.finished = finished
            profile = cProfile.Profile()
            profile.runcall(loop.run)
        project.close()
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    print(f"{3 * many} scripts in {turns} turns")


if __name__ == "__main__":
    main()
