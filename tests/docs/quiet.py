"""Wait until the project here has nothing more to do: what ``sleep`` means where documentation is run as a test.

    python quiet.py N

N is how many `procession up` the shell has started that still run: if there is one, it is waited for. A periodic
task is never done; it counts as nothing to do.
"""

import sys
import time
from pathlib import Path

from procession.commands import launchers
from procession.errors import ProcessionError
from procession.project import Project

PERIODIC = ("discover",)
OPEN = ("waiting", "running")
DEADLINE = time.monotonic() + 20


def main() -> None:
    """Ask until the answer is: twice quiet."""
    try:
        project = Project.open(Path.cwd(), lenient=True)
    except ProcessionError:
        return  # there is no project here
    quiet, served_soon = 0, sys.argv[1:] != ["0"]
    while served_soon and quiet < 3 and time.monotonic() < DEADLINE:
        status = launchers.status(project)
        asking = status.asking  # questions wait for a person: there is nothing to do
        counts = {task: states for task, states in status.counts.items() if task not in PERIODIC}
        busy = any(sum(n.get(name, 0) for name in OPEN) > asking.get(task, 0) for task, n in counts.items())
        quiet = 0 if busy or not status.serving else quiet + 1
        time.sleep(0.2)
    project.close()


main()
