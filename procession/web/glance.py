"""The Overview's picture of tasks: what came to what in the last day, the last processings, the newest one.

*In:* names of tasks. *Out:* for each a `Glance`. *Always:* a bounded number of rows for each task, by an index;
nothing is counted but the hours of `store/tallies`. Where roll-ups keep the marks of each task, they take the place of
`_marks`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from procession import present
from procession.project import Project
from procession.store import processings, steps, tallies
from procession.store.database import Tx
from procession.web import words

MARKS = 24
DAY = 86_400_000_000
"""Microseconds."""


@dataclass(frozen=True, slots=True)
class Glance:
    """One task."""

    ok: int
    failed: int
    marks: tuple[dict[str, Any], ...]
    """The last processings, oldest first: id and how each is drawn."""
    latest: dict[str, Any] | None
    """The newest one, with its steps."""


def glances(project: Project, names: Iterable[str]) -> dict[str, Glance]:
    """Name of a task → its picture."""
    with project.store.read() as tx:
        ended: dict[tuple[str, str], int] = {}
        for each in tallies.since(tx, "task", project.now() - DAY):
            ended[each.name, each.what] = ended.get((each.name, each.what), 0) + each.n
        return {
            name: Glance(ended.get((name, "succeeded"), 0), ended.get((name, "failed"), 0), *_last(project, tx, name))
            for name in names
        }


def _last(project: Project, tx: Tx, name: str) -> tuple[tuple[dict[str, Any], ...], dict[str, Any] | None]:
    found = processings.newest(tx, task=name, state=None, before=None, limit=MARKS)
    marks = tuple({"id": each.id, "kind": words.state(_told(each))} for each in reversed(found))
    if not found:
        return marks, None
    newest = replace(found[0], steps=steps.of(tx, found[0].id))
    return marks, present.processing(newest, project.var)


def _told(found: Any) -> dict[str, Any]:
    return {"state": str(found.state), "marks": present.marks(found), "reason": found.reason}
