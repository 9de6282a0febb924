"""ListPlan: a command that tells what a source has, and how each line of it becomes an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from procession.model.command import Command
from procession.model.event import NewEvent


@dataclass(frozen=True, slots=True)
class ListPlan:
    """``missed = { run = … }`` of a task."""

    name: str
    """Of the task."""
    argv: tuple[str, ...]
    """The command, absolute; it prints one object of JSON a line, the parameters of an event."""
    event: str
    """Name of the events."""
    key: str
    """Template of the key, by which it is known what there is already."""
    title: str = ""

    def event_of(self, params: Mapping[str, Any]) -> NewEvent:
        """The event of one line; Invalid where its key or title cannot be made."""
        key, title = (
            Command((template,), allow_dash=True).render(params, {}, {})[0] if template else ""
            for template in (self.key, self.title)
        )
        return NewEvent(self.event, dict(params), key, title, "missed").check()
