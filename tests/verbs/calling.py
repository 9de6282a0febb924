"""Calling verbs as somebody, and reading what the journal says of it: what these tests share."""

from typing import Any

from procession import verbs
from procession.store import journal
from procession.verbs import Caller
from tests.flow.driven import Driven

SOMEBODY = Caller("ada", "http")


def ask(d: Driven, name: str, /, who: Caller = SOMEBODY, **arguments: Any) -> Any:
    """Call a verb as `who`."""
    return verbs.call(d.project, who, name, arguments)


def said(d: Driven, verb: str) -> list[tuple[str, str | None]]:
    """Who did this, and why, by the journal."""
    with d.project.store.read() as tx:
        rows = tx.connection.exec_driver_sql(f"SELECT by, reason FROM journal WHERE verb = '{verb}' ORDER BY id")
        return [(row[0], row[1]) for row in rows]


def story(d: Driven, processing_id: int) -> list[str]:
    """The verbs of the journal of one processing."""
    with d.project.store.read() as tx:
        return [line.verb for line in journal.of(tx, processing_id)]
