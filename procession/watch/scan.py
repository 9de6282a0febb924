"""What one look tells: what is complete, what still grows, what could not be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TOLD = 1000
"""As many growing files, and as many problems, are told one by one."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something that has arrived and is complete."""

    path: str
    name: str
    stem: str
    """The name without its last suffix; of a directory the name."""
    directory: str
    size: int
    """Bytes; of a directory all that is in it."""
    mtime: float
    """When it was last written, in seconds since 1970, by the file system's clock."""
    parts: Mapping[str, str]
    """The named parts of the pattern."""

    def params(self) -> dict[str, Any]:
        """What it tells an event."""
        given = {name: getattr(self, name) for name in ("path", "name", "stem", "directory", "size", "mtime")}
        return {**given, **self.parts}


@dataclass(frozen=True, slots=True)
class Growing:
    """Something that has arrived and may not be complete."""

    path: str
    reason: str


@dataclass(slots=True)
class Scan:
    """What one look saw."""

    ready: list[Found] = field(default_factory=list)
    """Older ones first."""
    growing: list[Growing] = field(default_factory=list)
    """The first thousand of them."""
    waiting: int = 0
    """How many grow."""
    problems: list[str] = field(default_factory=list)
    """Lines for a person: what could not be looked at."""
    more: bool = False
    """There was more than one look tells; look again as soon as this is taken."""
    due: float | None = None
    """When the first that grows may be ready, by the clock of the looks; None if nothing grows."""

    def grows(self, path: str, reason: str, due: float) -> None:
        """Something may not be complete, and is asked again at `due`."""
        self.waiting += 1
        self.due = due if self.due is None else min(due, self.due)
        if len(self.growing) < _TOLD:
            self.growing.append(Growing(path, reason))

    def problem(self, text: str) -> None:
        """Something could not be looked at."""
        if len(self.problems) < _TOLD:
            self.problems.append(text)
