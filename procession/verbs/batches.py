"""Verbs on batches: one verb over all that a query finds."""

from __future__ import annotations

from typing import Any

from procession import present
from procession.clock import iso_at
from procession.commands import batches as commands
from procession.errors import Invalid
from procession.project import Project
from procession.store.batches import Batch
from procession.verbs.bounds import identity, up_to
from procession.verbs.verb import Caller, verb

MOST = 500


@verb("batch-add", "operate", "POST /batches", status=202)
def batch_add(
    project: Project, caller: Caller, verb: str, query: str, arguments: dict[str, str] | None = None,
    dry_run: bool = False, expect: int | None = None, until: int | None = None, reason: str | None = None,
) -> Any:  # fmt: skip
    """Act on all processings that a query finds: retry, restart, cancel, hold, release, run-now, accept, delete.

    `expect`: how many one expects to be meant (10000: so many or more); nothing is done where there are more or fewer.
    `until`: none with a higher id is meant. `dry_run`: say how many are meant, and what would become of the newest.
    `reason` stands in the history of each, too; what was done by hand where a rerun failed says only the argument
    `note` of accept.
    """
    last = None if until is None else identity("until", until)
    if expect is not None and expect < 0:
        raise Invalid(f"expect is how many one expects, a whole number from 0 on, not {expect}")
    given = dict(arguments or {})
    who = caller.asked(reason or given.pop("reason", None))
    if who.reason:
        given["reason"] = who.reason
    if dry_run:
        return present.foreseen(commands.foresee(project, verb, query, given, last))
    return _batch(commands.begin(project, verb, query, given, who.by, expect, last))


@verb("batches", "read", "GET /batches")
def batches(project: Project, caller: Caller, limit: int = 20) -> Any:
    """Batches, newest first."""
    return {"items": [_batch(each) for each in commands.newest(project, up_to("limit", limit, MOST))], "next": None}


@verb("batch", "read", "GET /batches/{id}")
def batch(project: Project, caller: Caller, id: int) -> Any:
    """How far a batch is, and what became of all that it has done."""
    found = commands.get(project, identity("id", id))
    became = commands.became(project, found.id)
    counted = {"total": became.count.n, "exact": became.count.exact, "states": dict(became.states)}
    return {**_batch(found), "became": counted}


@verb("batch-cancel", "operate", "POST /batches/{id}/cancel")
def batch_cancel(project: Project, caller: Caller, id: int) -> Any:
    """Cancel a bulk action; what it has done stays."""
    return _batch(commands.cancel(project, identity("id", id)))


def _batch(found: Batch) -> dict[str, Any]:
    return {
        "id": found.id,
        "verb": found.verb,
        "query": found.query,
        "arguments": {name: value for name, value in found.asked.items() if name != "reason"},
        "reason": found.asked.get("reason"),
        "by": found.by,
        "made_at": iso_at(found.made_at),
        "total": found.total,
        "done": found.done,
        "refused": found.refused,
        "problems": [{"id": pid, "text": text} for pid, text in found.problems],
        "finished_at": iso_at(found.finished_at),
        "cancelled_at": iso_at(found.cancelled_at),
    }
