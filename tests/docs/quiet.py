"""Wait until the project here has nothing more to do: what ``sleep`` means where documentation is run as a test.

A periodic task is never done; it counts as nothing to do. A project that nobody serves for some seconds is quiet.
"""

import json
import subprocess
import sys
import time

PERIODIC = ("discover",)
OPEN = ("waiting", "running")
DEADLINE = time.monotonic() + 25


def main() -> None:
    """Ask until the answer is: twice quiet."""
    quiet, unserved = 0, 0
    while quiet < 2 and unserved < 3 and time.monotonic() < DEADLINE:
        asked = subprocess.run(
            [sys.executable, "-m", "procession", "status", "--json"], capture_output=True, check=False
        )
        if asked.returncode:
            return  # there is no project here
        status = json.loads(asked.stdout)
        unserved = 0 if status["serving"] else unserved + 1
        counts = (states for task, states in status["tasks"].items() if task not in PERIODIC)
        busy = any(states[name] for states in counts for name in OPEN)
        quiet = 0 if busy or not status["serving"] else quiet + 1
        time.sleep(0.2)


main()
