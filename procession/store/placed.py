"""Placed: a statement for SQLite that is written with, its parameters by place and many rows at once.

*In:* SQL with parameters by their names. *Out:* rows of a table. *Always:* what it writes is what the statement of each
row would write, one after the other. To bind parameters by name takes longer than many an insert, and at each step of
SQLite the threads of a process change places, which costs as much again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

MANY = 8
"""Rows that are inserted in one step."""
_NAMED = re.compile(r"'(?:[^']|'')*'|:([A-Za-z_]\w*)")
"""A text in SQL, or a parameter by its name."""
_VALUES = re.compile(r"VALUES (\([?, ]+\))")


class Placed(NamedTuple):
    """A statement with parameters by place."""

    sql: str
    many: str | None
    """The same for so many rows as `MANY`, if it is a plain INSERT."""
    take: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    """The parameters out of a row."""

    def write(self, cursor: Any, rows: Sequence[Mapping[str, Any]]) -> int:
        """Write these rows; return how many rows of the table were touched."""
        touched, done = 0, 0
        if self.many is not None:
            for done in range(MANY, len(rows) + 1, MANY):
                cursor.execute(self.many, [value for row in rows[done - MANY : done] for value in self.take(row)])
                touched += cursor.rowcount
        if rest := rows[done:]:
            cursor.executemany(self.sql, [self.take(row) for row in rest])
            touched += cursor.rowcount
        return touched


def placed(sql: str, own: Mapping[str, Any]) -> Placed:
    """A statement with parameters by name, of which it brings some itself, as one that is written with by place."""
    names = [found for found in _NAMED.findall(sql) if found]
    by_place = _NAMED.sub(lambda found: "?" if found[1] else found[0], sql)
    many = _VALUES.sub(lambda found: found[0] + f", {found[1]}" * (MANY - 1), by_place)
    take: Any = itemgetter(*names) if len(names) > 1 else lambda row: tuple(row[name] for name in names)
    return Placed(by_place, None if many == by_place else many, (lambda row: take({**own, **row})) if own else take)
