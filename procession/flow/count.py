"""New runs of counter files become events; a jump from 100 to 105 is five of them.

In: looks at counter files, made beside the loop, and the clock. Out: an event for every run that has come and whose
data are complete; what cannot be right, and what does not come, is told. Always: a counter moves in the transaction of
its events, and only from where it was seen, so whoever else looks, and whenever anything is killed, no run is lost or
taken twice. A paused counter is not looked at, and what has come meanwhile is taken after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from procession.commands import events
from procession.commands.messages import Notice, here, own, said_here, stand
from procession.errors import Invalid, StaleState
from procession.flow.budget import full
from procession.model.counting import CounterPlan, Position, advance
from procession.model.message import Message
from procession.post import Counting
from procession.project import Project
from procession.store import counters, messages, settings
from procession.store.database import Tx
from procession.units import duration
from procession.watch.counter import Count, Counter, Glances, Reading

EVERY = 2.0
"""Seconds between two looks."""
ANSWERS_WITHIN = 60.0
"""Seconds; a look that takes longer is a problem that is told."""


def count(project: Project, tx: Tx) -> datetime | None:
    """Take in what was seen, look again where it is time."""
    post = project.serving
    if post.kind != "up":
        return None
    _follow_definitions(project)
    if not post.counting:
        return None
    now, kept, set_now = project.clock.monotonic(), counters.all_of(tx), settings.all_of(tx)
    told = own(project, tx, "watch")
    for name, each in post.counting.items():
        seen, before = each.glances.take(), kept.get(name)
        pause = set_now.pause(name, each.plan.group)
        if pause is not None and pause.mode != "skip":
            each.at = now + EVERY
        elif seen is not None:
            with suppress(StaleState), tx.apart():
                _take(project, tx, each, seen, before, told)
            each.at = now + EVERY
        elif each.glances.since is not None:
            if now - each.glances.since > ANSWERS_WITHIN:
                text = f"{each.plan.file} has not answered for {duration(ANSWERS_WITHIN)}; is its file system there?"
                stand(project, tx, Notice("watch", name, said_here(project, text), signature=here(project)), told)
            each.at = now + EVERY
        elif each.at <= now:
            where = before or Position()
            tx.after(partial(each.glances.begin, where.last, sorted(where.pending), now, project.wake))
            each.at = now + EVERY
    return project.clock.now() + timedelta(seconds=max(0.0, min(each.at for each in post.counting.values()) - now))


def _follow_definitions(project: Project) -> None:
    post, plans = project.serving, project.settings.counters
    if [each.plan for each in post.counting.values()] != list(plans):
        old = post.counting
        post.counting = {
            plan.name: old[plan.name] if plan.name in old and old[plan.name].plan == plan else counting_of(plan)
            for plan in plans
        }


def reading_of(plan: CounterPlan) -> Reading:
    """What is read of a counter."""
    values = {name: str(value) for name, value in plan.params.items()}
    return Reading(plan.file, plan.pattern, plan.expect, values, plan.quiet, plan.gap)


def counting_of(plan: CounterPlan) -> Counting:
    """A counter of which nothing is remembered yet."""
    return Counting(plan, Glances(Counter(reading_of(plan))))


def _take(
    project: Project, tx: Tx, each: Counting, seen: Count, before: Position | None, told: Sequence[Message]
) -> None:
    """Submit the new runs and move the counter, in one transaction; nothing, if somebody else has moved it."""
    if full(project.var, project.settings):
        return
    follows = advance(each.plan, before or Position(), seen.number, seen.complete, project.now())
    after, refused = _submit(project, tx, each, follows.runs, follows.position)
    if after != before and not counters.move(tx, each.plan.name, before, after):
        raise StaleState(f"counter {each.plan.name} was moved by another launcher; it is looked at again")
    wrong = seen.problem or follows.problem or refused
    if wrong is not None and (each.doubted or seen.problem is None):
        stand(project, tx, Notice("watch", each.plan.name, said_here(project, wrong), signature=here(project)), told)
    elif wrong is None:
        messages.end(tx, [message.id for message in told if message.task == each.plan.name], project.now())
    each.doubted = wrong is not None


def _submit(
    project: Project, tx: Tx, each: Counting, runs: Sequence[int], position: Position
) -> tuple[Position, str | None]:
    """Submit these runs; those that cannot be events stay where they are waited for, and why is told."""
    if not runs:
        return position, None
    reading, refused, why = each.glances.counter.reading, {}, None

    def submit(some: Sequence[int]) -> None:
        new = [each.plan.event(run, reading.path(run)) for run in some]
        with tx.apart():
            events.submit_all(project, tx, new)

    try:
        submit(runs)
    except Invalid:  # one of them cannot be; which one is found out one by one
        pass
    else:
        return position, None
    for run in runs:
        try:
            submit([run])
        except Invalid as error:
            refused[run] = project.now()
            why = why or f"run {run} was not taken: {error}"
    return replace(position, pending={**position.pending, **refused}), why
