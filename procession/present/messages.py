"""What people are told and asked: messages, lines of the journal, questions → JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.clock import iso_at

if TYPE_CHECKING:  # what a command does not use it does not load
    from procession.commands.questions import Open
    from procession.model.journal import Entry
    from procession.model.message import Message


def message(found: Message) -> dict[str, Any]:
    """What people should know."""
    return {
        "id": found.id,
        "kind": found.kind,
        "task": found.task,
        "step": found.step,
        "text": found.text,
        "state": "occurs" if found.ended_at is None else "ended",
        "count": found.n,
        "processing": found.processing_id,
        "first_at": iso_at(found.first_at),
        "last_at": iso_at(found.last_at),
        "ended_at": iso_at(found.ended_at),
        "read_at": iso_at(found.read_at),
        "read_by": found.read_by,
        "needs_person_at": iso_at(found.needs_person_at),
        "told_at": iso_at(found.told_at),
        "problem": found.problem,
    }


def entry(line: Entry) -> dict[str, Any]:
    """A line of the journal."""
    return {
        "id": line.id,
        "at": iso_at(line.at),
        "noun": line.noun,
        "processing": line.processing_id,
        "step": line.ordinal,
        "attempt": line.attempt,
        "verb": line.verb,
        "state": line.state,
        "by": line.by,
        "reason": line.reason,
    }


def question(found: Open) -> dict[str, Any]:
    """What a step asks people."""
    asked, form = found.asking, found.question
    return {
        "processing": asked.processing_id,
        "task": asked.task,
        "title": asked.title,
        "step": asked.step,
        "text": asked.text,
        "choices": list(form.choices),
        "type": "choice" if form.choices else form.type,
        "min": form.minimum,
        "max": form.maximum,
        "default": form.default,
        "form": form.form,
        "asked_at": iso_at(asked.asked_at),
        "until": iso_at(asked.until),
        "earlier": [
            {"value": each.value, "by": each.made_by, "at": iso_at(each.at), "note": each.note}
            for each in found.earlier
        ],
    }
