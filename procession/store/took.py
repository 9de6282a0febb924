"""How long processings took, as SQL: what `Processing.took` says of one that has ended.

*Always:* from the start to the end, less the time for which it had ended before it was let go on; never less than
nothing, though a clock was set back meanwhile.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, case, literal_column

from procession.store import schema

_p = schema.processing.c


def took() -> ColumnElement[int]:
    """Microseconds."""
    spent = _p.finished_at - _p.started_at - _p.idle
    return case((spent > literal_column("0", BigInteger()), spent), else_=literal_column("0", BigInteger()))


def took_of(started_at: int, finished_at: int, idle: int) -> int:
    """The same of a row that was read; all in microseconds."""
    return max(0, finished_at - started_at - idle)
