"""Versions of a processing, and what is different between two attempts → JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from procession.clock import iso
from procession.present.variables import variables_of

if TYPE_CHECKING:  # what a command does not use it does not load
    from procession.commands.changes import Change, Comparison
    from procession.commands.runs import OfRun
    from procession.commands.versions import Difference, Version


def version(found: Version) -> dict[str, Any]:
    """One version of a processing."""
    one = found.processing
    return {
        "id": one.id,
        "version": one.version,
        "state": str(one.state),
        "reason": one.reason,
        "description": one.description,
        "by": found.by,
        "variables": variables_of(one),
        "code": dict(found.code),
        "code_of": one.code_of,
        "replaced_by": one.replaced_by,
        "definition": one.definition,
        "created_at": iso(one.created_at),
        "started_at": iso(one.started_at),
        "finished_at": iso(one.finished_at),
    }


def difference(found: Difference) -> dict[str, Any]:
    """Two versions, and what is different."""
    return {
        "before": version(found.before),
        "after": version(found.after),
        "changes": [change(each) for each in found.changes],
    }


def comparison(found: Comparison) -> dict[str, Any]:
    """A failed attempt beside the last good one."""
    return {
        "step": found.step,
        "attempt": found.attempt,
        "compared_with": None if found.good is None else {"processing": found.good[0], "attempt": found.good[1]},
        "changes": [change(each) for each in found.changes],
        "missing": list(found.missing),
    }


def change(each: Change) -> dict[str, Any]:
    """One difference."""
    return {
        "kind": each.kind,
        "name": each.name,
        "before": each.before,
        "after": each.after,
        "text": each.sentence,
        "diff": each.diff,
    }


def of_run(found: OfRun) -> dict[str, Any]:
    """What became of one run of a list."""
    return {"run": found.run, "id": found.id, "now": found.now, "done": found.now is not None, "text": found.text}
