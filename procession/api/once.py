"""Idempotency keys: a request that is sent again is answered again, and not done again.

*In:* the header ``Idempotency-Key`` of a request that changes something. *Out:* the answer; that of the first time, if
there was one. *Always:* the key is taken in the transaction of the change, so whatever is killed when, what was asked
once is done at most once; a refusal takes no key. Keys are kept for `KEPT` and are each caller's own. Of a secret
nothing is kept, of one sent or of one answered: who asks again is told only that it was done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from procession.api.problems import Problem
from procession.api.request import Answer, Request
from procession.project import Project
from procession.store import audit
from procession.verbs import Caller, Verb
from procession.verbs.witness import HIDDEN, Once, Taken

KEPT = 24 * 3_600_000_000
"""Microseconds for which an answer is kept."""
MAX_KEY = 255
REPLAYED = ((b"idempotent-replayed", b"true"),)


@dataclass(slots=True)
class Asked:
    """A request with a key, and its answer as soon as there is one."""

    project: Project
    once: Once
    secret: bool = False
    """Is a secret in the request or in its answer?"""
    before: Answer | None = None
    """What was answered the first time."""
    now: Answer | None = None

    @property
    def given(self) -> Answer:
        """What is answered."""
        found = self.before or self.now
        assert found is not None
        return found

    def answer(self, answer: Answer) -> None:
        """Keep what is answered; of a secret, that it was."""
        self.now = answer
        kept = "" if self.secret else answer.body.decode()
        with self.project.store.begin() as tx:
            audit.set_answer(tx, self.once.caller, self.once.key, answer.status, kept)


@contextmanager
def asked_once(
    project: Project, caller: Caller, verb: Verb, given: dict[str, Any], key: str
) -> Iterator[Asked]:  # fmt: skip
    """A request with this key; Problem where the key belongs to another request, or its answer is not known."""
    open_ = sorted((name, value) for name, value in given.items() if name not in HIDDEN)  # a hash can be guessed
    request = hashlib.sha256(repr((verb.name, open_)).encode("utf-8", "surrogatepass")).hexdigest()
    asked = Asked(project, Once(caller.token or caller.by, key, request), verb.secret or not HIDDEN.isdisjoint(given))
    asked.before = _before(project, asked.once)
    try:
        yield asked
    except Taken:
        asked.before = _before(project, asked.once)
        if asked.before is None:
            raise


def _before(project: Project, once: Once) -> Answer | None:
    with project.store.read() as tx:
        found = audit.find_answer(tx, once.caller, once.key)
    if found is None or project.now() - found.at > KEPT:
        return None
    if found.asked != once.asked:
        raise Problem(422, "Invalid", "this idempotency key was used for another request; use a new one")
    if not found.status:
        raise Problem(
            409, Taken.__name__, "this request is being done, or its answer is lost; check which, then ask again",
            ((b"retry-after", b"1"),),
        )  # fmt: skip
    if not found.body:
        raise Problem(
            409, "Refused", "this request was done when it came first; a secret was in it, so its answer was not kept "
            "and cannot be shown again: if the secret is lost, revoke it and make a new one",
        )  # fmt: skip
    return Answer(found.status, found.body.encode(), headers=REPLAYED)


def key_of(request: Request) -> str | None:
    """The idempotency key of a request, if it has one."""
    return _checked(request.header(b"idempotency-key"), "Idempotency-Key")


def of_hook(request: Request, body: Any, key: str | None) -> dict[str, Any]:
    """The arguments of a webhook: all of the body is parameters, a header names the key of the event."""
    if not isinstance(body, dict):
        raise Problem(400, "Invalid", "what is posted to a hook must be a JSON object: its names become parameters")
    own = _checked(request.header(b"procession-key"), "Procession-Key")
    return {"params": body, "key": own or key}


def _checked(key: str | None, name: str) -> str | None:
    if key is not None and not (0 < len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
        raise Problem(400, "Invalid", f"{name} has 1 to {MAX_KEY} printable ASCII characters")
    return key
