"""A page: a path, the scope that it needs, and a function that says what is shown.

*In:* an `Ask`: who asks, for what, and the verbs as they may use them. *Out:* `Shown`: a template and its values.
*Always:* a page runs in a thread of the pool; it asks by verbs, as the caller, so nobody sees more here than over HTTP.

    @page("/t/{task}", scope="read")
    def task(ask: Ask) -> Shown:
        found = ask.verb("task", name=ask.values["task"])
        return Shown("pages/task.html", {"task": found}, title=found["name"], live=f"task:{found['name']}")
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

from procession import verbs
from procession.errors import Denied, Invalid, NotFound
from procession.project import Project
from procession.verbs import Caller
from procession.verbs.bounds import LARGEST
from procession.verbs.groups import is_of_some
from procession.verbs.shape import read_text
from procession.web import url
from procession.web.preferences import Preferences
from procession.web.sending import Sent

NOTHING: Mapping[str, Any] = {}
NOBODY = Caller("nobody", "http", frozenset())
"""Who asks without having logged in."""


@dataclass(slots=True)
class Ask:
    """One request for a page."""

    project: Project
    caller: Caller
    path: str
    """Below the root of the site, without a slash in front."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Name in the path → what stands there."""
    query: Mapping[str, str] = field(default_factory=dict)
    """Name → value, the last where it is given twice."""
    every: Mapping[str, list[str]] = field(default_factory=dict)
    """Name → all values, as ticked boxes give them."""
    form: Mapping[str, list[str]] = field(default_factory=dict)
    """Of a POST: name → values."""
    origin: str = ""
    """Scheme and host by which the server was called, for what is copied out of a page."""
    seen_from: str = ""
    """The page in which the answer is shown: its links go from there. A fragment is shown in another one."""
    prefers: Preferences = field(default_factory=Preferences)
    csrf: str = ""
    """What every form of this session carries."""
    since: int = 0
    """The newest entry of the journal when the page was begun: its live stream goes on from there."""
    left: threading.Event = field(default_factory=threading.Event)
    """Whoever asked has hung up; it is told to pages that are `lengthy`."""
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Verbs that were asked, in order: the first is what the foot of the page says."""

    def verb(self, name: str, /, **arguments: Any) -> Any:
        """The answer of a verb that looks, for whoever asks; what it is refused with, the page is refused with."""
        given = {each: value for each, value in arguments.items() if value is not None}
        self.asked.append((name, given))
        return verbs.call(self.project, self.caller, name, given)

    def number(self, name: str) -> int:
        """The id that stands in the path; NotFound where none can stand there."""
        text = self.values[name]
        if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LARGEST):
            raise NotFound(f"there is no id {text[:40]!r}: an id is a whole number, such as 17")
        return int(text)

    def argument(self, verb: str, name: str) -> Any:
        """A value of the query, read as an argument of a verb; None where it is not given. Invalid where it is none."""
        text = self.query.get(name, "")
        return read_text(verbs.load()[verb], name, text) if text else None

    def may(self, scope: str) -> bool:
        """May the caller do what needs this scope?"""
        return scope in self.caller.scopes

    def why_not(self, verb: str, given: Mapping[str, Any] = NOTHING) -> str:
        """Why the caller may not ask for this: the scope that is missing, or ``groups`` where it concerns more than
        their groups of tasks. Empty where nothing is known against it."""
        found = verbs.load()[verb]
        if found.scope not in self.caller.scopes:
            return found.scope
        return "" if self.caller.groups is None or is_of_some(found, given) else "groups"

    def need(self, scope: str) -> None:
        """Denied without this scope."""
        if not self.may(scope):
            raise Denied(f"this page needs the scope {scope}, which {self.caller.by} does not have")

    def rel(self, path: str, /, *pieces: object, **query: object) -> str:
        """A link: ``rel("t", task)``, ``rel("p", query="state:failed")``; pieces and values are quoted."""
        return url.rel(self.seen_from, url.joined(path, *pieces, **query))


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown."""

    template: str
    values: Mapping[str, Any]
    """For the template, and for whoever asks for JSON."""
    title: str
    live: str = ""
    """Topics of the live stream on which something of this page hangs: ``task:scene proc:12``."""
    crumbs: tuple[tuple[str, str], ...] = ()
    """What it is part of: name and place of the site, the widest first."""
    command: str = ""
    """The same on the command line; else it is made of the first verb that the page asked."""
    status: int = 200
    data: Any = None
    """What JSON shows, where it is not the values."""
    kept: bool = True
    """May a browser keep it? Not where a secret is shown."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Not a page: go to another place of the site."""

    to: str
    notice: str = ""
    """Is shown there, once."""
    href: str = ""
    """Where the notice leads."""
    cookies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """Not a page: bytes of their own, for pictures, files and tables."""

    body: bytes
    mime: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    more: Iterator[bytes] | None = None
    """What follows, made piece by piece while it is sent; each piece in a thread of the pool."""


def told(value: object) -> Piece:
    """What a script asks for: JSON, whatever it says that it accepts."""
    return Piece(json.dumps(plain(value), ensure_ascii=False, separators=(",", ":")).encode(), "application/json")


def plain(value: Any) -> Any:
    """A value as JSON has it: of what is more than a number, a text, a list or names, its fields."""
    if is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    return value


Act = Callable[[Ask], Shown | Gone | Piece | Sent]
Made = TypeVar("Made", bound=Act)


@dataclass(frozen=True, slots=True)
class Page:
    """One page."""

    path: str
    scope: str | None
    """None: it needs nobody who is known."""
    act: Act
    method: str = "GET"
    lengthy: bool = False
    """It may take seconds, and asks `Ask.left` whether anybody still waits for it."""


PAGES: list[Page] = []
"""All of them; complete after `load`."""


def page(
    path: str, *, scope: str | None = "read", method: str = "GET", lengthy: bool = False
) -> Callable[[Made], Made]:
    """Make a function a page: ``@page("/p/{id}/s/{step}")``."""

    def made(act: Made) -> Made:
        PAGES.append(Page(path, scope, act, method, lengthy))
        return act

    return made


def load() -> list[Page]:
    """All pages: the modules of `procession.web.pages` are found by themselves."""
    from procession.web import pages  # noqa: PLC0415  not before a page is asked for

    for module in pkgutil.iter_modules(pages.__path__):
        importlib.import_module(f"{pages.__name__}.{module.name}")
    return PAGES


def one(form: Mapping[str, list[str]], name: str) -> str:
    """A value of a form that is given once; empty without it, Invalid where it is given twice."""
    found = form.get(name, [])
    if len(found) > 1:
        raise Invalid(f"{name} is in the form {len(found)} times; send it once")
    return found[0] if found else ""
