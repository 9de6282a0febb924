"""Causes: why attempts failed, and how many processings have failed for each of them now.

In: what a person asks. Out: causes, those for which most has failed first; one of which nobody is told any more, or
again. Always: what has failed is counted from rows as they are now, so a retry or an accept is seen at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from procession.clock import micros, read_moment
from procession.commands.asked import Asked
from procession.errors import Invalid, NotFound, Refused
from procession.model.cause import LENGTH
from procession.model.event import check_text
from procession.project import Project
from procession.store import causes, moves
from procession.store.causes import Known
from procession.store.database import Tx
from procession.units import to_seconds

MAX_OWNER = 200
MAX_NOTE = 10_000
"""Characters."""
SHORTEST = 4
"""Digits by which a cause may be named, if no other begins so."""
_DIGITS = re.compile(rf"[0-9a-f]{{{SHORTEST},{LENGTH}}}")


def listed(
    project: Project, *, task: str | None = None, since: str | None = None, everything: bool = False, limit: int = 50
) -> Sequence[Known]:  # fmt: skip
    """Those for which processings have failed and are not mended, most first; with `everything` also the others, those
    last. `since` is a moment, or a span before now: occurred since then."""
    after = None if since is None else moment_since(project, since)
    with project.store.read() as tx:
        return causes.listed(tx, task=task, since=after, everything=everything, limit=limit)


def moment_since(project: Project, text: str) -> int:
    """The moment that somebody wrote as one, or as a span before now; in microseconds."""
    try:
        return project.now() - int(to_seconds(text.removeprefix("-")) * 1e6)
    except Invalid:
        pass
    try:
        return micros(read_moment(text))
    except Invalid:
        raise Invalid(f"{text[:40]!r} is neither a span nor a moment; write 2h, 1d or 2026-03-01T12:00") from None


def mute(project: Project, signature: str, who: Asked, span: float | None = None, more: int | None = None) -> Known:
    """Tell nobody of this cause, for so many seconds, or until so many more attempts have ended so, or until somebody
    says so; it is counted all the same."""
    now = project.now()
    until = None if span is None else now + int(span * 1e6)
    if until is not None and until <= now:
        raise Invalid("a cause is muted for a while; write a span longer than nothing, such as 2d")
    with project.store.begin() as tx:
        known = found(tx, signature)
        up_to = None if more is None else known.n + more
        causes.mute(tx, known.signature, now, until, who.by, who.reason, up_to)
        causes.know(tx, known.signature, now, None, None)
        _tell(project, tx, "mute", known, who)
        return found(tx, known.signature)


def unmute(project: Project, signature: str, who: Asked) -> Known:
    """Tell people of this cause again, from its next occurrence on."""
    with project.store.begin() as tx:
        known = found(tx, signature)
        if known.muted_at is None:
            raise Refused(f"cause {known.signature} is not muted")
        causes.mute(tx, known.signature, None, None, None, None)
        _tell(project, tx, "unmute", known, who)
        return found(tx, known.signature)


def assign(project: Project, signature: str, who: Asked, owner: str | None = None, note: str | None = None) -> Known:
    """Somebody has looked at this cause: say who looks after it, and what is known of it; it is no longer new."""
    for what, said, most in (("the owner", owner, MAX_OWNER), ("the note", note, MAX_NOTE)):
        if said is not None:
            check_text(what, said)
            if len(said) > most:
                raise Invalid(f"{what} is {len(said)} characters long; the longest is {most}")
    with project.store.begin() as tx:
        known = found(tx, signature)
        causes.know(tx, known.signature, project.now(), owner, note)
        _tell(project, tx, "assign", known, who)
        return found(tx, known.signature)


def resolve(project: Project, signature: str, who: Asked) -> Known:
    """Say that this cause is mended: what fails for it from now on is a regression."""
    with project.store.begin() as tx:
        known = found(tx, signature)
        causes.resolve(tx, known.signature, project.now(), who.by)
        _tell(project, tx, "resolve", known, who)
        return found(tx, known.signature)


def found(tx: Tx, signature: str) -> Known:
    """The cause whose signature begins so."""
    text = signature.strip().lower()
    if not _DIGITS.fullmatch(text):
        raise Invalid(
            f"{signature[:40]!r} is no signature of a cause; write at least {SHORTEST} of the digits that "
            "'procession causes' shows"
        )
    some = causes.beginning(tx, text)
    if len(some) > 1:
        raise Invalid(f"several causes begin with {text}; write more of its digits")
    if not some:
        raise NotFound(f"there is no cause {text}; see: procession causes --all")
    return some[0]


def _tell(project: Project, tx: Tx, verb: str, found: Known, who: Asked) -> None:
    because = f": {who.reason}" if who.reason else ""
    moves.tell(tx, "cause", verb, project.now(), who.by, f"{found.signature} of {found.task}, {found.step}{because}")
