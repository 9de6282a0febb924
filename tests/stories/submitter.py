"""A process that submits its share of many events, and says how far it has got; it may be killed at any moment.

``python -m tests.stories.submitter ROOT SHARE OF``. What was committed and not yet written down is submitted again.
"""

import sys
from contextlib import suppress
from pathlib import Path

from procession.commands import events
from procession.errors import Invalid
from procession.model.event import NewEvent
from procession.project import Project

SENT, DIFFERENT, WORK = 10_000, 9_000, 400
"""So many are sent, so many of them differ, and of those so many are worked on by a script."""
BATCH = 50


def event(n: int) -> NewEvent:
    """The n-th that is sent; the last thousand are repeats of the first."""
    n %= DIFFERENT
    name = "work" if n < WORK else "note"
    return NewEvent(name, {"n": str(n), "kind": "a"}, f"{name}-{n}", source="submitter")


def main(root: Path, share: int, of: int) -> None:
    """Go on from where the one before has got."""
    project = Project.open(root)
    said = root / f"submitted-{share}"
    mine = range(share, SENT, of)
    got = int(said.read_text()) if said.exists() else 0
    while got < len(mine):
        with project.store.begin() as tx:
            events.submit_all(project, tx, [event(n).check() for n in mine[got : got + BATCH]])
        if got % (4 * BATCH) == 0:
            with suppress(Invalid):
                events.submit(project, NewEvent("work", {"kind": "without its number"}, source="submitter"))
        got += BATCH
        passing = said.with_suffix(".new")
        passing.write_text(str(got))
        passing.replace(said)
    project.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
