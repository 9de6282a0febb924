"""``questions``, ``answer``."""

from __future__ import annotations

from datetime import datetime

import click

from procession import present
from procession.cli import going_on
from procession.cli.context import answer, id_argument, json_option, opened
from procession.cli.numbers import Id, Whole
from procession.cli.table import age, clean, table
from procession.clock import moment
from procession.commands import processings, questions
from procession.commands.asked import asked


@click.command("questions")
@click.option("--task", metavar="TASK", help="Only of this task.")
@click.option("--limit", type=Whole(1, 500), default=100, show_default=True, help="At most this many.")
@click.option("--after", type=Id(), help="Go on above this processing ('next' of the answer before).")
@json_option
def questions_command(task: str | None, limit: int, after: int | None, as_json: bool) -> None:
    """What people are asked and nobody has answered, the oldest first."""
    with opened() as project:
        found, following = questions.unanswered(project, task, after or 0, limit)
        now = project.clock.now()
    answer(
        as_json,
        lambda: present.page([present.question(each) for each in found], following),
        lambda: _table(found, following, now),
    )


def _table(found: list[questions.Open], following: int | None, now: datetime) -> None:
    if not found:
        click.echo("nobody is asked anything")
        return
    rows = [
        (
            each.asking.processing_id,
            each.asking.task,
            each.asking.step,
            clean(each.question.sentence(each.asking.text) + _before(each)),
            age(moment(each.asking.asked_at), now),
        )
        for each in found
    ]
    table(("id", "task", "step", "question", "asked"), rows)
    going_on.tell(following)


def _before(found: questions.Open) -> str:
    """That it is asked again, and what was answered before."""
    if not found.earlier:
        return ""
    last = found.earlier[0]
    return f"; asked again, answered before: {last.value}" + (f" by {last.made_by}" if last.made_by else "")


@click.command("answer", context_settings={"ignore_unknown_options": True})
@id_argument
@click.argument("step")
@click.argument("value")
@click.option("-m", "--note", help="What you have to add, for those who come after you.")
@json_option
def answer_command(processing_id: int, step: str, value: str, note: str | None, as_json: bool) -> None:
    """Answer the question of a step: one of its words, a number or a text, as it asks."""
    with opened() as project:
        questions.answer(project, processing_id, step, value, asked(note))
        answer(
            as_json,
            lambda: present.processing(processings.get(project, processing_id), project.var),
            lambda: click.echo(f"step {step} of processing {processing_id} is answered: {clean(value)}"),
        )
