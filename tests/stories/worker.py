"""A program elsewhere, as somebody could write it: claims, works, hands in; run as a process of its own by a story."""

import sys
import time
from pathlib import Path

from procession.commands import claims, work
from procession.errors import ProcessionError
from procession.project import Project


def main(root: str, name: str, truth: str) -> None:
    """Work until nothing is left; what was done is a line of `truth`."""
    project = Project.open(Path(root))
    quiet = 0
    while quiet < 40:
        found = claims.claim(project, name, limit=3)
        quiet = 0 if found else quiet + 1
        for each in found:
            work.start(project, each.attempt)
            with open(truth, "a") as file:
                file.write(f"begin {name} {each.key} {each.number}\n")
            time.sleep(0.02)
            try:
                work.succeed(project, each.attempt, {"by": name})
            except ProcessionError:
                continue
            with open(truth, "a") as file:
                file.write(f"done {name} {each.key} {each.number}\n")
        if not found:
            time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
