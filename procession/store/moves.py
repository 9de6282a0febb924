"""The only code that writes a state column.

In: a verb of a machine (`model/states.py`) and the things that shall move, each with the attempt number on which the
decision was made. Out: all of them moved, their journal lines written, in the caller's transaction.
Always: compare and set. A thing that is not in a source state of the verb, or has another attempt by now, does not
move and the whole set is refused (`StaleState`), so nothing is ever overwritten that somebody else decided meanwhile.
Locks of a processing that ends fall here, in the same transaction, whatever ended it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Integer, Text, and_, bindparam, case, func, insert, literal_column, select, update
from sqlalchemy.sql.base import Executable

from procession.errors import StaleState
from procession.model.states import MACHINES, PROCESSING, STEP, Machine, Move, State
from procession.store import locks, schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_ids, unindexed
from procession.store.statement import Statement

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
    """Why, kept in the row and in the journal."""
    why: str | None = None
    """Why a person asked for it, for the journal alone."""

    def row(self) -> dict[str, Any]:
        """As a row to write with."""
        return {
            "processing_id": self.processing_id,
            "ordinal": self.ordinal,
            "attempt": self.attempt,
            "due_at": self.due_at,
            "reason": self.reason,
            "at": self.at,
        }


def steps(tx: Tx, verb: str, moving: Sequence[Moving], by: str, *, quiet: bool = False) -> None:
    """Move steps; `quiet` writes no journal lines (for what follows from another line of the same moment)."""
    _move(tx, STEP, verb, moving, by, quiet)


def processings(tx: Tx, verb: str, moving: Sequence[Moving], by: str) -> None:
    """Move processings."""
    _move(tx, PROCESSING, verb, moving, by, False)


def begin_calls(tx: Tx, ids: Sequence[int], at: int) -> None:
    """The only steps of these fresh processings are claimed: begin, ready and claim at once, for a set.

    Nothing of it is written into the journal; their ends will be. The attempts say who claimed them, and when.
    """
    _move_set(tx, (_CLAIM_CALLS, _BEGIN_CALLS), ids, at)


def succeed_calls(tx: Tx, ids: Sequence[int], at: int) -> None:
    """The first attempts at the only steps of these processings have succeeded, and so have they.

    One of which a cancel was asked, or whose result is to be delivered, is refused with all others: it goes step by
    step. Nothing of them is on the disk.
    """
    _move_set(tx, (_SUCCEED_CALL_STEPS, _SUCCEED_CALLS), ids, at)
    tx.run(_NOTE_CALLS, ids=json.dumps(ids), at=at)


def _move_set(tx: Tx, statements: Sequence[Statement], ids: Sequence[int], at: int) -> None:
    tx.wrote = True
    given = json.dumps(ids)
    for statement in statements:
        if tx.run(statement, ids=given, at=at).rowcount != len(ids):
            raise StaleState("a call of this set is in another state, or at another attempt, by now")


def note(tx: Tx, noun: str, verb: str, noted: Sequence[Moving], by: str, state: str | None = None) -> None:
    """Write journal lines for what is not a move: a birth, a wish, a late result."""
    tx.write(_NOTE, [_line(m, noun, verb, state, by, m.attempt) for m in noted])


def tell(tx: Tx, noun: str, verb: str, at: int, by: str, reason: str | None) -> None:
    """Write a journal line for what concerns no processing: a pause, a setting, an event that was refused."""
    line = dict.fromkeys(_LINE) | {"at": at, "noun": noun, "verb": verb, "by": by, "reason": reason}
    tx.write(_NOTE, [line])


def _move(tx: Tx, machine: Machine, verb: str, moving: Sequence[Moving], by: str, quiet: bool) -> None:
    if tx.write(_MOVES[machine.noun, verb], [m.row() for m in moving]) != len(moving):
        which = ", ".join(f"{m.processing_id}/{m.ordinal}" if m.ordinal else str(m.processing_id) for m in moving[:5])
        raise StaleState(
            f"{machine.noun} {which} could not {verb}: one of them is in another state, or at another attempt, by now"
        )
    if machine is PROCESSING and machine.moves[verb].target in machine.terminal:
        locks.fall(tx, [m.processing_id for m in moving])
    if not quiet:
        state, begun = str(machine.moves[verb].target), verb in COUNTING
        tx.write(_NOTE, [_line(m, machine.noun, verb, state, by, m.attempt + begun) for m in moving])


def _line(m: Moving, noun: str, verb: str, state: str | None, by: str, attempt: int) -> dict[str, Any]:
    return {
        "at": m.at,
        "noun": noun,
        "processing_id": m.processing_id,
        "ordinal": m.ordinal or None,
        "attempt": attempt or None,
        "verb": verb,
        "state": state,
        "by": by,
        "reason": m.why or m.reason,
    }


def _literals(move: Move) -> Any:
    """The source states as literals: with parameters a partial index could not be used."""
    return literal_column(f"({', '.join(repr(str(source)) for source in move.sources)})")


def _step_move(move: Move, dialect: str) -> Executable:
    given, table = Given(dialect, ROW), schema.step.c
    values: dict[str, Any] = {
        "state": literal_column(f"'{move.target}'"),
        "due_at": given["due_at"],
        "reason": given["reason"],
        "finished_at": given["at"] if move.target in STEP.terminal else None,
    }
    if move.verb in COUNTING:
        values |= {"attempt": table.attempt + 1, "started_at": func.coalesce(table.started_at, given["at"])}
    if move.verb in ("retry", "restart"):
        values |= {"renewed": table.attempt}
    if move.target is State.READY:
        values |= {"ready_at": given["at"]}
    return (
        update(schema.step)
        .values(values)
        .where(
            and_(
                table.processing_id == given["processing_id"],
                table.ordinal == given["ordinal"],
                table.attempt == given["attempt"],
                unindexed(dialect, table.state).op("IN")(_literals(move)),
            )
        )
    )


def _processing_move(move: Move, dialect: str) -> Executable:
    given, table = Given(dialect, ROW), schema.processing.c
    values: dict[str, Any] = {
        "state": literal_column(f"'{move.target}'"),
        "due_at": given["due_at"],
        "reason": given["reason"],
        "finished_at": given["at"] if move.target in PROCESSING.terminal else None,
        "waiting_at": given["at"] if move.target is State.WAITING else None,
    }
    if move.target in PROCESSING.terminal:
        values |= {"bytes": None}  # it is measured anew
    if move.verb in ("begin", "resume", "complete"):  # what was accepted by hand has begun as well
        values |= {"started_at": func.coalesce(table.started_at, given["at"])}
    if PROCESSING.terminal.issuperset(move.sources):  # it goes on: how long it had ended is not what it took
        lay = given["at"] - table.finished_at
        values |= {
            "idle": table.idle + case(((table.started_at.is_not(None)) & (lay > 0), lay), else_=literal_column("0"))
        }
    if move.verb in ("retry", "resume", "restart"):
        values |= {"cancel_requested_at": None, "launcher_id": None, "bytes": None, "cleaned_at": None}
        values |= {"retire_at": None}
    return (
        update(schema.processing)
        .values(values)
        .where(and_(table.id == given["processing_id"], unindexed(dialect, table.state).op("IN")(_literals(move))))
    )


def _statement(machine: Machine, move: Move) -> Statement:
    make = _step_move if machine is STEP else _processing_move
    return Statement(lambda dialect: make(move, dialect))


_MOVES = {(m.noun, move.verb): _statement(m, move) for m in MACHINES.values() for move in m.moves.values()}


_LINE = {c.name: BigInteger() if c.name == "processing_id" else c.type for c in schema.journal.c if c.name != "id"}
_NOTE = Statement(lambda dialect: Given(dialect, _LINE).into(dialect, schema.journal))


# ── calls by the thousand ──────────────────────────────────────────────────────────────────────────
# The same moves of the same machines, two or three of them at once; the states come from the tables here, too.


def _at() -> Any:
    return bindparam("at", type_=BigInteger())


def _state(state: State) -> Any:
    return literal_column(f"'{state}'")


def _claim_calls(dialect: str) -> Executable:
    table = schema.step.c
    (source,), target = STEP.moves["ready"].sources, STEP.moves["claim"].target
    return (
        update(schema.step)
        .values(state=_state(target), attempt=literal_column("1"), started_at=_at(), ready_at=_at())
        .where(
            table.processing_id.in_(select(given_ids(dialect, "ids").c.id)),
            table.ordinal == literal_column("1"),
            table.attempt == literal_column("0"),
            table.held_at.is_(None),
            unindexed(dialect, table.state) == _state(source),
        )
    )


def _begin_calls(dialect: str) -> Executable:
    table, move = schema.processing.c, PROCESSING.moves["begin"]
    return (
        update(schema.processing)
        .values(state=_state(move.target), started_at=_at(), reason=None, waiting_at=None)
        .where(
            table.id.in_(select(given_ids(dialect, "ids").c.id)),
            table.started_at.is_(None),
            unindexed(dialect, table.state).op("IN")(_literals(move)),
        )
    )


def _succeed_call_steps(dialect: str) -> Executable:
    table, move = schema.step.c, STEP.moves["succeed"]
    return (
        update(schema.step)
        .values(state=_state(move.target), finished_at=_at(), reason=None)
        .where(
            table.processing_id.in_(select(given_ids(dialect, "ids").c.id)),
            table.ordinal == literal_column("1"),
            table.attempt == literal_column("1"),
            unindexed(dialect, table.state).op("IN")(_literals(move)),
        )
    )


def _succeed_calls(dialect: str) -> Executable:
    table, move = schema.processing.c, PROCESSING.moves["succeed"]
    return (
        update(schema.processing)
        .values(state=_state(move.target), finished_at=_at(), reason=None, bytes=literal_column("0"))
        .where(
            table.id.in_(select(given_ids(dialect, "ids").c.id)),
            unindexed(dialect, table.state).op("IN")(_literals(move)),
            table.cancel_requested_at.is_(None),
            table.callback.is_(None),
        )
    )


def _note_calls(dialect: str) -> Executable:
    ids = given_ids(dialect, "ids")
    words: list[Any] = [
        literal_column(f"'{word}'") for word in ("processing", "succeed", State.SUCCEEDED, "procession")
    ]
    return insert(schema.journal).from_select(
        ["at", "processing_id", "noun", "verb", "state", "by"], select(_at(), ids.c.id, *words)
    )


_CLAIM_CALLS, _BEGIN_CALLS = Statement(_claim_calls), Statement(_begin_calls)
_SUCCEED_CALL_STEPS, _SUCCEED_CALLS = Statement(_succeed_call_steps), Statement(_succeed_calls)
_NOTE_CALLS = Statement(_note_calls)
