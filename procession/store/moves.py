"""The only code that writes a state column.

In: a verb of a machine (`model/states.py`) and the things that shall move, each with the attempt number on which the
decision was made. Out: all of them moved, their journal lines written, in the caller's transaction.
Always: compare and set. A thing that is not in a source state of the verb, or has another attempt by now, does not
move and the whole set is refused (`StaleState`), so nothing is ever overwritten that somebody else decided meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Integer, Text, and_, bindparam, func, insert, literal_column, select, update
from sqlalchemy.sql.base import Executable

from procession.errors import StaleState
from procession.model.states import MACHINES, PROCESSING, STEP, Machine, Move
from procession.store import schema
from procession.store.database import Statement, Tx
from procession.store.dialect import given_rows, unindexed

ROW = {
    "processing_id": BigInteger(),
    "ordinal": Integer(),
    "attempt": Integer(),
    "due_at": BigInteger(),
    "reason": Text(),
    "at": BigInteger(),
}


COUNTING = ("claim", "accept")
"""Moves of a step that begin an attempt: what a person did by hand is an attempt too."""


@dataclass(frozen=True, slots=True)
class Moving:
    """One thing that moves: a processing (ordinal 0) or a step of it."""

    processing_id: int
    at: int
    """Moment of the move, in microseconds."""
    ordinal: int = 0
    attempt: int = 0
    """Steps: the number of the latest attempt as the mover saw it."""
    due_at: int | None = None
    reason: str | None = None

    def row(self) -> dict[str, Any]:
        """As a row of `given_rows`."""
        return {name: getattr(self, name) for name in ROW}


def steps(tx: Tx, verb: str, moving: Sequence[Moving], by: str, *, quiet: bool = False) -> None:
    """Move steps; `quiet` writes no journal lines (for what follows from another line of the same moment)."""
    _move(tx, STEP, verb, moving, by, quiet)


def processings(tx: Tx, verb: str, moving: Sequence[Moving], by: str) -> None:
    """Move processings."""
    _move(tx, PROCESSING, verb, moving, by, False)


def note(tx: Tx, noun: str, verb: str, noted: Sequence[Moving], by: str, state: str | None = None) -> None:
    """Write journal lines for what is not a move: a birth, a wish, a late result."""
    if noted:
        tx.each(_NOTE, [m.row() for m in noted], noun=noun, verb=verb, state=state, by=by)


def _move(tx: Tx, machine: Machine, verb: str, moving: Sequence[Moving], by: str, quiet: bool) -> None:
    if not moving:
        return
    rows = [m.row() for m in moving]
    moved = {tuple(row) for row in tx.each(_MOVES[machine.noun, verb], rows).fetchall()}
    if len(moved) != len(rows):
        missing = next(m for m in moving if (m.processing_id, m.ordinal) not in moved)
        where = f"processing {missing.processing_id}" + (f" step {missing.ordinal}" if missing.ordinal else "")
        raise StaleState(f"{where} could not {verb}: it is in another state, or at another attempt, by now")
    if verb in COUNTING:  # the line names the attempt that this move began
        rows = [{**row, "attempt": row["attempt"] + 1} for row in rows]
    if not quiet:
        tx.each(_NOTE, rows, noun=machine.noun, verb=verb, state=str(machine.moves[verb].target), by=by)


def _literals(move: Move) -> Any:
    """The source states as literals: with parameters a partial index could not be used."""
    return literal_column(f"({', '.join(repr(str(source)) for source in move.sources)})")


def _step_move(move: Move, dialect: str) -> Executable:
    given, table = given_rows(dialect, ROW).c, schema.step.c
    values: dict[str, Any] = {
        "state": literal_column(f"'{move.target}'"),
        "due_at": given.due_at,
        "reason": given.reason,
        "finished_at": given.at if move.target in STEP.terminal else None,
    }
    if move.verb in COUNTING:
        values |= {"attempt": table.attempt + 1, "started_at": func.coalesce(table.started_at, given.at)}
    if move.verb == "retry":
        values |= {"renewed": table.attempt}
    return (
        update(schema.step)
        .values(values)
        .where(
            and_(
                table.processing_id == given.processing_id,
                table.ordinal == given.ordinal,
                table.attempt == given.attempt,
                unindexed(dialect, table.state).op("IN")(_literals(move)),
            )
        )
        .returning(table.processing_id, table.ordinal)
    )


def _processing_move(move: Move, dialect: str) -> Executable:
    given, table = given_rows(dialect, ROW).c, schema.processing.c
    values: dict[str, Any] = {
        "state": literal_column(f"'{move.target}'"),
        "due_at": given.due_at,
        "reason": given.reason,
        "finished_at": given.at if move.target in PROCESSING.terminal else None,
    }
    if move.verb == "begin":
        values |= {"started_at": func.coalesce(table.started_at, given.at)}
    if move.verb in ("retry", "resume"):
        values |= {"cancel_requested_at": None, "launcher_id": None}
    return (
        update(schema.processing)
        .values(values)
        .where(and_(table.id == given.processing_id, unindexed(dialect, table.state).op("IN")(_literals(move))))
        .returning(table.id, literal_column("0"))
    )


def _statement(machine: Machine, move: Move) -> Statement:
    make = _step_move if machine is STEP else _processing_move
    return Statement(lambda dialect: make(move, dialect))


_MOVES = {(m.noun, move.verb): _statement(m, move) for m in MACHINES.values() for move in m.moves.values()}


def _note(dialect: str) -> Executable:
    given = given_rows(dialect, ROW)
    r = given.c
    written = select(
        r.at,
        bindparam("noun", type_=Text()),
        r.processing_id,
        func.nullif(r.ordinal, 0),
        func.nullif(r.attempt, 0),
        bindparam("verb", type_=Text()),
        bindparam("state", type_=Text()),
        bindparam("by", type_=Text()),
        r.reason,
    ).select_from(given)
    names = ["at", "noun", "processing_id", "ordinal", "attempt", "verb", "state", "by", "reason"]
    return insert(schema.journal).from_select(names, written)


_NOTE = Statement(_note)
