"""Watching what a page asks of SQLite: its statements, how they are planned, and the steps that the database took.

Steps are those of SQLite's own machine, about ten for each row that is looked at: they say what a query costs on every
machine alike, however loaded it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event

from procession.project import Project
from procession.store import schema

EVERY = 100
"""Steps between two calls of the handler that counts them."""
BIG = "processing|step|attempt|event|event_key|journal|output"
"""Tables that grow for ever."""
SHORT = {
    str(index.name)
    for table in schema.metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
}
"""Indexes of some rows only."""
SCAN = re.compile(rf"SCAN (?:{BIG})\b(?: USING (?:COVERING )?INDEX (\w+))?")


@dataclass
class Watched:
    """What was asked."""

    statements: list[str] = field(default_factory=list)
    """As SQLite ran them, values filled in."""
    steps: int = 0

    @property
    def queries(self) -> list[str]:
        """Those that read."""
        return [sql for sql in self.statements if re.match(r"\s*(SELECT|WITH)\b", sql)]

    def unbounded(self, project: Project) -> list[str]:
        """Queries that read a table that grows from one end to the other, with no limit to it: their plans."""
        found = []
        with project.store.read() as tx:
            driver: Any = tx.connection.connection.dbapi_connection
            for sql in dict.fromkeys(self.queries):
                shown = re.sub(r"\bInf\b", "9e999", sql)
                plan = "\n".join(str(row[-1]) for row in driver.execute(f"EXPLAIN QUERY PLAN {shown}").fetchall())
                if any(index not in SHORT for index in SCAN.findall(plan)) and " LIMIT " not in sql.upper().replace(
                    "\n", " "
                ):
                    found.append(f"{sql}\n{plan}")
        return found


@contextmanager
def watching(project: Project) -> Iterator[Watched]:
    """Watch everything that is asked of this project's database in the block."""
    watched, engine = Watched(), project.store.engine

    def tick() -> int:
        watched.steps += EVERY
        return 0

    def lent(driver: Any, *_: object) -> None:
        driver.set_trace_callback(watched.statements.append)
        driver.set_progress_handler(tick, EVERY)

    def returned(driver: Any, *_: object) -> None:
        driver.set_trace_callback(None)
        driver.set_progress_handler(None, 0)

    event.listen(engine, "checkout", lent)
    event.listen(engine, "checkin", returned)
    try:
        yield watched
    finally:
        event.remove(engine, "checkout", lent)
        event.remove(engine, "checkin", returned)
