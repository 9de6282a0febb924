"""All rows of a database out as lines of JSON, and in again, into either kind of database.

::

    {"procession": "export", "schema": "0002", "installation": …, "at": …, "columns": {…}, "next": {…}}
    ["event", 1, "scene", …]                     one line for each row: its table, then its values in that order
    {"end": {"event": 1, …}}                     how many of each; without this line the file is not whole

Always: one consistent picture out, all or nothing in; memory does not grow with the size of the database.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy import Table, delete, insert, select

from procession.errors import Invalid, SchemaMismatch
from procession.store import schema
from procession.store.database import Tx

BATCH = 1000
"""Rows in one statement."""

Change = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Table and row → the row as it is to be stored."""


def out(tx: Tx, about: dict[str, Any]) -> Iterator[str]:
    """Every line of an export, in the open reading transaction; `about` is added to the first."""
    if tx.dialect == "postgresql":
        tx.connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        _patient(tx)
    columns = {table.name: [column.name for column in table.columns] for table in _tables()}
    head = {"procession": "export", "schema": schema.VERSION, **about, "columns": columns, "next": _numbers(tx)}
    yield json.dumps(head, ensure_ascii=False)
    counts: Counter[str] = Counter()
    for table in _tables():
        for row in tx.connection.execute(select(table), execution_options={"yield_per": BATCH}):
            counts[table.name] += 1
            yield json.dumps([table.name, *row], ensure_ascii=False, separators=(",", ":"))
    yield json.dumps({"end": {table.name: counts[table.name] for table in _tables()}})


def read_head(line: str) -> dict[str, Any]:
    """What the first line of an export says; Invalid if it is none, SchemaMismatch if it is of another version."""
    head = _parsed(line)
    if not isinstance(head, dict) or head.get("procession") != "export":
        raise Invalid("this is no export of Procession: its first line does not say so")
    if head.get("schema") != schema.VERSION:
        raise SchemaMismatch(
            f"this was exported with schema {str(head.get('schema'))[:20]}, this version of Procession knows "
            f"{schema.VERSION}; nothing was changed: use the version that wrote it"
        )
    return head


def is_empty(tx: Tx) -> bool:
    """Has nothing ever happened in this database? Definitions that were read do not count."""
    return all(
        tx.connection.execute(select(table.c[0]).limit(1)).first() is None
        for table in _tables()
        if table.name in ("event", "event_key", "processing", "slot", "message", "setting")
    )


def owners(tx: Tx) -> list[int]:
    """All launchers that ever were."""
    return [row[0] for row in tx.connection.execute(select(schema.launcher.c.id))]


def take_in(tx: Tx, head: dict[str, Any], lines: Iterable[str], change: Change) -> dict[str, int]:
    """Put every row of an export in place of what is there; return how many of each table there were.

    The database gets a new incarnation: records that were written for the old one are known as such. Raises Invalid
    where a line is wrong or the end is missing; the caller's transaction is then rolled back.
    """
    _patient(tx)
    for table in reversed(_tables()):
        tx.connection.execute(delete(table))
    columns = _columns(head)
    counts: Counter[str] = Counter()
    rows = _rows(lines, columns, counts, change)
    while batch := list(islice(rows, BATCH)):
        by_table: dict[str, list[dict[str, Any]]] = {}
        for name, row in batch:
            by_table.setdefault(name, []).append(row)
        for name, group in by_table.items():
            tx.connection.execute(insert(schema.metadata.tables[name]), group)
    _set_numbers(tx, head.get("next", {}))
    tx.connection.execute(schema.installation.update().values(incarnation=secrets.token_hex(8), fingerprint=None))
    return dict(counts)


def _rows(
    lines: Iterable[str], columns: dict[str, list[str]], counts: Counter[str], change: Change
) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(lines, 2):
        found = _parsed(line)
        if isinstance(found, dict) and isinstance(found.get("end"), dict):
            if {name: n for name, n in found["end"].items() if n} != dict(counts):
                raise Invalid("the export is not whole: its last line counts other rows than there are")
            return
        if not isinstance(found, list) or not found or len(found) != len(columns.get(str(found[0]), ())) + 1:
            raise Invalid(f"line {number} of the export is no row")
        name = str(found[0])
        counts[name] += 1
        yield name, change(name, dict(zip(columns[name], found[1:], strict=True)))
    raise Invalid("the export is not whole: its last line is missing")


def _columns(head: dict[str, Any]) -> dict[str, list[str]]:
    """The columns that the export names; all of them must be known here."""
    said = head.get("columns")
    if not isinstance(said, dict) or any(
        name not in schema.metadata.tables
        or not isinstance(each, list)
        or not set(each) <= set(schema.metadata.tables[name].columns.keys())
        for name, each in said.items()
    ):
        raise Invalid("the first line of the export names tables or columns that this version does not know")
    return said


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _tables() -> list[Table]:
    return list(schema.metadata.sorted_tables)


def _patient(tx: Tx) -> None:
    """However long it takes."""
    if tx.dialect == "postgresql":
        for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
            tx.connection.exec_driver_sql(f"SET LOCAL {limit} = 0")


def _numbered() -> list[str]:
    return [t.name for t in _tables() if "id" in t.columns and t.name != "installation"]


def _numbers(tx: Tx) -> dict[str, int]:
    """Table → the largest id that was ever given: none is given twice, not even after rows were deleted."""
    if tx.dialect == "sqlite":
        found = tx.connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence").fetchall()
        given = {str(name): int(seq) for name, seq in found}
        return {name: given.get(name, 0) for name in _numbered()}
    numbers = {}
    for name in _numbered():
        sequence = tx.connection.exec_driver_sql(f"SELECT pg_get_serial_sequence('{name}', 'id')").scalar_one()
        last, called = tx.connection.exec_driver_sql(f"SELECT last_value, is_called FROM {sequence}").one()
        numbers[name] = int(last) if called else 0
    return numbers


def _set_numbers(tx: Tx, said: Any) -> None:
    for name in _numbered():
        largest = tx.connection.exec_driver_sql(f"SELECT COALESCE(MAX(id), 0) FROM {name}").scalar_one()
        asked = said.get(name, 0) if isinstance(said, dict) else 0
        number = max(int(largest), asked if isinstance(asked, int) else 0)
        if tx.dialect == "sqlite":
            tx.connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            tx.connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, number))
        elif number:
            tx.connection.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), {number})")
