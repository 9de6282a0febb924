"""Verbs on locks: those of scripts, which concern their own processing, and those of people."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.commands import locks
from procession.commands.locks import Which
from procession.errors import Denied, Invalid
from procession.project import Project
from procession.verbs.bounds import identity
from procession.verbs.verb import Caller, verb


@verb("locks", "read", "GET /locks")
def locks_(project: Project, caller: Caller) -> Any:
    """Every lock that is held or waited for: by whom, since when, and in which order they wait."""
    return {"items": [present.lock(taken) for taken in locks.find(project)]}


@verb("lock", "read", "GET /locks/{name}")
def lock(project: Project, caller: Caller, name: str, fence: int | None = None) -> Any:
    """How one lock stands; with fence, whether that very grant is still held."""
    (taken,) = locks.find(project, name)
    return {
        **present.lock(taken),
        "stands": None if fence is None else locks.holds(project, name, identity("fence", fence)),
    }


@verb("acquire", "trigger", "POST /locks")
def acquire(
    project: Project, caller: Caller, names: list[str], owner: str = "processing", wait: bool = False
) -> Any:  # fmt: skip
    """Acquire all of these locks or none, as the attempt that asks; wait: keep a place in the queue."""
    return present.acquired(locks.acquire(project, _attempt(caller), names, owner, wait=wait))


@verb("release-lock", "trigger", "POST /locks/release")
def release_lock(project: Project, caller: Caller, names: list[str], owner: str = "processing") -> Any:
    """Release each of these locks once; what was acquired more often is still held."""
    return present.acquired(locks.Granted(locks.release(project, _attempt(caller), names, owner)))


@verb("unlock", "operate", "POST /locks/unlock")
def unlock(
    project: Project, caller: Caller, name: str | None = None, processing: int | None = None, reason: str | None = None
) -> Any:
    """Release a lock of all its holders, or of one processing; without a name, all locks of that processing."""
    who = caller.asked(reason)
    if name is not None:
        taken = locks.unlock(project, name, who, None if processing is None else identity("processing", processing))
    elif processing is not None:
        taken = locks.unlock_all(project, identity("processing", processing), who)
    else:
        raise Invalid("name a lock, or a processing")
    return {"items": [present.hold(each) for each in taken]}


def _attempt(caller: Caller) -> Which:
    """Denied for whoever is no attempt: locks are for what runs, since they fall when it ends."""
    if caller.attempt is None:
        raise Denied(f"locks are acquired and released by scripts that run, and {caller.by} is none")
    return caller.attempt
