"""Transports: how a client asks, in this process or over HTTP. Both take the same verbs and arguments.

*In:* a verb and its arguments. *Out:* a `Result`, or the error of `procession.errors` that says why not. *Always:* what
is not JSON is refused before anybody is asked, here as there; threads may share a transport.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from procession.errors import Invalid

if TYPE_CHECKING:
    from procession.project import Project
    from procession.verbs import Caller

LOOK_EVERY = 0.25
"""Seconds between two looks at the journal of a project here."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came back: of `Client.result` what an instance came to."""

    mime: str
    """MIME type."""
    body: bytes

    def json(self) -> Any:
        """The value, where it is JSON; Invalid where it is not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise Invalid(f"this is {self.mime} and no JSON; take its body") from None


class Transport(Protocol):
    """A way to ask."""

    def ask(self, verb: str, arguments: Mapping[str, Any]) -> Result:
        """Call a verb."""
        ...

    def stream(self, after: int | None) -> Iterator[dict[str, Any]]:
        """Lines of the journal as they are written, without end."""
        ...

    def close(self) -> None:
        """Let go of what is open."""
        ...


def packed(arguments: Mapping[str, Any]) -> bytes:
    """Arguments as JSON: tuples are lists, moments ISO text; Invalid for what JSON has no word for."""
    try:
        return json.dumps(arguments, allow_nan=False, default=_text).encode("utf-8", "surrogatepass")
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid(f"an argument cannot be written as JSON: {error}") from None


def _text(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


class Local:
    """A project on this machine, opened in this process; one call at a time."""

    def __init__(self, directory: Path) -> None:
        from procession.project import Project  # noqa: PLC0415  a client elsewhere needs no database

        self._lock = threading.RLock()
        self._project: Project | None = Project.open(directory, lenient=True)

    def ask(self, verb: str, arguments: Mapping[str, Any]) -> Result:
        """Call a verb."""
        from procession import verbs  # noqa: PLC0415

        given = json.loads(packed(arguments))
        with self._lock:
            answer = verbs.call(self._opened(), self._caller(), verb, given)
        if hasattr(answer, "mime"):
            return Result(answer.mime, answer.body)
        return Result("application/json", json.dumps(answer).encode())

    def stream(self, after: int | None) -> Iterator[dict[str, Any]]:
        """Lines of the journal as they are written."""
        from procession import present  # noqa: PLC0415
        from procession.launcher.journal_log import JournalLog  # noqa: PLC0415

        lines: list[dict[str, Any]] = []
        with self._lock:
            follower = JournalLog(self._opened().store, lambda found: lines.extend(map(present.entry, found)), after)
        while True:
            with self._lock:
                project = self._opened()
                follower.expect()
                follower.write()
            yield from lines
            if not lines:
                project.clock.sleep(LOOK_EVERY)
            lines.clear()

    def close(self) -> None:
        """Close the project."""
        with self._lock:
            project, self._project = self._project, None
            if project is not None:
                project.close()

    def _opened(self) -> Project:
        if self._project is None:
            raise Invalid("this client is closed; make a new one")
        self._project.refresh(lenient=True)
        return self._project

    def _caller(self) -> Caller:
        from procession.project import person  # noqa: PLC0415
        from procession.verbs import Caller  # noqa: PLC0415

        return Caller(person(), "python")
