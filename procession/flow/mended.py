"""The message of a cause ends when no processing has failed for it any more.

In: messages of failures that still occur. Out: those end of which every processing was accepted, is tried again, has
succeeded since, was cancelled, deleted or run again as a new version. Always: seen from rows as they are, as the list
of causes sees them, so that it is right whoever changed them; a success of another processing ends nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from procession.project import Project
from procession.store import messages
from procession.store.database import Tx

REST = 20
"""Between two looks pass so many times what the last one took: thousands of messages do not slow the turns down."""


def mended(project: Project, tx: Tx) -> datetime | None:
    """End what no longer holds; say when to look again."""
    post, began = project.serving, project.clock.monotonic()
    if began < post.mended_after:
        return project.clock.now() + timedelta(seconds=post.mended_after - began)
    messages.end_mended(tx, project.now())
    now = project.clock.monotonic()
    post.mended_after = now + REST * (now - began)
    return None
