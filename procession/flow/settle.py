"""Finished attempts hand in their outcomes.

In: keys of attempts that are said to have ended. Out: outcomes, steps and processings moved, what scripts left stored.
Always: how an attempt ended is read from its exit record alone, whoever said that it ended; a record is put away only
after the commit, so a crash between the two settles it again, and changes nothing.
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from procession import contract
from procession.errors import Invalid
from procession.executor import Ended, Executor
from procession.flow.conclude import Conclusion, conclude
from procession.flow.returning import settle_calls
from procession.model.outcome import Ending, Outcome
from procession.project import Project
from procession.store import families
from procession.store.database import Tx

log = logging.getLogger("procession")

BATCH = 256
"""At most so many endings in one transaction."""


def settle(project: Project, tx: Tx) -> datetime | None:
    """Settle what has ended; say at once if there is more."""
    post = project.serving
    settle_calls(project, tx)
    keys = list(post.ended)[:BATCH]
    concluded: list[Conclusion] = []
    for key in keys:
        found = conclusion(project, tx, key)
        if found is None:
            post.ended.pop(key, None)
        else:
            concluded.append(found)
    if concluded:
        conclude(project, tx, concluded)
        done = [(project.attempt_key(*c.which), c.attempt_dir) for c in concluded]
        tx.after(lambda: _put_away(project, done))
    return project.clock.now() if len(post.ended) > len(keys) else None


def conclusion(project: Project, tx: Tx, key: str, executor: Executor | None = None) -> Conclusion | None:
    """What the exit record of this attempt says; None if it is not one of ours, or has not ended. It is looked for in
    our own place, or in that of another executor."""
    post = project.serving
    which = project.read_key(key)
    sighting = (executor or post.executor).look(key) if which else None
    if (
        which is None
        or not isinstance(sighting, Ended)
        or sighting.exit.incarnation != project.installation.incarnation
    ):
        return None
    end = sighting.exit
    attempt_dir = post.live.get(key) or str(sighting.record.spec.get("attempt_dir", ""))
    ending = contract.ending(end.how, end.code, end.signal, end.errno, end.reason, attempt_dir)
    left = contract.Left()
    if end.left and ending.outcome is Outcome.SUCCEEDED:
        try:
            # events without a key of their own get one that is the same for every attempt and version of the step
            root = families.root(tx, which[0]) if "events" in end.left else which[0]
            keyed = f"{root}-{which[1]}-"
            left = contract.read_left(attempt_dir, frozenset(end.left), keyed, f"attempt:{key}", root)
        except (Invalid, OSError) as error:
            ending = Ending(Outcome.FAILED, f"what it left cannot be used: {error}", 0)
    elif "errors" in end.left:
        left = contract.Left(errors=contract.recorded_errors(attempt_dir))
    if end.how != "not_started":
        post.measure(end.seconds)
    return Conclusion(
        which,
        ending,
        left,
        attempt_dir,
        end.started_at,
        end.finished_at,
        end.max_rss,
        end.cpu,
        end.log_bytes,
        end.peak_tree,
    )


def _put_away(project: Project, done: list[tuple[str, str]]) -> None:
    """One after the other: what cannot be put away stays in the spool, and rescue finds it."""
    executor = project.serving.executor
    for key, attempt_dir in done:
        try:
            if attempt_dir:
                executor.archive(key, Path(attempt_dir))
            else:
                executor.quarantine(key)
        except OSError as error:
            log.error("the record of attempt %s cannot be put away: %s", key, error)
