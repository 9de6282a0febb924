"""WatchPlan: a pattern whose new files become events, as the file tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from procession.model.command import Command
from procession.model.event import NewEvent

WATCH = "watch:"
"""Beginning of the name of the events that a task with `watch` and steps takes."""
OLD = 86_400.0
"""Seconds: a file that was there, and older than this, when its task was first seen is backfill (N12)."""


@dataclass(frozen=True, slots=True)
class WatchPlan:
    """What is looked for, and what becomes of it."""

    name: str
    """Of the task; watches and tasks share their names, so that a pause reaches both."""
    pattern: str
    emit: str
    """Name of the events: as the file says, or ``watch:<task>`` where the task itself takes them."""
    key: str = "{path}"
    """Template of the key, which makes a file an event only once."""
    title: str = "{name}"
    quiet: float = 5.0
    """Seconds for which a file must not have changed."""
    ignore: tuple[str, ...] | None = None
    """Patterns of names that are not looked at; None: the usual ones."""
    empty: bool = False
    """Files of size 0 are taken too."""
    group: str = ""

    def event(self, params: Mapping[str, Any], first_at: float, given: Mapping[str, Any]) -> NewEvent:
        """The event that a file becomes; Invalid where its key or title cannot be made.

        `first_at` is when the watch was first seen, in seconds since 1970.
        """
        key, title = (Command((template,), allow_dash=True).render(params, {}, given)[0] for template in self.said)
        return NewEvent(
            self.emit, params, key, title, "watch", backfill=params["mtime"] < first_at - OLD
        ).check()  # fmt: skip

    @property
    def said(self) -> tuple[str, str]:
        """Templates of key and title."""
        return self.key, self.title
