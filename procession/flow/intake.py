"""Timetables that are due become events; changed definition files are taken in.

In: the files and the clock. Out: at most one event for each task and nominal time.
Always: a periodic task never overlaps itself: while one run lives, the next waits, and what was missed meanwhile is one
run; of several launchers one submits it, under the lock of the task's row. Files with a mistake change nothing, and say
so.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from procession.clock import iso, micros, moment
from procession.commands import events
from procession.flow.budget import full
from procession.model.event import NewEvent
from procession.model.task import Task
from procession.model.timetable import Cron, Every, Timetable
from procession.project import Project
from procession.store import of_tasks, tasks
from procession.store.database import Tx

WHILE_BUSY = timedelta(seconds=0.5)
"""How soon to look again whether the run before has ended."""
WHILE_FULL = timedelta(seconds=5)
FAR = timedelta(hours=1)


def intake(project: Project, tx: Tx) -> datetime | None:
    """Submit the events of timetables that are due; say when the next one is."""
    if project.serving.kind != "up":  # whoever runs one processing in the foreground starts nothing else
        return None
    now = project.clock.now()
    if full(project.var, project.settings):  # what is due meanwhile is missed, as if nobody had served
        return now + WHILE_FULL
    upcoming = now + FAR
    nominals = tasks.nominals(tx)
    for definition_id, task in tasks.current(tx).items():
        if not task.periodic:
            continue
        timetable = _timetable(task)
        nominal = nominals.get(task.name)
        if nominal is None:
            nominal = tasks.hold_nominal(tx, task.name)
        if nominal is None and (begins := timetable.begins(now)) is not None:
            nominal = micros(begins)
            tasks.set_nominal(tx, task.name, nominal)
        last = moment(nominal)
        ended = _ended(tx, task, last) if task.from_end else None
        if not (due := timetable.due(last, now, ended)):
            upcoming = min(upcoming, timetable.next_after(last, now, ended) or upcoming)
        elif of_tasks.is_busy(tx, task.name):
            upcoming = min(upcoming, now + WHILE_BUSY)
        elif tasks.hold_nominal(tx, task.name) != nominal or of_tasks.is_busy(tx, task.name):
            upcoming = min(upcoming, now + WHILE_BUSY)  # another launcher has just submitted it
        else:
            first = due[0]  # one after the other: what else is due waits until this run has ended
            at = iso(first.nominal_at)
            event = NewEvent(task.on, {"nominal_at": at, "late": first.late}, at, f"{task.name} of {at}", "timetable")
            events.submit_all(project, tx, [event], only=((definition_id, task),))
            tasks.set_nominal(tx, task.name, micros(first.nominal_at))
            upcoming = min(upcoming, timetable.next_after(first.nominal_at, now) or upcoming)
    return upcoming


def _timetable(task: Task) -> Timetable:
    if task.cron is not None:
        return Cron(task.cron, task.timezone, task.catch_up)
    return Every(timedelta(seconds=task.every or 0), task.from_end)


def _ended(tx: Tx, task: Task, last: datetime | None) -> datetime | None:
    """When the last run ended; None while one lives. Where it has been cleaned away, its nominal time will do."""
    if of_tasks.is_busy(tx, task.name):
        return None
    ended = of_tasks.last_end(tx, task.name)
    return last if ended is None else moment(ended)
