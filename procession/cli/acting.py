"""``retry``, ``restart``, ``cancel``, ``hold``, ``release``, ``run-now``, ``delete``: of one processing or many."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import click

from procession import present
from procession.cli.context import answer, json_option, opened, reason_option
from procession.cli.numbers import Whole
from procession.cli.querying import Querying, words_argument
from procession.cli.table import clean, many
from procession.commands import bulk, deletions, holds, processings, restarts
from procession.commands.asked import asked
from procession.commands.bulk import Act, Answer
from procession.errors import Refused
from procession.model.query import whole
from procession.model.term import FIELD, IDS
from procession.project import Project

Command = Callable[..., None]

step_option = click.option("--step", "step_name", metavar="STEP", help="This step, by name or number.")


def for_many(command: Command) -> Command:
    """The argument and options of a verb that takes an id, several, or a query."""
    for decorate in (
        json_option,
        click.option("--all", "everything", is_flag=True, help="Every processing, where nothing else says which."),
        click.option("-y", "--yes", is_flag=True, help="Do not ask, however many are meant."),
        click.option("--dry-run", is_flag=True, help="Say what would be done and what is refused; do nothing."),
        reason_option,
        words_argument("ID | QUERY..."),
    ):
        command = decorate(command)
    return command


def step_of(words: Sequence[str], step_name: str | None) -> tuple[tuple[str, ...], str | None]:
    """``ID STEP`` names a step; anything else is a query."""
    two = step_name is None and len(words) == 2 and words[0].isdigit()
    if two and not (IDS.fullmatch(words[1]) or FIELD.match(words[1])):
        return (words[0],), words[1]
    return tuple(words), step_name


def act_on(words: Sequence[str], act: Act, what: str, options: dict[str, Any]) -> None:
    """Do it to what is meant, and say what came of each."""
    with opened() as project:
        who = asked(options["reason"])
        ids = bulk.chosen(project, words, everything=options["everything"])
        dry_run, as_json = options["dry_run"], options["as_json"]
        if len(ids) > 1 and not (dry_run or options["yes"]):
            confirm(ids, what)
        alone = len(words) == 1 and words[0].isdigit() and not dry_run
        answers: list[Answer] = []
        try:
            for one in bulk.each(project, ids, act, who, dry_run=dry_run):
                answers.append(one)
                if not (as_json or alone):
                    _tell(one, len(answers), len(ids))
        finally:  # also when it was interrupted: what is done is done, and is said
            if not alone:
                answer(as_json, lambda: present.answers(answers, dry_run=dry_run), lambda: _sum(answers, dry_run))
        if alone:
            _one(project, answers[0], as_json=as_json)
        elif not dry_run and any(each.error for each in answers):
            sys.exit(Refused.exit_code)


def confirm(ids: Sequence[int], what: str) -> None:
    """Ask the person at the terminal; in a pipe there is nobody to ask."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(
            f"{many(len(ids), 'processing')} are meant; nothing was done: say --yes for all of them, "
            "or --dry-run to see what would become of each"
        )
    if not click.confirm(f"{what} {many(len(ids), 'processing')}?", err=True):
        raise Refused("you said no; nothing was done")


def _one(project: Project, one: Answer, *, as_json: bool) -> None:
    """Of one alone the answer is what it is now; where it is gone, that it is done."""
    if one.done is None:
        raise one.error or Refused(one.text)
    with project.store.read() as tx:
        there = processings.there(tx, one.done.id)
    answer(
        as_json,
        lambda: present.answered(one) if there is None else present.processing(there, project.var),
        lambda: click.echo(clean(one.text)),
    )


def _tell(one: Answer, n: int, of: int) -> None:
    place = f"[{n}/{of}] " if sys.stdout.isatty() else ""
    click.echo(place + ("" if one.done else f"processing {one.id} refused: ") + clean(one.text))


def _sum(answers: Sequence[Answer], dry_run: bool) -> None:
    done = sum(1 for each in answers if each.done)
    if not answers:
        click.echo("no such processings")
        return
    would = "would be done" if dry_run else "done"
    click.echo(f"{done} {would}, {len(answers) - done} refused", err=True)


@click.command("retry", cls=Querying)
@step_option
@for_many
def retry_command(words: tuple[str, ...], step_name: str | None, **options: Any) -> None:
    """Give the failed step another attempt: same directory, tries counted from 1 again. ID STEP names another step."""
    words, step_name = step_of(words, step_name)
    act_on(words, partial(_with_step, processings.retry_one, step_name), "retry", options)


def _with_step(act: Callable[..., Any], step_name: str | None, project: Any, tx: Any, pid: int, who: Any) -> Any:
    return act(project, tx, pid, who, step_name)


@click.command("restart", cls=Querying)
@click.option("--from", "step_name", metavar="STEP", help="The same version, from this step on.")
@click.option(
    "--code", type=click.Choice(["now", "recorded"]), default="now", show_default=True,
    help="Definition and scripts as they are now, or as this processing had them.",
)  # fmt: skip
@click.option("--priority", type=Whole(-1_000_000, 1_000_000), help="The higher number goes first.")
@click.option("--fresh", is_flag=True, help="Among new data, not behind them.")
@for_many
def restart_command(
    words: tuple[str, ...], step_name: str | None, code: str, priority: int | None, fresh: bool, **options: Any
) -> None:
    """Run again what has ended: as a new version in a directory of its own, or with --from in the same one."""
    if step_name is not None:
        if code != "now" or priority is not None or fresh:
            raise click.UsageError(
                "--from goes on in the same processing; --code, --priority and --fresh make a new one"
            )
        act_on(words, partial(_with_step, restarts.restart_from, step_name), "restart", options)
        return
    how = restarts.Anew(code == "recorded", priority, fresh)
    act_on(words, lambda project, tx, pid, who: restarts.restart_anew(project, tx, pid, who, how), "restart", options)


@click.command("cancel", cls=Querying)
@for_many
def cancel_command(words: tuple[str, ...], **options: Any) -> None:
    """Cancel: no step of it starts any more, what runs of it is ended."""
    if len(words) == 1 and words[0].isdigit() and not options["dry_run"]:
        _cancel(whole(words[0]), options["reason"], options["as_json"])
        return
    act_on(words, processings.cancel_one, "cancel", options)


def _cancel(processing_id: int, reason: str | None, as_json: bool) -> None:
    """Of one it is told whether it came too late."""
    with opened() as project:
        done = processings.cancel(project, processing_id, reason)
    answer(
        as_json,
        lambda: present.cancelled(processing_id, done),
        lambda: click.echo(f"processing {processing_id}: {'its cancel is accepted' if done.accepted else 'too late'}"),
    )
    if not done.accepted:
        raise Refused(f"processing {processing_id} had already {_HAD[done.state]}")


_HAD = {"succeeded": "succeeded", "failed": "failed", "cancelled": "been cancelled", "skipped": "been skipped"}


@click.command("hold", cls=Querying)
@step_option
@for_many
def hold_command(words: tuple[str, ...], step_name: str | None, **options: Any) -> None:
    """Start nothing more of it until it is released; it keeps its place. ID STEP holds one step."""
    words, step_name = step_of(words, step_name)
    act_on(words, partial(_with_step, holds.hold_one, step_name), "hold", options)


@click.command("release", cls=Querying)
@step_option
@for_many
def release_command(words: tuple[str, ...], step_name: str | None, **options: Any) -> None:
    """Let what is held go on. ID STEP releases one step."""
    words, step_name = step_of(words, step_name)
    act_on(words, partial(_with_step, holds.release_one, step_name), "release", options)


@click.command("run-now", cls=Querying)
@for_many
def run_now_command(words: tuple[str, ...], **options: Any) -> None:
    """Start as soon as there is room, not at a set time; also the next try of a step."""
    act_on(words, holds.run_one_now, "hurry", options)


@click.command("delete", cls=Querying)
@click.option("--children", is_flag=True, help="Also all that came of it.")
@click.option("--again", is_flag=True, help="Process its event again at once.")
@click.option("--versions", metavar="LIST", help="These versions of it: all, or their numbers, as 1,3-4.")
@for_many
def delete_command(words: tuple[str, ...], children: bool, again: bool, versions: str | None, **options: Any) -> None:
    """Delete what has ended: its rows and its directory. Its event stays known, its journal stays."""
    if versions is not None and not (options["yes"] or options["dry_run"]):
        confirm_versions(words, versions)
    act = partial(deletions.delete_one, children=children, again=again, versions=versions)
    act_on(words, act, "delete", options)


def confirm_versions(words: Sequence[str], versions: str) -> None:
    """Ask before several versions go at once."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused("versions are meant; nothing was done: say --yes for them, or --dry-run to see what would go")
    if not click.confirm(f"delete versions {versions} of {' '.join(words)}?", err=True):
        raise Refused("you said no; nothing was done")
