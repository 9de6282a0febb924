"""The frame of every page: where one can go, what is true for everybody, who asks, and the same in a terminal.

*In:* an `Ask`, and what is `Shown`. *Out:* the values that `base.html` has beside those of the page. *Always:* a link
to a page that is not there is not drawn; what is copied out of a page does the same for whoever may do it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from procession import __version__, verbs
from procession.clock import iso
from procession.model.caller import ROLES
from procession.verbs import Caller
from procession.web.anonymous import is_anonymous
from procession.web.page import Ask, Shown
from procession.web.preferences import CHOICES
from procession.web.session import Notice
from procession.web.standing import Standing

NAVIGATION: tuple[tuple[str, tuple[tuple[str, str, str, str], ...]], ...] = (
    (
        "",
        (
            ("Overview", "", "layout-dashboard", ""),
            ("Tasks", "tasks", "workflow", "tasks"),
            ("Processings", "p", "list-tree", ""),
            ("Failures", "failures", "triangle-alert", "failures"),
            ("Questions", "questions", "hand", "questions"),
            ("Events", "events", "inbox", "events"),
        ),
    ),
    (
        "Resources",
        (
            ("Hosts & queues", "hosts", "server", ""),
            ("Locks", "locks", "lock", "locks"),
            ("Disk", "disk", "hard-drive", "disk"),
        ),
    ),
    (
        "System",
        (
            ("Messages", "messages", "bell", ""),
            ("Audit", "audit", "history", ""),
            ("Settings", "settings", "settings", ""),
            ("Help", "help", "circle-help", ""),
        ),
    ),
)  # fmt: skip
"""Section → links: name, place, icon, counter."""
NEEDS = {
    "events": "events",
    "hosts": "launchers",
    "locks": "locks",
    "disk": "disk",
    "messages": "messages",
    "audit": "audit",
}
"""Place → the verb without which there is nothing to see; what is not here is open to everybody who may look."""
KEYS = {
    "": "o", "tasks": "t", "p": "p", "failures": "f", "questions": "q", "events": "e", "hosts": "h", "locks": "l",
    "disk": "d", "messages": "m", "settings": "s",
}  # fmt: skip
"""Place → the key that leads there after g."""
COMMAND = {"status": "status", "task": "tasks", "token-list": "token list", "user-list": "user list"}
"""Verb → the command that says the same, where its name is another."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the navigation."""

    text: str
    href: str
    """Empty: nobody with so few rights is let in."""
    why_not: str
    """What `Ask.why_not` says of it."""
    icon: str
    counter: str
    """Its name, by which the live stream sets it."""
    count: str
    loud: bool
    current: bool
    key: str
    """The second key of ``g o``; empty for what has none."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds a page."""

    title: str
    tab: str
    """What the tab of the browser says."""
    project: str
    """Its name, for who is let in."""
    sections: tuple[tuple[str, tuple[Link, ...]], ...]
    standing: Standing | None
    by: str
    role: str
    anonymous: bool
    """They have not logged in, and may look all the same."""
    crumbs: tuple[tuple[str, str], ...]
    live: str
    version: str
    notice: Notice | None
    copies: tuple[tuple[str, str], ...]
    made_at: str
    here: str
    choices: dict[str, tuple[str, ...]]


def role_of(caller: Caller) -> str:
    """What people call somebody who may do so much."""
    return next((name for name, scopes in reversed(ROLES.items()) if scopes <= caller.scopes), "")


def frame(
    ask: Ask, shown: Shown, standing: Standing | None, *, has: Callable[[str], bool], notice: Notice | None, here: str
) -> Frame:
    """What surrounds this page."""
    counters = standing.counters if standing else {}
    sections = tuple(
        (name, tuple(_link(ask, each, counters) for each in links if has(each[1]))) for name, links in NAVIGATION
    )
    failures = counters.get("failures")
    tab = f"({failures}) {shown.title}" if failures else shown.title
    project = ask.project.settings.name if ask.caller.scopes else ""
    return Frame(
        shown.title, " · ".join(filter(None, (tab, project))), project,
        tuple(each for each in sections if each[1]) if ask.caller.scopes else (), standing, ask.caller.by,
        role_of(ask.caller), is_anonymous(ask.caller), shown.crumbs, _live(ask, shown),
        __version__, notice, copies(ask, shown), iso(ask.project.clock.now()) or "", here, CHOICES,
    )  # fmt: skip


def _live(ask: Ask, shown: Shown) -> str:
    """Topics of a page; none where it says only what went wrong, and of somebody who is not known."""
    return " ".join(filter(None, ("nav", shown.live))) if ask.caller.scopes and shown.status < 400 else ""


def _link(ask: Ask, each: tuple[str, str, str, str], counters: dict[str, int | str]) -> Link:
    text, place, icon, counter = each
    current = ask.path.partition("/")[0] == place or (place == "tasks" and ask.path.startswith("t/"))
    why = ask.why_not(NEEDS[place]) if place in NEEDS else ""
    if why:
        return Link(text, "", why, icon, "", "", False, current, "")
    count = str(counters.get(counter) or "")
    loud = counter == "failures" and bool(count)
    return Link(text, ask.rel(place), "", icon, counter, count, loud, current, KEYS.get(place, ""))


def copies(ask: Ask, shown: Shown) -> tuple[tuple[str, str], ...]:
    """The same as a command, for curl and in Python: the first verb that the page asked."""
    if not ask.asked:
        return ()
    name, given = ask.asked[0]
    found = verbs.load()[name]
    words = [shlex.quote(str(value)) for key, value in given.items() if key not in ("limit", "cursor")]
    command = shown.command or " ".join(("procession", COMMAND.get(name, name), *words))
    path, rest = found.path, dict(given)
    for key in list(rest):
        if f"{{{key}}}" in path:
            path = path.replace(f"{{{key}}}", quote(str(rest.pop(key)), safe=""))
    asked = f"?{urlencode({k: _text(v) for k, v in rest.items()})}" if rest else ""
    url = shlex.quote(f"{ask.origin}/api/v1{path}{asked}")
    curl = f'curl -H "Authorization: Bearer $(cat var/token)" {url}'
    arguments = f", {given!r}" if given else ""
    return (
        ("command", command),
        ("curl", curl),
        ("Python", f"procession.Client({json.dumps(ask.origin)}).call({name!r}{arguments})"),
    )


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)
