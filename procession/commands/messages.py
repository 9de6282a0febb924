"""Messages: what people should know. Noted by the flow, read by people.

In: what has occurred. Out: one row for each cause that still occurs, counted, with the moment when a person is told of
it, as the rules of the file say. Always: in the caller's transaction, so that nothing is told that was rolled back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from procession.errors import NotFound
from procession.model.message import MAX_TEXT, Message, needs_person_after, signature
from procession.project import Project, person
from procession.store import messages as store
from procession.store import tasks
from procession.store.database import Tx


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that has occurred."""

    kind: str
    task: str
    text: str
    step: str = ""
    processing_id: int | None = None
    signature: str | None = None
    """What makes two of them the same; None: made of the text."""
    muted: bool = False
    """Nobody is told of it."""

    @property
    def where(self) -> tuple[str, str, str, str]:
        """Kind, task, step and signature: equal for one cause."""
        said = signature(self.text) if self.signature is None else self.signature
        return self.kind, self.task, self.step, said


def note(project: Project, tx: Tx, noticed: Iterable[Notice]) -> None:
    """Count these with those of the same cause that still occur."""
    now = project.now()
    rows: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    for each in noticed:
        kind, task, step, said = each.where
        text = each.text.replace("\0", " ")[:MAX_TEXT]
        row = rows.setdefault(each.where, {"n": 0})
        after = None if each.muted else needs_person_after(project.settings.rules, kind, task, step, text)
        row |= {
            "kind": kind, "task": task, "step": step, "signature": said.replace("\0", " "), "text": text,
            "processing_id": each.processing_id, "n": row["n"] + 1, "first_at": now, "last_at": now,
            "needs_person_at": None if after is None else now + int(after * 1e6),
        }  # fmt: skip
    store.note(tx, list(rows.values()))


def stand(project: Project, tx: Tx, notice: Notice, standing: Sequence[Message]) -> None:
    """Something holds on: it is noted once, and again only when its text changes."""
    known = next((m for m in standing if (m.kind, m.task, m.step, m.signature) == notice.where), None)
    if known is None or known.text != notice.text[:MAX_TEXT]:
        note(project, tx, [notice])


def here(project: Project) -> str:
    """Signature of what is wrong at this launcher's place, where others have theirs: each tells of its own, and ends
    only that."""
    return project.serving.place if project.store.shared else ""


def own(project: Project, tx: Tx, kind: str) -> list[Message]:
    """Messages of this kind about this launcher's place that still occur."""
    return [message for message in store.of_kind(tx, kind) if message.signature == here(project)]


def said_here(project: Project, text: str) -> str:
    """A text about this place: where there are others, with the name of its host."""
    return f"{project.serving.host}: {text}" if project.store.shared else text


def newest(project: Project, *, unread: bool = False, ended: bool = False, limit: int = 100) -> list[Message]:
    """Messages, those first that occurred last: what still occurs; with `ended` also what does not; with `unread` all
    that nobody has read."""
    with project.store.read() as tx:
        return store.newest(tx, unread=unread, ended=ended, limit=limit)


def read(project: Project, ids: Sequence[int] | None, by: str | None = None) -> int:
    """Somebody has read these (None: all of them); how many nobody had read before. NotFound changes nothing."""
    with project.store.begin() as tx:
        for each in ids or ():
            if store.get(tx, each) is None:
                raise NotFound(f"there is no message {each}; see: procession messages --all")
        return store.read(tx, ids, by or person(), project.now())


def resumed(tx: Tx, task: str, at: int) -> None:
    """A person lets a task go on: failures before this moment no longer suspend it, and it is no longer told so."""
    tasks.set_resumed(tx, task, at)
    store.end_kind(tx, "suspended", task, at)
