"""Processings whose cancel was asked: what lives of them is told to end.

In: the wish, written by the command. Out: attempts that never started are cancelled at once; running trees are asked
to end, again every few seconds until they do; how they ended is settled like any other end.
"""

from __future__ import annotations

from datetime import datetime

from procession.flow.conclude import Conclusion, conclude
from procession.model.outcome import Ending, Outcome
from procession.project import Project
from procession.store import processings, wishes
from procession.store.database import Tx

ASK_AGAIN = 5.0
"""Seconds after which an attempt that still runs is asked again."""


def stop(project: Project, tx: Tx) -> datetime | None:
    """Pass on what is wanted."""
    post = project.serving
    now = project.clock.monotonic()
    never: list[Conclusion] = []
    for which in wishes.cancels_wanted(tx, post.launcher_id):
        key = project.attempt_key(*which)
        if now - post.asked.get(key, -ASK_AGAIN) < ASK_AGAIN:
            continue
        post.asked[key] = now
        called = post.calls is not None and post.calls.knows(which)
        answer = post.calling.cancel(which) if called else post.executor.cancel(key, "cancel")
        if answer == "void":
            never.append(Conclusion(which, Ending(Outcome.CANCELLED, "cancelled before it started")))
        elif answer == "ended":
            post.ended[key] = None
        elif answer == "gone":
            post.look = True
    if never:
        conclude(project, tx, never)
    if post.calls is not None and (running := post.calls.running()):
        post.calls.hold(processings.held_of(tx, {pid for pid, _, _ in running}))
    return None
