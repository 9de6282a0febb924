"""What people hear of ended attempts: recorded errors, failures for good, tasks suspended after too many.

In: what has just followed from ended attempts, in the same transaction. Out: messages, counted by cause; a pause where
a task has failed too often in a row. Always: counted from rows, so that it is right whoever else writes; a success ends
the recorded errors of its task and step that it does not repeat. Failures end in `flow/mended.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from procession.clock import moment
from procession.commands.messages import Notice, note
from procession.model.message import MAX_TEXT
from procession.project import Project
from procession.store import causes, messages, of_tasks, settings, tasks
from procession.store.database import Tx

BY = "procession"
LONG = 3600.0
"""Seconds; who asks to wait so long tells people of it."""


@dataclass(frozen=True, slots=True)
class Concluded:
    """An attempt, and the move of its step that followed."""

    processing_id: int
    task: str
    step: str
    verb: str
    reason: str
    errors: Sequence[str]
    """What its script recorded as going wrong while it went on."""
    cause: str | None = None
    """Signature of why it failed."""
    again_at: int | None = None
    """When it is tried again, where its script has asked for a wait so long that people want to know of it."""
    decided: bool = False
    """A person has just said that it fails."""


def notice(project: Project, tx: Tx, concluded: Sequence[Concluded]) -> None:
    """Note what has gone wrong, and what no longer does."""
    succeeded = [each for each in concluded if each.verb == "succeed"]
    muted = causes.muted(tx, project.now()) if any(_is_told(each) for each in concluded) else frozenset()
    active = messages.recorded(tx, {(each.task, each.step) for each in succeeded})
    for each in concluded:  # in order: a failure and a success of one step may have come in the same turn
        said = [Notice("error", each.task, text, each.step, each.processing_id) for text in each.errors]
        if _is_told(each):
            text = each.reason or "it failed"
            if each.again_at is not None:
                text = f"{text[: MAX_TEXT - 60]}; it is tried again at {moment(each.again_at):%Y-%m-%d %H:%M:%S} UTC"
            said.append(
                Notice("failure", each.task, text, each.step, each.processing_id, each.cause, each.cause in muted)
            )
        elif each.verb == "succeed" and active:
            still = {one.where for one in said}
            gone = [m for m in active if m[2:4] == (each.task, each.step) and m[1:] not in still]
            messages.end(tx, [m[0] for m in gone], project.now())
        if said:
            note(project, tx, said)


def _is_told(each: Concluded) -> bool:
    return (each.verb == "fail" and not each.decided) or (each.verb == "again" and each.again_at is not None)


def suspend(project: Project, tx: Tx, failed: Iterable[str]) -> None:
    """Pause those of these tasks that have failed so often in a row as their definitions allow."""
    names = set(failed)
    for task in tasks.current(tx).values() if names else ():
        if task.name not in names or not task.max_failures:
            continue
        since = tasks.resumed_at(tx, task.name)
        if of_tasks.failures_in_a_row(tx, task.name, since, task.max_failures) < task.max_failures:
            continue
        setting = f"pause:task:{task.name}"
        if setting in settings.all_of(tx).rows:
            continue  # a person, or the failure before, has done it
        times = "1 failure" if task.max_failures == 1 else f"{task.max_failures} failures in a row"
        settings.put(tx, setting, "stop", BY, project.now(), times)
        said = f"suspended after {times}; when it is repaired: procession resume {task.name}"
        note(project, tx, [Notice("suspended", task.name, said, signature="")])
