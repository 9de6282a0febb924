"""Questions end: those that people have answered, those whose time is over, those of cancelled processings.

In: live attempts that ask a person; nobody claimed them, they hold nothing. Out: their steps have succeeded with the
answer as their output, or failed, or skip the rest, as the step says. Always: an answer that was written is never lost,
also where the time was over before anybody served; the message of a step ends with its last open question.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from procession.clock import moment
from procession.contract import Left
from procession.flow.candidates import Definitions
from procession.flow.conclude import Conclusion, conclude
from procession.model.outcome import Ending, Outcome
from procession.model.question import KIND, OUTPUT
from procession.model.task import StepPlan
from procession.project import Project
from procession.store import messages, processings, questions
from procession.store.database import Tx
from procession.store.questions import Asking
from procession.units import duration

BATCH = 256
"""At most so many of each kind end in one transaction."""
GONE = Ending(Outcome.CANCELLED, "cancelled while it waited for a person")


def hear(project: Project, tx: Tx) -> datetime | None:
    """End the steps whose questions are answered or are not asked any more; say when the next one's time is over."""
    owned, now = project.serving.owned, project.now()
    cancelled = questions.cancelled(tx, owned, BATCH)
    due = questions.due(tx, owned, now, BATCH)
    if cancelled or due:
        _end(project, tx, {*cancelled, *due}, now)
    if len(cancelled) == BATCH:
        return project.clock.now()
    following = questions.next_due(tx, owned)
    return moment(following)


def _end(project: Project, tx: Tx, ids: Collection[int], now: int) -> None:
    """End what is over of these processings. It is read only when they are locked: an answer or a cancel that came
    meanwhile counts, and whoever comes now waits and is told that nothing is asked any more."""
    standing = processings.standings(tx, ids)
    definitions = Definitions(tx)
    ended = []
    for each in questions.of_all(tx, standing):
        if each.answer is None and standing[each.processing_id].cancel_asked:
            ended.append(Conclusion(each.which, GONE))
        elif each.until is not None and each.until <= now:
            ended.append(_settled(each, definitions[each.definition_id].step(each.ordinal)))
    if ended:
        conclude(project, tx, ended)
        still = questions.open_steps(tx)
        over = [m.id for m in messages.of_kind(tx, KIND) if (m.task, m.step) not in still]
        messages.end(tx, over, project.now())


def _settled(asked: Asking, plan: StepPlan) -> Conclusion:
    """What an answer comes to; where there was none in time, what the step says of that."""
    question, value = plan.question, asked.value
    assert question is not None
    if value is not None:
        said = f'answered {value} to "{asked.text}" by {asked.made_by}' + (f": {asked.note}" if asked.note else "")
        ending = _ending(plan, value, said, "")
    elif question.default is not None:
        value = question.default
        said = f"nobody answered in time, and the default counts: {value}"
        ending = _ending(plan, value, said, said)
    else:
        span = "in time" if plan.timeout is None else f"within {duration(plan.timeout)}"
        ending = Ending(Outcome.FAILED, f"nobody answered {span}: {question.sentence(asked.text)}",
                        told=f"nobody answered {span}: {_template(plan)}")  # fmt: skip
    return Conclusion(asked.which, ending, Left({} if value is None else {OUTPUT: value}), finished_at=asked.until)


def _template(plan: StepPlan) -> str:
    """The question without values: the same for every processing, whoever answers."""
    return plan.command.words[0]


def _ending(plan: StepPlan, value: object, bad: str, good: str) -> Ending:
    """What the step comes to with this answer, and the reason for it."""
    question = plan.question
    assert question is not None
    then = question.comes_to(value)
    if then == "fails":
        return Ending(Outcome.FAILED, bad, told=f'answered {value} to "{_template(plan)}"', decided=not good)
    return Ending(Outcome.SKIPPED, bad) if then == "skips" else Ending(Outcome.SUCCEEDED, good, 0)
