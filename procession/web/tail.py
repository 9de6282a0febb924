"""Tail: a log that somebody follows while it is written.

*In:* the topic ``log:ID/STEP/ATTEMPT``, and from which byte on. *Out:* pieces, each with its bytes, and one word at the
end. *Always:* it is read as the caller, so who may not see the processing follows nothing; a look at a log that has not
grown costs one system call; of what comes faster than anybody reads the newest is sent, and its offset says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from procession import verbs
from procession.commands.logs import path_of
from procession.errors import ProcessionError
from procession.project import Project
from procession.verbs import Caller

SLICE = 64 << 10
BEHIND = 1 << 20
"""Bytes; whoever is further behind than that is taken to the end."""
SLICES = 8

Message = tuple[str, dict[str, Any]]


class Tail:
    """One log."""

    def __init__(self, project: Project, caller: Caller, topic: str) -> None:
        self._project = project
        self._caller = caller
        self._topic = topic
        number, _, rest = topic.removeprefix("log:").partition("/")
        self._step, _, attempt = rest.rpartition("/")
        self.processing = int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None
        self._attempt = int(attempt) if attempt.isascii() and attempt.isdigit() and len(attempt) < 9 else None
        self.offset: int | None = None
        """Everything before this byte was read; None until `begin`."""
        self.told = 0
        """Everything before this byte was sent."""
        self.ended = self.processing is None or self._attempt is None
        self.stirred = True
        """Something has happened to its processing since the last look."""
        self._path: Path | None = None
        self._size = -1

    def begin(self, offset: int | None) -> None:
        """From this byte on; None: from what is written by now on."""
        self.offset = offset
        if self.offset is None and not self.ended:
            try:
                self.offset = self._read(0, 1)["size"]
            except ProcessionError:  # not begun yet: all of it is new
                self.offset = 0
        self.told = self.offset or 0

    def more(self) -> list[Message]:
        """What has come since the last look."""
        if self.ended or not (self.stirred or self._has_grown()):
            return []
        self.stirred = False
        found: list[Message] = []
        try:
            while len(found) < SLICES and self._piece(found):
                pass
        except ProcessionError:  # not begun yet, not theirs, or gone: the page itself says so
            pass
        return found

    def _has_grown(self) -> bool:
        if self._path is None:
            return False
        try:
            size = self._path.stat().st_size
        except OSError:
            return False
        grown, self._size = size != self._size, size
        return grown

    def _piece(self, found: list[Message]) -> bool:
        """Read a piece; is there more?"""
        piece = self._read(self.offset or 0)
        self._path = self._path or self._located()
        if piece["size"] - (self.offset or 0) > BEHIND:
            piece = self._read(max(0, piece["size"] - SLICE))
        self._size = piece["size"]
        if piece["text"]:
            found.append(("log", {"topic": self._topic, "offset": piece["offset"], "end": piece["next"],
                                  "text": piece["text"]}))  # fmt: skip
        self.offset = piece["next"]
        if piece["ended"] and piece["next"] >= piece["size"]:
            self.ended = True
            found.append(("end", {"topic": self._topic}))
        return bool(piece["text"]) and not self.ended and piece["next"] < piece["size"]

    def _read(self, offset: int, limit: int = SLICE) -> dict[str, Any]:
        asked = {"id": self.processing, "step": self._step, "attempt": self._attempt, "offset": offset, "limit": limit}
        piece: dict[str, Any] = verbs.call(self._project, self._caller, "logs", asked)
        return piece

    def _located(self) -> Path:
        assert self.processing is not None
        return path_of(self._project, self.processing, self._step, self._attempt)
