"""Why attempts failed: made out when they settle, and counted.

In: attempts that have just ended, the last lines of their logs. Out: by attempt its cause; one row for each cause,
counted; processings that failed, each with its cause. Always: in the transaction of the end, so a count is never of
what was rolled back; a log that cannot be read makes the cause coarser and holds up nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from procession import contract
from procession.model.cause import CAUSED, Cause, cause_of
from procession.project import Project
from procession.store import causes, tallies
from procession.store.database import Tx
from procession.store.processings import Standing
from procession.store.tallies import Count

if TYPE_CHECKING:
    from procession.flow.conclude import Conclusion, Rows, Which

TAIL = 16 * 1024
"""Bytes at the end of a log that are looked at."""


def causes_of(
    project: Project, ended: Sequence[Conclusion], standing: Mapping[int, Standing], rows: Rows
) -> dict[Which, Cause]:
    """Of those that failed, why."""
    found = {}
    for each in ended:
        if each.ending.outcome not in CAUSED:
            continue
        pid, ordinal, number = each.which
        name, place = rows[pid][ordinal].name, each.attempt_dir
        if not place and each.log_bytes:  # a call that has printed
            place = str(project.var.attempt(pid, ordinal, name, number))
        lines = contract.last_lines(place, TAIL) if place else ()
        if cause := cause_of(standing[pid].task, name, each.ending, lines):
            found[each.which] = cause
    return found


def count_causes(
    project: Project, tx: Tx, ended: Iterable[Conclusion], found: Mapping[Which, Cause], rows: Rows,
    standing: Mapping[int, Standing],
) -> None:  # fmt: skip
    """Count each of these once more."""
    now = project.now()
    counted: dict[str, dict[str, Any]] = {}
    for each in ended:
        if (cause := found.get(each.which)) is None:
            continue
        pid, ordinal, _ = each.which
        row = counted.setdefault(cause.signature, {"n": 0})
        row |= {
            "signature": cause.signature, "task": standing[pid].task, "step": rows[pid][ordinal].name,
            "text": cause.text, "sample": each.ending.reason[:2000], "n": row["n"] + 1, "first_at": now,
            "last_at": now,
        }  # fmt: skip
    causes.note(tx, list(counted.values()))
    tallies.add(tx, now, [Count("cause", each, "failed", row["n"]) for each, row in counted.items()])
