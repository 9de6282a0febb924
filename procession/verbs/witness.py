"""The audit: every call that changes something leaves a line, in the very transaction of its change.

*In:* who asks for which verb with which arguments. *Out:* one line in `audit`, and the caller's idempotency key taken,
if they gave one. *Always:* what was done has its line and what has a line was done; a call that is refused leaves a
line too, in a transaction of its own; a secret among the arguments is left out.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from procession.errors import Duplicate, ProcessionError, StoreError
from procession.project import Project
from procession.store import audit, processings
from procession.store.database import WITNESS, Tx

if TYPE_CHECKING:
    from procession.verbs.verb import Caller

log = logging.getLogger("procession")

HIDDEN = frozenset({"password", "secret", "token_secret"})
"""Arguments whose values nobody reads again."""
_HALF = re.compile("[\ud800-\udfff]")
"""Half a character: a byte of an argument that was no UTF-8. Nobody could be shown it again."""
_text = json.JSONEncoder(ensure_ascii=False, default=str).encode
LONGEST = 4_000
"""Characters of the arguments that are kept."""


ABOUT = (
    "processing", "id", "task", "group", "source", "queue", "event", "user", "signature", "host", "name", "key",
    "query",
)  # fmt: skip
"""Arguments that say what a call is about, the most telling first."""


class Taken(Duplicate):
    """Another request has this idempotency key."""


@dataclass(slots=True)
class Once:
    """A request that must not be done twice."""

    caller: str
    key: str
    asked: str
    """SHA-256 of the request."""
    taken: bool = False


@dataclass(slots=True)
class Line:
    """One line of the audit on its way into the table."""

    project: Project
    caller: Caller
    verb: str
    arguments: Mapping[str, Any]
    once: Once | None = None
    subject: str | None = None
    written: bool = False
    silent: bool = False
    """Nothing was done that people would ask for: one that waits asks again, one that works says that it lives."""
    before: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.subject = self.subject or subject_of(self.verb, self.arguments)

    def begun(self, tx: Tx) -> None:
        """Look how it stands before anything is changed."""
        self.silent = False
        if not self.written:
            self.before = self._stands(tx)

    def ending(self, tx: Tx) -> None:
        """Write the line, once; take the key."""
        if self.written:
            return
        if self.once is not None and not self.once.taken:
            taken = audit.take_key(tx, self.once.caller, self.once.key, self.once.asked, self.project.now())
            if not taken:
                raise Taken("another request with this idempotency key is under way, or was done; ask again")
        if not self.silent:
            tx.gather(audit.add, [self.row("done", None, self._stands(tx))])
        tx.after(self._is_written)

    def _is_written(self) -> None:
        self.written = not self.silent  # one that has waited may still do what it asks for
        if self.once is not None:
            self.once.taken = True

    def refused(self, error: Exception) -> None:
        """The call came to nothing; a line says so, where the database can be written at all."""
        with self.project.store.begin() as tx:
            audit.add(tx, [self.row(type(error).__name__, str(error)[:1000], None)])

    def row(self, outcome: str, problem: str | None, after: str | None) -> dict[str, Any]:
        """As a row of the table."""
        caller = self.caller
        return {
            "at": self.project.now(), "by": caller.by, "via": caller.via, "origin": caller.origin,
            "token": caller.token, "verb": self.verb, "subject": self.subject, "asked": told(self.arguments),
            "before": self.before, "after": after, "outcome": outcome,
            "problem": None if problem is None else _plain(problem),
        }  # fmt: skip

    def _stands(self, tx: Tx) -> str | None:
        """The state of the processing that it is about, as JSON."""
        noun, _, which = (self.subject or "").partition(":")
        if noun != "processing" or not which.isdigit() or int(which) >= 1 << 63:
            return None
        found = processings.standings(tx, [int(which)]).get(int(which))
        return None if found is None else json.dumps({"state": str(found.state)})


@contextmanager
def witnessed(line: Line) -> Iterator[None]:
    """Write this line with whatever the block changes; if it changes nothing, or is refused, by itself."""
    token = WITNESS.set(line)
    try:
        yield
        if not line.written and not line.silent:
            WITNESS.set(None)
            with line.project.store.begin() as tx:
                line.ending(tx)
    except Taken:
        raise
    except Exception as error:
        WITNESS.set(None)
        if not isinstance(error, StoreError):
            quietly(line, error)
        raise
    finally:
        WITNESS.reset(token)


def quietly(line: Line, error: Exception) -> None:
    """A refusal is told to whoever asked, also where it cannot be noted."""
    try:
        line.refused(error)
    except ProcessionError as trouble:
        # whoever asked is told of the refusal itself, in one line; this is for the log of a server
        log.info("the audit could not note that %s was refused: %s", line.verb, trouble)


def told(arguments: Mapping[str, Any]) -> str:
    """Arguments as the audit keeps them: without secrets, and not without end."""
    shown = {name: "***" if name in HIDDEN else value for name, value in arguments.items() if value is not None}
    text = _text(shown)
    if not text.isascii():
        text = _HALF.sub("\N{REPLACEMENT CHARACTER}", text)
    if len(text) > LONGEST:
        text = json.dumps({"cut": text[:LONGEST]}, ensure_ascii=False)
    return _plain(text)


def subject_of(verb: str, arguments: Mapping[str, Any]) -> str | None:
    """What a call is about, by the names of its arguments: ``processing:12``, ``task:scene``."""
    for name in ABOUT:
        value = arguments.get(name)
        if isinstance(value, int | str) and not isinstance(value, bool):
            noun = "processing" if name == "id" and not verb.startswith(("batch", "message", "redeliver")) else name
            noun = verb.partition("-")[0] if name == "id" and noun == "id" else noun
            return _plain(f"{noun}:{value}")[:200]
    names = arguments.get("names", arguments.get("ids"))
    if isinstance(names, list | tuple) and names:
        return _plain(", ".join(map(str, names)))[:200]
    return "everything" if arguments.get("everything") else None


def _plain(text: str) -> str:
    """Text that every database can carry."""
    if text.isascii() and "\0" not in text and "\\u0000" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0").replace("\\u0000", "\\\\0")
