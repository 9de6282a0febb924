"""Every difference between SQLite and PostgreSQL, and nothing else.

The rest of the store writes one statement for both. What differs: how a set of rows is passed in one parameter, how
ids are reserved, how claiming is made exclusive, how a connection is set up, and which errors mean "busy".
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    FromClause,
    Select,
    Text,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
)

from procession.model.term import STAR

CLAIM_LOCK = 0x50524F43
"""Key of the installation-wide advisory lock under which PostgreSQL launchers claim, one after the other."""

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.dialects.sqlite import Insert

RowTypes = Mapping[str, Any]
"""Column name → SQL type."""


def given_rows(dialect: str, types: RowTypes) -> FromClause:
    """The rows of the JSON parameter ``:rows`` (an array of objects) as something to select from.

    One parameter, however many rows: so a set is read by one statement on both databases.
    """
    rows = bindparam("rows", type_=Text())
    if dialect == "sqlite":
        each = func.json_each(rows).table_valued("value", name="given")
        fields = [
            literal_column(f"json_extract(given.value, '$.{name}')", kind).label(name) for name, kind in types.items()
        ]
        return select(*fields).select_from(each).subquery("r")
    from sqlalchemy.dialects.postgresql import JSONB  # noqa: PLC0415  40 ms, only where it is used

    parsed = func.jsonb_to_recordset(cast(rows, JSONB)).table_valued(*(column(n, t) for n, t in types.items()))
    return parsed.render_derived(name="r", with_types=True)


def given_texts(dialect: str, name: str) -> Select[Any]:
    """The texts of a JSON parameter (an array) as something to look into with IN."""
    texts = bindparam(name, type_=Text())
    if dialect == "sqlite":
        each = func.json_each(texts).table_valued("value", name=f"each_{name}")
        return select(each.c.value)
    from sqlalchemy.dialects.postgresql import JSONB  # noqa: PLC0415  40 ms, only where it is used

    return select(func.jsonb_array_elements_text(cast(texts, JSONB)))


def given_ids(dialect: str, name: str) -> FromClause:
    """The whole numbers of a JSON parameter (an array) as something to select from: its column is ``id``.

    For statements that do the same to every row of a set: one run of them is twice as fast as one for each row.
    """
    ids = bindparam(name, type_=Text())
    if dialect == "sqlite":
        each = func.json_each(ids).table_valued("value", name=f"each_{name}")
        return select(each.c.value.label("id")).subquery("r")
    from sqlalchemy.dialects.postgresql import JSONB  # noqa: PLC0415  40 ms, only where it is used

    value = func.jsonb_array_elements_text(cast(ids, JSONB))
    return select(cast(value, BigInteger).label("id")).subquery("r")


class Given:
    """The columns of a set of rows that is written (`Tx.write`), as they stand in the statement.

    PostgreSQL takes the whole set in one statement, as `given_rows`: a round trip costs more than the work. SQLite has
    no round trips and reads JSON slowly; there the statement is run once for each row, its columns plain parameters.
    """

    def __init__(self, dialect: str, types: RowTypes) -> None:
        self._rows = None if dialect == "sqlite" else given_rows(dialect, types)
        self._types = types

    def __getitem__(self, name: str) -> ColumnElement[Any]:
        if self._rows is None:
            return literal_column(f":{name}", self._types[name])
        return self._rows.c[name]

    def select(self) -> Select[Any]:
        """All columns, in the order of their types: what an INSERT takes."""
        chosen = select(*(self[name] for name in self._types))
        return chosen if self._rows is None else chosen.select_from(self._rows)

    def into(self, dialect: str, table: Table) -> Insert:
        """The INSERT of these rows, which knows ``ON CONFLICT``."""
        made = upsert(dialect)(table)
        if self._rows is None:  # VALUES are quicker there than a SELECT
            return made.values({name: self[name] for name in self._types}).inline()
        return made.from_select(list(self._types), self.select())


def json_text(dialect: str, column: Column[Any], key: str) -> ColumnElement[Any]:
    """The text that stands under this key in a column of JSON objects; NULL where none does."""
    if dialect == "sqlite":
        return func.json_extract(column, f"$.{key}")
    from sqlalchemy.dialects.postgresql import JSONB  # noqa: PLC0415  40 ms, only where it is used

    return cast(column, JSONB)[key].astext  # type: ignore[no-any-return]


def upsert(dialect: str) -> Callable[[Table], Insert]:
    """The INSERT of this database that knows ``ON CONFLICT``."""
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415

        return insert
    from sqlalchemy.dialects.postgresql import insert as postgresql_insert  # noqa: PLC0415  40 ms

    return postgresql_insert  # type: ignore[return-value]


def unindexed(dialect: str, column: Column[Any]) -> ColumnElement[Any]:
    """A column in a comparison for which no index shall be used: the guard of a statement that goes by primary key."""
    return literal_column(f"+{column}") if dialect == "sqlite" else column


def like(dialect: str, column: ColumnElement[Any], pattern: str) -> ColumnElement[bool]:
    """Is a text such as this pattern, in which ``*`` stands for any characters and `STAR` for a star? Capital letters
    count."""
    if dialect == "sqlite":  # its LIKE does not tell capital letters apart
        text = re.sub(r"[\[?]", r"[\g<0>]", pattern).replace(STAR, "[*]")
        return column.op("GLOB", return_type=Boolean())(text)
    return column.like(_escaped(pattern).replace("*", "%").replace(STAR, "*"), escape="\\")


def contains(dialect: str, column: ColumnElement[Any], part: str) -> ColumnElement[bool]:
    """Is this a part of a text? Capital letters do not count."""
    pattern = f"%{_escaped(part)}%"
    return column.like(pattern, escape="\\") if dialect == "sqlite" else column.ilike(pattern, escape="\\")


def _escaped(text: str) -> str:
    return re.sub(r"[\\%_]", r"\\\g<0>", text)


def json_value(dialect: str, column: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    """The value of a name in a JSON object that is kept as text: a text as it is, any other value as JSON."""
    if dialect == "sqlite":
        path = f'$."{name}"'
        text = func.json_extract(column, path)
        return case((func.json_type(column, path) == "text", text), else_=column.op("->", return_type=Text())(path))
    from sqlalchemy.dialects.postgresql import JSON  # noqa: PLC0415  40 ms, only where it is used

    # JSON and not JSONB: it keeps the text as it was written
    value: ColumnElement[Any] = cast(column, JSON).op("->")(name)
    plain: ColumnElement[Any] = cast(column, JSON).op("->>", return_type=Text())(name)
    return case((func.json_typeof(value) == "string", plain), else_=cast(value, Text))


def patiently(act: Callable[[], object]) -> None:
    """Do this, again and again while SQLite says that somebody else has the file, for as long as `BUSY_SECONDS`."""
    until, pause = time.monotonic() + BUSY_SECONDS, 0.0002
    while True:
        try:
            act()
            return
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
        time.sleep(pause)
        pause = min(1.5 * pause, 0.005)


def begin_sqlite(connection: Any, *, writing: bool) -> None:
    """Begin a transaction on SQLite; a writing one takes the write lock, and waits for it in short steps.

    SQLite's own waiting sleeps longer and longer, up to 100 ms at a time; our transactions take about one.
    """
    if not writing:
        connection.execute("BEGIN")
        return
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        patiently(lambda: connection.execute("BEGIN IMMEDIATE"))
    finally:
        connection.execute(BUSY_TIMEOUT)


RESERVE_SQLITE = "UPDATE sqlite_sequence SET seq = seq + :n WHERE name = :table RETURNING seq"
PREPARE_SQLITE = (
    "INSERT INTO sqlite_sequence (name, seq) SELECT :table, 0"
    " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :table)"
)
RESERVE_POSTGRESQL = "SELECT nextval(pg_get_serial_sequence(%(table)s, 'id')) FROM generate_series(1, %(n)s)"
STEADY_POSTGRESQL = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
SUBMIT_POSTGRESQL = f"SELECT pg_advisory_xact_lock({CLAIM_LOCK}, hashtext(%(name)s))"
SOLE_POSTGRESQL = f"SELECT pg_try_advisory_lock({CLAIM_LOCK} + 1, hashtext(%(name)s))"
CLAIM_POSTGRESQL = f"SELECT pg_advisory_xact_lock({CLAIM_LOCK})"

BUSY_SECONDS = 10.0
"""How long a transaction waits for another one of the same SQLite file."""
BUSY_TIMEOUT = f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000:.0f}"

LONG_LOG = 8_000
"""Pages (of 4 KiB) of a log that a commit itself carries over: where no launcher does so, or not fast enough."""
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    BUSY_TIMEOUT,
    "PRAGMA cache_size = -8000",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 67108864",
)
"""FULL, because what was acknowledged must survive a power loss; with one commit a turn it costs next to nothing."""
