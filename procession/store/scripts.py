"""What scripts are told of their event, which text of them ran, and the outputs that they leave to later ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Integer, Text, and_, literal_column, select
from sqlalchemy.sql.base import Executable

from procession.store import schema
from procession.store.database import Tx
from procession.store.dialect import Given, given_rows, upsert
from procession.store.statement import Statement, param

processing, step, event, attempt, output = schema.processing, schema.step, schema.event, schema.attempt, schema.output


_OUTPUT = {"processing_id": BigInteger(), "ordinal": Integer(), "name": Text(), "value": Text()}


class Order(NamedTuple):
    """What the scripts of a processing are told of its event."""

    processing_id: int
    event_id: int
    name: str
    key: str | None
    title: str
    params: str
    created_at: int
    code_of: int | None
    version: int
    variables: str | None = None
    """What replaces the defaults of its variables: `Chosen`, as JSON."""


def code_of(tx: Tx, processing_id: int, ordinal: int) -> dict[str, str]:
    """Script path → hash of its text, as the latest attempt of this step had it; of a version that ran an older one's
    scripts and did not come to this step, as the older one had it."""
    asked: int | None = processing_id
    while asked is not None:
        if (row := tx.row(_CODE_OF, processing_id=asked, ordinal=ordinal)) is not None:
            return json.loads(row.code)  # type: ignore[no-any-return]
        older = tx.row(_CODE_FROM, processing_id=asked)
        asked = None if older is None else older[0]
    return {}


def orders(tx: Tx, processing_ids: Iterable[int]) -> dict[int, Order]:
    """Processing id → what its scripts are told."""
    return {row[0]: Order(*row) for row in tx.each_tuple(_ORDERS, [{"id": i} for i in set(processing_ids)])}


def outputs(tx: Tx, processing_ids: Iterable[int]) -> dict[int, dict[str, dict[str, Any]]]:
    """Processing id → step name → output name → value."""
    found: dict[int, dict[str, dict[str, Any]]] = {}
    for row in tx.each(_OUTPUTS, [{"id": i} for i in set(processing_ids)]):
        found.setdefault(row.processing_id, {}).setdefault(row.step, {})[row.name] = json.loads(row.value)
    return found


def set_outputs(tx: Tx, rows: Sequence[dict[str, Any]]) -> None:
    """Write outputs of a step; the newest value of a name wins."""
    tx.write(_SET_OUTPUTS, rows)


def _orders(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    columns = (
        processing.c.id,
        processing.c.event_id,
        event.c.name,
        event.c.key,
        event.c.title,
        event.c.params,
        processing.c.created_at,
        processing.c.code_of,
        processing.c.version,
        processing.c.variables,
    )
    joined = given.join(processing, processing.c.id == given.c.id).join(event, event.c.id == processing.c.event_id)
    return select(*columns).select_from(joined)


def _outputs(dialect: str) -> Executable:
    given = given_rows(dialect, {"id": BigInteger()})
    joined = given.join(output, output.c.processing_id == given.c.id).join(
        step, and_(step.c.processing_id == output.c.processing_id, step.c.ordinal == output.c.ordinal)
    )
    return select(output.c.processing_id, step.c.name.label("step"), output.c.name, output.c.value).select_from(joined)


def _set_outputs(dialect: str) -> Executable:
    given = Given(dialect, _OUTPUT)
    rows = given.select().where(given["name"].is_not(None))  # SQLite needs a WHERE before ON CONFLICT
    put = upsert(dialect)(output).from_select(list(_OUTPUT), rows)
    return put.on_conflict_do_update(
        index_elements=["processing_id", "ordinal", "name"], set_={"value": put.excluded.value}
    )


_CODE_FROM = Statement(lambda _: select(processing.c.code_of).where(processing.c.id == param("processing_id")))

_CODE_OF = Statement(
    lambda _: (
        select(attempt.c.code)
        .where(
            attempt.c.processing_id == param("processing_id"),
            attempt.c.ordinal == param("ordinal", Integer),
            attempt.c.code.is_not(None),
        )
        .order_by(attempt.c.number.desc())
        .limit(literal_column("1"))
    )
)

_ORDERS, _OUTPUTS, _SET_OUTPUTS = Statement(_orders), Statement(_outputs), Statement(_set_outputs)
