"""Notes: what a person has to say of a processing, or of a cause, with their name and the moment.

In: an id or a signature, and a text. Out: a line of the journal of the processing; of a cause, a row of its own and a
line of the journal. Always: a note changes nothing, stays as it was written, and is taken in every state.
"""

from __future__ import annotations

from procession.commands.asked import Asked
from procession.commands.causes import found
from procession.commands.processings import standing_of
from procession.errors import Invalid
from procession.model.event import check_text
from procession.project import Project
from procession.store import causes, moves, notes
from procession.store.causes import Known
from procession.store.moves import Moving

LONGEST = 10_000
"""Characters."""


def on_processing(project: Project, processing_id: int, text: str, who: Asked) -> None:
    """Note this on a processing; NotFound where there is none."""
    said = _checked(text)
    with project.store.begin() as tx:
        standing_of(tx, processing_id)
        moves.note(tx, "processing", "note", [Moving(processing_id, project.now(), why=said)], who.by)


def on_cause(project: Project, signature: str, text: str, who: Asked) -> Known:
    """Note this on a cause; it is no longer new, since somebody has looked at it."""
    said, now = _checked(text), project.now()
    with project.store.begin() as tx:
        known = found(tx, signature)
        notes.add(tx, known.signature, now, who.by, said)
        causes.know(tx, known.signature, now, None, None)
        moves.tell(tx, "cause", "note", now, who.by, f"{known.signature} of {known.task}, {known.step}: {said}")
        return found(tx, known.signature)


def _checked(text: str) -> str:
    said = text.strip()
    check_text("the note", said)
    if not said:
        raise Invalid("the note is empty; write what is to be known")
    if len(said) > LONGEST:
        raise Invalid(f"the note is {len(said)} characters long; the longest is {LONGEST}")
    return said
