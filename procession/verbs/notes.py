"""Verbs for notes: what people write beside a processing or a cause."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.commands import notes, processings
from procession.project import Project
from procession.verbs.bounds import identity
from procession.verbs.verb import Caller, verb


@verb("note", "operate", "POST /processings/{id}/notes")
def note(project: Project, caller: Caller, id: int, text: str) -> Any:
    """Add a note to a processing, whatever its state; it stands in its history with your name."""
    notes.on_processing(project, identity("id", id), text, caller.asked())
    return present.processing(processings.get(project, id), project.var)


@verb("cause-note", "operate", "POST /causes/{signature}/notes")
def cause_note(project: Project, caller: Caller, signature: str, text: str) -> Any:
    """Add a note to a cause; it is no longer new."""
    return present.cause(notes.on_cause(project, signature, text, caller.asked()), project.now())
