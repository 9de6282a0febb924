"""Data that stop coming are told: a task that expects so many events in a span has had fewer.

In: the newest processings of each task that says ``expect``, and the clock. Out: one message for each silence, which
ends when data come again. Always: silence is counted only while somebody serves and nobody has paused the task, so
nobody is told of what could not have come.
"""

from __future__ import annotations

from datetime import datetime

from procession.clock import moment
from procession.commands.messages import Notice, note
from procession.model.message import Message
from procession.model.task import Expect, Task
from procession.project import Project
from procession.store import launchers, messages, of_tasks, settings, tasks
from procession.store.database import Tx
from procession.units import duration

GAP = 60_000_000
"""Microseconds between two launchers that count as one service."""


def expect(project: Project, tx: Tx) -> datetime | None:
    """Tell of tasks that have become silent, and of those that are not any more; say when the next might be."""
    post = project.serving
    if post.kind != "up":
        return None
    expecting = {task.name: task for task in tasks.current(tx).values() if task.expect is not None}
    told = {message.task: message for message in messages.of_kind(tx, "silence")}
    messages.end(tx, [m.id for name, m in told.items() if name not in expecting], project.now())
    if not expecting:
        return None
    if post.serving_since is None:
        post.serving_since = launchers.served_since(tx, post.launcher_id, GAP)
    seen, set_now = tasks.first_seen(tx), settings.all_of(tx)
    due = []
    for name, task in expecting.items():
        if set_now.pause(name, task.group) is not None:
            post.listening[name] = project.now()
            messages.end(tx, [told[name].id] if name in told else [], project.now())
            continue
        since = max(seen.get(name, 0), post.serving_since, post.listening.get(name, 0), tasks.resumed_at(tx, name))
        due.append(_listen(project, tx, task, since, told.get(name)))
    return min((moment(at) for at in due if at is not None), default=None)


def _listen(project: Project, tx: Tx, task: Task, since: int, told: Message | None) -> int | None:
    """Is it silent? Return when it would be, if nothing comes; None if it is already."""
    expected, now = task.expect, project.now()
    assert expected is not None
    span = int(expected.per * 1e6)
    last = of_tasks.nth_newest(tx, task.name, expected.at_least)
    if last is not None and last > now - span:
        messages.end(tx, [told.id] if told else [], now)
        return last + span
    if told is not None:
        return None  # it lasts until data come again
    if now - since < span:
        return max(since, last or 0) + span
    note(project, tx, [Notice("silence", task.name, _text(task, expected, tx), signature="")])
    return None


def _text(task: Task, expected: Expect, tx: Tx) -> str:
    newest = of_tasks.nth_newest(tx, task.name, 1)
    last = "none has come yet" if newest is None else f"the last one came at {moment(newest):%Y-%m-%d %H:%M:%S} UTC"
    wanted = "no event" if expected.at_least == 1 else f"fewer than {expected.at_least} events"
    return f"{wanted} in {duration(expected.per)}: {last}; look at where its data come from"
