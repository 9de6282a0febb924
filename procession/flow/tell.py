"""A person is told: the command of ``[alerts]`` is run once for each message that needs one, and once when it ends.

In: messages whose moment has come. Out: the command, beside the loop, with the message as JSON on its standard input.
Always: told at least once; a message counts as told when the command has ended with code 0 and that is committed. A
command that fails is tried again a few times, and then left until the launcher starts anew.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import datetime, timedelta
from functools import partial

from procession import present
from procession.clock import moment
from procession.model.message import Message
from procession.post import Telling
from procession.project import Project
from procession.store import launchers, messages
from procession.store.database import Tx

log = logging.getLogger("procession")

TRIES = 5
FIRST_DELAY = 10.0
"""Seconds before the second try; each next one waits three times as long."""
LIMIT = 60.0
"""Seconds that the command may take."""
AT_ONCE = 4
"""So many run beside each other."""


def tell(project: Project, tx: Tx) -> datetime | None:
    """Take in which commands have ended, and run those that are due."""
    post, argv = project.serving, project.settings.alerts
    if post.kind != "up" or not (argv or post.telling) or not _tells(project, tx):
        return None
    now = project.clock.monotonic()
    for done in post.errands.take():
        if telling := post.telling.get(done.key):
            _ended(tx, done.key, telling, done.problem, now, post.telling)
    if not argv:
        return None
    wanted = {_key(message): message for message in messages.untold(tx, project.now())}
    for key in post.telling.keys() - wanted.keys() - post.errands.under_way:
        tx.after(partial(post.telling.pop, key, None))
    room = AT_ONCE - len(post.errands.under_way)
    seconds = []
    for key, message in wanted.items():
        telling = post.telling.setdefault(key, Telling(message.id))
        if key in post.errands.under_way or telling.told or telling.tries >= TRIES:
            continue
        if telling.at > now:
            seconds.append(telling.at - now)
        elif room > 0:
            room -= 1
            telling.at_moment = project.now()
            tx.after(partial(_begin, project, key, message, argv))
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


def _ended(tx: Tx, key: str, telling: Telling, problem: str | None, now: float, all_: dict[str, Telling]) -> None:
    if problem is None:
        telling.told = True
        messages.told(tx, telling.message_id, telling.at_moment)
        tx.after(partial(all_.pop, key, None))
        return
    telling.tries += 1
    telling.at = now + FIRST_DELAY * 3 ** (telling.tries - 1)
    rest = "it is tried again" if telling.tries < TRIES else "it is not tried again before the launcher starts anew"
    log.error("the alert command failed for message %d: %s; %s", telling.message_id, problem, rest)


def _begin(project: Project, key: str, message: Message, argv: tuple[str, ...]) -> None:
    said = {**present.message(message), "project": project.settings.name}
    names = ("id", "kind", "task", "step", "text", "count", "state", "processing", "project")
    values = {f"PROCESSION_MESSAGE_{name.upper()}": _plain(said[name]) for name in names}
    text = json.dumps(said, ensure_ascii=False) + "\n"
    environment = {**os.environ, **values}
    project.serving.errands.begin(key, argv, str(project.root), environment, text, LIMIT, project.wake)


def _plain(value: object) -> str:
    """A value for the environment, which has a limit for each."""
    return "" if value is None else str(value)[:8000]
