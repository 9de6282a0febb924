"""Statements of inputs and results: what functions are given, and what they came to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Text, bindparam, insert, select
from sqlalchemy.sql.base import Executable

from procession.model.body import Body
from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_rows, upsert
from procession.store.statement import Statement

input_, result = schema.input_, schema.result

_INPUT = {"event_id": BigInteger(), "kind": Text(), "form": Text(), "body": Text()}
_RESULT = {"processing_id": BigInteger(), "mime": Text(), "form": Text(), "size": BigInteger(), "body": Text(),
           "at": BigInteger()}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Input:
    """What an event brought beside its parameters."""

    kind: str
    """``json`` or ``pickle``."""
    body: Body


@dataclass(frozen=True, slots=True)
class Result:
    """What a processing came to."""

    mime: str
    body: Body
    at: int


def add_inputs(tx: Tx, rows: Sequence[tuple[int, Input]]) -> None:
    """Keep what events brought: event id and input of each."""
    tx.write(
        _ADD_INPUT, [{"event_id": i, "kind": v.kind, "form": v.body.form, "body": v.body.text} for i, v in rows]
    )  # fmt: skip


def inputs_of(tx: Tx, event_ids: Iterable[int]) -> dict[int, Input]:
    """Event id → its input, of those that brought one."""
    asked = [{"id": i} for i in sorted(set(event_ids))]
    found = tx.each_tuple(_INPUTS, asked) if asked else []
    return {event_id: Input(kind, Body(form, body, len(body))) for event_id, kind, form, body in found}


def set_results(tx: Tx, rows: Sequence[tuple[int, Result]]) -> None:
    """Keep what processings came to: id and result of each; the newest counts."""
    tx.write(
        _SET_RESULT,
        [
            {
                "processing_id": i,
                "mime": r.mime,
                "form": r.body.form,
                "size": r.body.size,
                "body": r.body.text,
                "at": r.at,
            }
            for i, r in rows
        ],
    )  # fmt: skip


def find_result(tx: Tx, processing_id: int) -> Result | None:
    """What a processing came to; None if it has said nothing."""
    row = tx.row(_FIND_RESULT, id=processing_id)
    return None if row is None else Result(row.mime, Body(row.form, row.body, row.size), row.at)


def sizes(tx: Tx, processing_id: int) -> tuple[str, int] | None:
    """MIME type and bytes of a result, without reading it."""
    found = tx.tuples(_SIZES, id=processing_id)
    return (found[0][0], found[0][1]) if found else None


def values(tx: Tx, processing_ids: Iterable[int], most: int) -> dict[int, Any]:
    """Processing id → its result, of those whose result is JSON of at most so many bytes."""
    asked = [{"id": i} for i in sorted(set(processing_ids))]
    found = tx.each_tuple(_VALUES, asked) if asked else []
    return {
        pid: json.loads(Body(form, body, size).bytes())
        for pid, mime, form, size, body in found
        if size <= most and mime.startswith("application/json")
    }


def _values(dialect: str) -> Executable:
    asked = given_rows(dialect, {"id": BigInteger()})
    columns = (result.c.processing_id, result.c.mime, result.c.form, result.c.size, result.c.body)
    return select(*columns).select_from(asked.join(result, result.c.processing_id == asked.c.id))


def _inputs(dialect: str) -> Executable:
    asked = given_rows(dialect, {"id": BigInteger()})
    columns = (input_.c.event_id, input_.c.kind, input_.c.form, input_.c.body)
    return select(*columns).select_from(asked.join(input_, input_.c.event_id == asked.c.id))


def _set_result(dialect: str) -> Executable:
    given = Given(dialect, _RESULT)
    put = upsert(dialect)(result).from_select(list(_RESULT), given.select().where(given["at"] >= 0))
    news = {name: put.excluded[name] for name in _RESULT if name != "processing_id"}
    return put.on_conflict_do_update(index_elements=["processing_id"], set_=news)


_ADD_INPUT = Statement(lambda d: insert(input_).from_select(list(_INPUT), Given(d, _INPUT).select()))
_INPUTS = Statement(_inputs)
_SET_RESULT = Statement(_set_result)
_FIND_RESULT = Statement(lambda _: select(result).where(result.c.processing_id == bindparam("id", type_=BigInteger())))
_VALUES = Statement(_values)
_SIZES = Statement(
    lambda _: select(result.c.mime, result.c.size).where(result.c.processing_id == bindparam("id", type_=BigInteger()))
)
