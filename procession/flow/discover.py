"""New files in watched directories become events; sets whose time is over are closed.

In: looks at directories, made beside the loop, and the clock. Out: an event for every file that has arrived, is
complete and was not known by its key; what cannot be looked at is told. Always: a file is an event once; nothing is
opened, moved or changed; it is taken only after the commit, so what was lost on the way is found again. A paused watch
is not looked at, but for a pause that skips: what arrives then is born and skipped.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from procession.clock import moment
from procession.commands import events, sets
from procession.commands.messages import Notice, here, own, said_here, stand
from procession.definitions.patterns import pattern_of
from procession.errors import Invalid
from procession.flow.budget import full
from procession.model.event import NewEvent
from procession.model.message import Message
from procession.model.setting import Settings
from procession.model.watching import WatchPlan
from procession.post import Watching
from procession.project import Project
from procession.store import events as event_rows
from procession.store import messages, settings, watches
from procession.store.database import Tx
from procession.store.watches import Stand
from procession.units import duration
from procession.watch import Found, Look, Scan, Watch

EVERY = 2.0
"""Seconds between two looks at a watched directory."""
SOONEST = 0.2
"""Seconds between them at least, when something is expected earlier."""
SHARE = 10.0
"""A look that takes long is made so many times less often, so that it keeps nobody from the disk."""
ANSWERS_WITHIN = 60.0
"""Seconds; a look that takes longer is a problem that is told."""
MOST_REFUSED = 100
"""So many refused files of a watch are kept in mind."""


def discover(project: Project, tx: Tx) -> datetime | None:
    """Take in what was found, look again where it is time, close sets whose time is over."""
    if project.serving.kind != "up":
        return None
    over = None  # a slot whose pieces are not taken in has not run out of time
    if full(project.var, project.settings) is None:
        over = sets.close_due(project, tx, partial(events.submit_one, project, tx))
    seconds = _watch(project, tx)
    moments = [] if over is None else [moment(over)]
    if seconds is not None:
        moments.append(project.clock.now() + timedelta(seconds=max(0.0, seconds)))
    return min(moments, default=None)


def _watch(project: Project, tx: Tx) -> float | None:
    """Everything about files; seconds until the next look is due."""
    post, now = project.serving, project.clock.monotonic()
    looks = {look.watch: look for look in post.looks.take()}
    _follow_definitions(project)
    if not post.watching and post.watches_kept == 0:
        return None
    kept, told = watches.all_of(tx), own(project, tx, "watch")
    post.watches_kept = len(post.watching)
    _forget(project, tx, kept, told)
    set_now = settings.all_of(tx)
    for name, each in post.watching.items():
        before = kept.get(name) or Stand(name, project.now())
        look = looks.get(each.watch)
        if _is_paused(set_now, each.plan):
            each.at = now + EVERY
        elif look:
            _take(project, tx, each, look.scan, before)
            each.at = _again_at(look, now)
        elif each.at <= now:
            if post.looks.since(each.watch) is None:
                tx.after(partial(post.looks.begin, each.watch, now, project.wake))
            each.at = now + ANSWERS_WITHIN  # its end is told sooner
        _keep(project, tx, each, look.scan if look else None, before, kept, told)
    return min((each.at for each in post.watching.values()), default=now + EVERY) - now


def _is_paused(set_now: Settings, plan: WatchPlan) -> bool:
    pause = set_now.pause(plan.name, plan.group)
    return pause is not None and set_now.skipping(plan.name, plan.group) is None


def _follow_definitions(project: Project) -> None:
    """Watch what the files say now; a watch that has not changed keeps what it remembers."""
    post, root = project.serving, str(project.root)
    plans = project.settings.watches
    if [each.plan for each in post.watching.values()] == list(plans):
        return
    old = post.watching
    post.watching = {
        plan.name: old[plan.name]
        if plan.name in old and old[plan.name].plan == plan
        else Watching(plan, Watch(pattern_of(plan, root), plan.quiet, empty=plan.empty))
        for plan in plans
    }


def _forget(project: Project, tx: Tx, kept: dict[str, Stand], told: Sequence[Message]) -> None:
    """What is no longer in the files has no problems."""
    watching = project.serving.watching
    for name in kept.keys() - watching.keys():
        watches.remove(tx, name)
    known = {*watching, *(plan.name for plan in project.settings.counters)}
    messages.end(tx, [each.id for each in told if each.task not in known], project.now())


def _again_at(look: Look, now: float) -> float:
    """When to look again, by the clock of the looks."""
    if look.scan.more:
        return now
    soonest = now + max(SOONEST, SHARE * look.seconds)
    due = now + EVERY if look.scan.due is None else min(look.scan.due, now + EVERY)
    return max(due, soonest)


def _take(project: Project, tx: Tx, each: Watching, scan: Scan, before: Stand) -> None:
    """Submit what is new of what was found; it is taken when that is committed."""
    if not scan.ready:
        return
    if why := full(project.var, project.settings):
        each.refused[""] = f"nothing is taken: {why}"
        return  # it is told again at the next look
    each.refused.pop("", None)
    found: dict[str, tuple[Found, NewEvent]] = {}
    for one in scan.ready:
        try:
            event = each.plan.event(one.params(), before.first_at / 1e6, {"project": str(project.root)})
            found.setdefault(event.key or "", (one, event))
        except Invalid as error:
            each.refused[one.path] = f"{one.path} was not taken: {error}"
    known = event_rows.known_keys(tx, [{"name": event.name, "key": key} for key, (_, event) in found.items()])
    new = [pair for key, pair in found.items() if (pair[1].name, key) not in known]
    for one, _ in new:
        each.refused.pop(one.path, None)
    try:
        events.submit_all(project, tx, [event for _, event in new])
    except Invalid:
        _one_by_one(project, tx, each, new)
    tx.after(partial(each.watch.taken, scan.ready))


def _one_by_one(project: Project, tx: Tx, each: Watching, new: Sequence[tuple[Found, NewEvent]]) -> None:
    """One that cannot be an event never stops the others. Submitting checks all before it writes anything."""
    for one, event in new:
        try:
            events.submit_all(project, tx, [event])
        except Invalid as error:
            each.refused[one.path] = f"{one.path} was not taken: {error}"


def _keep(
    project: Project, tx: Tx, each: Watching, scan: Scan | None, before: Stand, kept: dict[str, Stand],
    told: Sequence[Message],
) -> None:  # fmt: skip
    """Keep how it stands, for people; a problem is a message as long as it lasts."""
    name = each.plan.name
    now = before
    if scan is not None:
        _forget_refused(each)
        said = next((f"{one.path}: {one.reason}" for one in scan.growing), None)
        problems = [*scan.problems, *each.refused.values()]
        now = Stand(name, before.first_at, scan.waiting, said, _told_together(problems))
    since = project.serving.looks.since(each.watch)
    if since is not None and project.clock.monotonic() - since > ANSWERS_WITHIN:
        text = f"{each.plan.pattern} has not answered for {duration(ANSWERS_WITHIN)}; is its file system there?"
        now = Stand(name, before.first_at, before.growing, before.said, text)
    if now != before or name not in kept:
        watches.put(tx, now)
    if now.problem:
        said = said_here(project, now.problem)
        stand(project, tx, Notice("watch", name, said, signature=here(project)), told)
    else:
        messages.end(tx, [message.id for message in told if message.task == name], project.now())


def _forget_refused(each: Watching) -> None:
    """What is gone is no problem any more. A look has just ended, so its file system answers."""
    paths = [path for path in each.refused if path and os.path.lexists(path)][-MOST_REFUSED:]
    each.refused = {path: each.refused[path] for path in ("", *paths) if path in each.refused}


def _told_together(problems: Sequence[str]) -> str | None:
    if not problems:
        return None
    return problems[0] + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else "")
