"""Verbs of programs elsewhere that do the work: claim, start, tell how it goes on, hand in."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from procession import present
from procession.commands import claims, work
from procession.errors import Invalid
from procession.project import Project
from procession.verbs.verb import Caller, verb


@verb("claim", "operate", "POST /work/claim")
def claim(
    project: Project, caller: Caller, worker: str, queues: list[str] | None = None, limit: int = 1,
    tasks: list[str] | None = None, labels: list[str] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Claim calls that may start now: none, one or more; each is to be started, or heard of, within a minute."""
    found = claims.claim(
        project, worker, queues=[""] if queues is None else queues, limit=limit, only=tasks, labels=labels or (),
        bearer=caller.bearer,
    )  # fmt: skip
    return present.page([present.claim(each) for each in found], None)


@verb("start", "operate", "POST /work/{attempt}/start")
def start(project: Project, caller: Caller, attempt: str) -> dict[str, Any]:
    """It starts now; from here its time-out counts."""
    return present.beat(work.start(project, attempt, _bearer(caller)))


@verb("heartbeat", "operate", "POST /work/{attempt}/heartbeat")
def heartbeat(
    project: Project, caller: Caller, attempt: str, progress: float | None = None, text: str | None = None,
    message: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """It goes on: a share of progress and its words, a message for the journal; the answer says what is wanted."""
    return present.beat(work.heartbeat(project, attempt, progress, text, message, _bearer(caller)))


@verb("work-pause", "operate", "POST /work/{attempt}/pause")
def pause(project: Project, caller: Caller, attempt: str) -> dict[str, Any]:
    """What does it waits by itself from now on; its time-out goes on counting."""
    return present.beat(work.pause(project, attempt, _bearer(caller)))


@verb("work-resume", "operate", "POST /work/{attempt}/resume")
def resume(project: Project, caller: Caller, attempt: str) -> dict[str, Any]:
    """What does it does not wait any more."""
    return present.beat(work.go_on(project, attempt, _bearer(caller)))


@verb("succeed", "operate", "POST /work/{attempt}/succeed")
def succeed(
    project: Project, caller: Caller, attempt: str, result: Any = None, mime: str | None = None,
    base64: str | None = None, outputs: dict[str, Any] | None = None, events: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """It is done: a result of any JSON value, a text with its type, or bytes as base64; outputs; events."""
    given = result if base64 is None else _bytes(base64)
    return {"id": work.succeed(project, attempt, given, mime, outputs, events or (), _bearer(caller))}


def _bearer(caller: Caller) -> str | None:
    """Whose attempts alone they may speak of; None: of all."""
    return None if "admin" in caller.scopes else caller.bearer


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise Invalid(f"base64 cannot be read: {error}") from None


@verb("fail", "operate", "POST /work/{attempt}/fail")
def fail(
    project: Project, caller: Caller, attempt: str, reason: str, retry_after: float | None = None
) -> dict[str, Any]:
    """It has failed for good; with retry_after, in seconds, it is tried again then."""
    return {"id": work.fail(project, attempt, reason, retry_after, _bearer(caller))}


@verb("give-back", "operate", "POST /work/{attempt}/give-back")
def give_back(project: Project, caller: Caller, attempt: str, reason: str | None = None) -> dict[str, Any]:
    """It is not done, through no fault of its own: it waits again, and nothing is counted."""
    return {"id": work.give_back(project, attempt, reason, _bearer(caller))}
