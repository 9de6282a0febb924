"""Asking for a verb in a transaction of its own, and looking whether the books balance: what these tests share."""

from typing import Any

from procession.commands import books
from procession.commands.asked import Asked, Done
from procession.store import of_tasks, tallies
from tests.flow.driven import Driven


def ask(d: Driven, act: Any, processing_id: int, *args: Any, reason: str | None = None, **options: Any) -> Done:
    """Do this to one processing."""
    who = Asked("somebody", reason)
    done: Done = d.project.store.change(lambda tx: act(d.project, tx, processing_id, who, *args, **options))
    return done


def balanced(d: Driven) -> bool:
    """Do the books balance, and are the tallies what the rows say?"""
    found = books.books(d.project)
    assert found.balanced, found
    with d.project.store.read() as tx:
        counted = of_tasks.counts(tx)
        seconds = tallies.since(tx, "task")
    rows: dict[str, dict[str, int]] = {}
    for row in d.rows("SELECT task, state, count(*) AS n FROM processing WHERE replaced_by IS NULL GROUP BY 1, 2"):
        rows.setdefault(row.task, {})[row.state] = row.n
    assert {
        task: {s: n for s, n in states.items() if n} for task, states in counted.items() if any(states.values())
    } == rows
    assert all(each.seconds > -1e9 for each in seconds)
    return True
