"""A person is told, by command, mail or chat: once of each message that needs one, and once when it ends.

In: messages whose moment has come. Out: errands beside the loop, one for each message and way; what came of them is
written down. Always: told at least once; a message counts as told when every way has ended well and that is committed.
A command that fails is tried again a few times, and then left until the launcher starts anew; an address that cannot be
reached is tried again for ever, less and less often, and one that was reached is not asked again.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from functools import partial

from procession.clock import moment
from procession.commands import alerts
from procession.model.message import Message
from procession.post import Telling
from procession.project import Project
from procession.store import launchers, messages
from procession.store.database import Tx

log = logging.getLogger("procession")

TRIES = 5
"""So often a command is tried."""
FIRST_DELAY = 10.0
"""Seconds before the second try; each next one waits three times as long."""
LONGEST = 3600.0
"""Seconds between two tries at most."""
AT_ONCE = 4
"""So many run beside each other."""


def tell(project: Project, tx: Tx) -> datetime | None:
    """Take in which errands have ended, and run those that are due."""
    post, ways = project.serving, alerts.ways(project)
    if post.kind != "up" or not (ways or post.telling) or not _tells(project, tx):
        return None
    now = project.clock.monotonic()
    for done in post.errands.take():
        if telling := post.telling.get(done.key):
            _ended(tx, telling, done.problem, done.line, now)
    if not ways:
        return None
    wanted = {(_key(message), way): message for message in messages.untold(tx, project.now()) for way in ways}
    keys = {f"{key} {way}" for key, way in wanted}
    for key in post.telling.keys() - keys - post.errands.under_way:
        tx.after(partial(post.telling.pop, key, None))
    room = AT_ONCE - len(post.errands.under_way)
    seconds = []
    for (name, way), message in wanted.items():
        key = f"{name} {way}"
        telling = post.telling.setdefault(key, Telling(message.id, way))
        if key in post.errands.under_way or telling.told or (way == alerts.COMMAND and telling.tries >= TRIES):
            continue
        if telling.at > now:
            seconds.append(telling.at - now)
        elif room > 0:
            room -= 1
            telling.at_moment = project.now()
            tx.after(partial(_begin, project, key, telling, alerts.said_of(project, tx, message)))
    _note_told(project, tx, wanted)
    later = [project.clock.now() + timedelta(seconds=min(seconds))] if seconds else []
    following = messages.next_untold(tx)
    if following is not None and following > project.now():
        later.append(moment(following))
    return min(later, default=None)


def _tells(project: Project, tx: Tx) -> bool:
    """Of several launchers the first that is not known to be lost tells, so that people are told once."""
    post = project.serving
    if not project.store.shared:
        return True
    lost = {place for place, heard in post.heard.items() if heard.lost}
    serving = [row.id for row in launchers.not_stopped(tx) if row.kind == "up" and row.place not in lost]
    return min(serving, default=post.launcher_id) == post.launcher_id or bool(post.errands.under_way)


def _key(message: Message) -> str:
    return f"{message.id} {'occurs' if message.ended_at is None else 'ended'}"


def _ended(tx: Tx, telling: Telling, problem: str | None, line: str, now: float) -> None:
    problem, reached = alerts.outcome(telling.way, problem, line)
    telling.reached = reached or telling.reached
    if problem is None:
        telling.told = True
        return
    telling.tries += 1
    telling.at = now + min(FIRST_DELAY * 3 ** min(telling.tries - 1, 10), LONGEST)
    messages.set_problem(tx, telling.message_id, problem)
    again = telling.way != alerts.COMMAND or telling.tries < TRIES
    rest = "it is tried again" if again else "it is not tried again before the launcher starts again"
    what = "the alert command failed for" if telling.way == alerts.COMMAND else "nobody could be told of"
    log.error("%s message %d: %s; %s", what, telling.message_id, problem, rest)


def _note_told(project: Project, tx: Tx, wanted: dict[tuple[str, str], Message]) -> None:
    """Those of which every way has ended well."""
    telling = project.serving.telling
    for name, message in {name: message for (name, _), message in wanted.items()}.items():
        keys = [f"{name} {way}" for other, way in wanted if other == name]
        if all(telling[key].told for key in keys):
            messages.told(tx, message.id, max(telling[key].at_moment for key in keys))
            for key in keys:
                tx.after(partial(telling.pop, key, None))


def _begin(project: Project, key: str, telling: Telling, said: dict[str, object]) -> None:
    order = alerts.errand(project, telling.way, said, telling.reached)
    root, wake = str(project.root), project.wake
    project.serving.errands.begin(key, order.argv, root, order.environment, order.text, alerts.LIMIT, wake)
