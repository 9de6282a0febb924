"""Verbs on questions: what people are asked, and what they answer."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.commands import processings, questions
from procession.project import Project
from procession.verbs.bounds import identity, up_to
from procession.verbs.verb import Caller, verb

MOST = 500
"""Questions of a page."""


@verb("questions", "read", "GET /questions")
def questions_(
    project: Project, caller: Caller, task: str | None = None, limit: int = 100, cursor: int | None = None
) -> Any:  # fmt: skip
    """What people are asked and nobody has answered, the oldest first."""
    limit = up_to("limit", limit, MOST)
    after = 0 if cursor is None else identity("cursor", cursor)
    found, following = questions.unanswered(project, task, after, limit)
    return present.page([present.question(each) for each in found], following)


@verb("answer", "operate", "POST /processings/{id}/answer")
def answer(
    project: Project, caller: Caller, id: int, value: str | int | float, step: str | None = None,
    note: str | None = None,
) -> Any:  # fmt: skip
    """Answer the question of a step; its value goes to the steps after it. Without a step the only open question."""
    questions.answer(project, identity("id", id), step, value, caller.asked(note))
    return present.processing(processings.get(project, id), project.var)
