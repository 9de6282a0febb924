"""What people answer: the questions that steps ask.

In: a processing, its step, a value. Out: the answer in the row of the attempt, with who gave it; the flow does what
follows. Always: a value that does not fit is refused and the question stays open; of two answers the first counts, and
the second is told so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from procession.commands.asked import Asked
from procession.commands.processings import find_step, look, standing_of
from procession.errors import Refused
from procession.model.processing import Processing
from procession.model.question import Question
from procession.project import Project
from procession.store import moves, questions, tasks
from procession.store.database import Tx
from procession.store.moves import Moving
from procession.store.questions import Asking, Earlier


@dataclass(frozen=True, slots=True)
class Open:
    """A question that nobody has answered."""

    asking: Asking
    question: Question
    earlier: tuple[Earlier, ...] = ()
    """What was answered when it was asked before, the newest first."""

    @property
    def hint(self) -> str:
        """How it is answered."""
        return self.question.hint(self.asking.processing_id, self.asking.step)


def answer(project: Project, processing_id: int, step: str | None, value: Any, who: Asked) -> Open:
    """Answer the question of a step (None: the only one that is open); `who.reason` is the note that is kept with it.

    Refused where nothing is asked, somebody has answered, or its cancel was asked; Invalid where the value does
    not fit.
    """
    return project.store.change(lambda tx: _answer(project, tx, processing_id, step, value, who))


def open_of(project: Project, processing_id: int) -> list[Open]:
    """What this processing asks and nobody has answered, in the order of its steps."""
    with project.store.read() as tx:
        return [Open(each, question_of(tx, each)) for each in questions.of(tx, processing_id) if each.answer is None]


def comes_to(project: Project, definition: str, step: str, value: Any) -> str:
    """What a processing of this definition does with this answer: ``fails``, ``skips`` or ``goes on``."""
    with project.store.read() as tx:
        plans = tasks.by_hash(tx, definition).steps
    question = next((each.question for each in plans if each.name == step), None)
    return "goes on" if question is None else question.comes_to(value)


def _answer(project: Project, tx: Tx, processing_id: int, step: str | None, value: Any, who: Asked) -> Open:
    standing = standing_of(tx, processing_id)
    asking = _asked(tx, look(tx, processing_id), step)
    if standing.cancel_asked:
        raise Refused(
            f"the cancel of processing {processing_id} was asked before this answer, and step {asking.step} asks "
            f"nobody any more; to be asked again, when it has ended: procession restart {processing_id}"
        )
    question = question_of(tx, asking)
    said = question.read(value)
    now = project.now()
    if not questions.answer(tx, asking.which, said, who.by, who.reason, now):
        raise Refused(_was_answered(asking))
    reason = f"{said}: {who.reason}" if who.reason else str(said)
    moves.note(
        tx, "attempt", "answer", [Moving(processing_id, now, asking.ordinal, asking.number, reason=reason)], who.by
    )
    tx.after(project.wake)
    return Open(asking, question)


def _asked(tx: Tx, processing: Processing, step: str | None) -> Asking:
    """The one that is meant."""
    there = questions.of(tx, processing.id)
    if step is not None:
        meant = find_step(processing, step)
        there = [each for each in there if each.ordinal == meant.ordinal]
    unanswered = [each for each in there if each.answer is None]
    if len(unanswered) == 1:
        return unanswered[0]
    if unanswered:
        names = ", ".join(each.step for each in unanswered)
        raise Refused(f"processing {processing.id} asks several questions; say which step is meant: {names}")
    if there:
        raise Refused(_was_answered(there[0]))
    what = f"processing {processing.id}" if step is None else f"step {step} of processing {processing.id}"
    raise Refused(f"{what} asks nothing now; see: procession why {processing.id}")


def _was_answered(asking: Asking) -> str:
    return (
        f"step {asking.step} of processing {asking.processing_id} was answered {asking.value} by {asking.made_by}; "
        "the first answer counts; to be asked again, restart the step when the processing has ended"
    )


def question_of(tx: Tx, asking: Asking) -> Question:
    """How it may be answered, by the definition with which its processing was born."""
    found = tasks.get(tx, asking.definition_id).step(asking.ordinal).question
    assert found is not None
    return found


def unanswered(
    project: Project, task: str | None = None, after: int = 0, limit: int = 100
) -> tuple[list[Open], int | None]:
    """About so many questions that nobody has answered, the oldest first, of processings with ids above `after`; and
    from where to go on, None at the end. Those of one processing stay together."""
    with project.store.read() as tx:
        found = questions.unanswered(tx, task=task, after=after, limit=limit + 1)
        last = found[limit - 1].processing_id if len(found) > limit else None
        if last is not None:
            whole = [each for each in questions.of(tx, last) if each.answer is None]
            found = [each for each in found if each.processing_id < last] + whole
        before = questions.earlier(tx, [each.processing_id for each in found]) if found else []
        return [Open(each, question_of(tx, each), _earlier(before, each)) for each in found], last


def _earlier(before: list[Earlier], asking: Asking) -> tuple[Earlier, ...]:
    same = (asking.processing_id, asking.ordinal)
    return tuple(each for each in before if (each.processing_id, each.ordinal) == same)
