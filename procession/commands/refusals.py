"""What came and could not be taken: it is counted in the books and kept as it was, so that nothing is lost unseen.

In: a text or bytes of anybody, and why they cannot be an event. Out: one row, and the counts. Always: what is kept is
plain text of bounded length, whatever came; the newest ten thousand are kept.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from procession.model.event import NAME, NewEvent
from procession.project import Project
from procession.store import refusals as store
from procession.store import tallies
from procession.store.database import WITNESS
from procession.store.tallies import Count

UNNAMED = "?"
"""In the books: what was refused because its name can be none."""
MAX_RAW = 16_384
"""Characters that are kept of what came."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that was not taken."""

    id: int
    at: int
    source: str
    name: str | None
    reason: str
    raw: str
    size: int
    """Bytes of all that came."""


def note(
    project: Project, source: str, raw: str | bytes, reason: str, name: object = None, size: int | None = None
) -> None:
    """Keep what came, and count it as received and refused; `size` is that of all, where `raw` is its beginning."""
    named = name if isinstance(name, str) and NAME.fullmatch(name) else None
    if size is None:
        size = len(raw) if isinstance(raw, bytes) else len(raw.encode("utf-8", "surrogatepass"))
    text = raw[: 4 * MAX_RAW].decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw
    now = project.now()
    with project.store.begin(witnessed=False) as tx:  # whoever asked is told of the refusal, and so is the audit
        counted = named or UNNAMED
        tallies.add(tx, now, [Count("event", counted, "received"), Count("event", counted, "refused")])
        store.add(
            tx, at=now, source=_plain(source)[:200] or "somebody", name=named, reason=_plain(reason)[:1000],
            raw=_plain(text)[:MAX_RAW], size=size,
        )  # fmt: skip


def note_event(project: Project, event: NewEvent, reason: str) -> None:
    """The same for an event that was made, but cannot be taken."""
    said: dict[str, Any] = {"event": event.name, "key": event.key, "title": event.title, "params": event.params}
    try:
        raw = json.dumps(said, ensure_ascii=False, default=repr)
    except (ValueError, TypeError, RecursionError):
        raw = ascii(said)
    token = WITNESS.set(None)  # what is written here is not what was asked for: the audit says that it was refused
    try:
        note(project, event.source, raw, reason, event.name)
    finally:
        WITNESS.reset(token)


def newest(project: Project, limit: int = 50, before: int | None = None) -> Sequence[Refusal]:
    """What was refused last, newest first; `before` is the id below which to go on."""
    with project.store.read() as tx:
        return [Refusal(*tuple(row)) for row in store.newest(tx, limit, before)]


def _plain(text: str) -> str:
    """A text that both databases take."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
