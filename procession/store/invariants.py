"""What must be so in the tables at every moment (I2 to I11), each as a query for what is not so.

Read-only. Those that read whole tables are `deep`; the others go by the short partial indexes, whatever the size.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import inspect

from procession.model.states import PROCESSING
from procession.store import schema
from procession.store.database import Tx
from procession.store.tallies import HOUR

SHOWN = 5
"""So many cases of each are named."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """Something that must hold; its query finds the rows for which it does not."""

    name: str
    says: str
    """What must be so."""
    sql: str
    """Finds what is not so: one column, text or number, that names the case."""
    deep: bool = False


def broken(tx: Tx, invariant: Invariant) -> list[str]:
    """Some of the cases for which this does not hold; none: it holds."""
    found = tx.connection.exec_driver_sql(f"{invariant.sql} LIMIT {SHOWN + 1}")  # constants of this file
    return [str(row[0]) for row in found.fetchall()]


def size(tx: Tx) -> int:
    """The largest number of a processing: how much there is to read, at most."""
    return int(tx.connection.exec_driver_sql("SELECT COALESCE(MAX(id), 0) FROM processing").scalar_one())


def differences(tx: Tx) -> list[str]:
    """Tables, columns and indexes of this version that the database lacks (I20)."""
    there = inspect(tx.connection)
    tables = set(there.get_table_names())
    lacking = []
    for table in schema.metadata.sorted_tables:
        if table.name not in tables:
            lacking.append(f"table {table.name}")
            continue
        columns = {column["name"] for column in there.get_columns(table.name)}
        indexes = {index["name"] for index in there.get_indexes(table.name)}
        lacking += [f"column {table.name}.{c.name}" for c in table.columns if c.name not in columns]
        lacking += [f"index {i.name}" for i in table.indexes if i.name not in indexes]
    return lacking


def quick_check(tx: Tx) -> list[str]:
    """What SQLite itself finds wrong in its file, at most ten lines; nothing on PostgreSQL."""
    if tx.dialect != "sqlite":
        return []
    lines = [str(row[0]) for row in tx.connection.exec_driver_sql("PRAGMA quick_check(10)").fetchall()]
    return [line for line in lines if line != "ok"]


def seconds_off(tx: Tx, now: float) -> float | None:
    """By how many seconds the clock of the database is ahead of `now`; None where it is ours (SQLite)."""
    if tx.dialect == "sqlite":
        return None
    there = tx.connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one()
    return float(there) - now


def oldest_transaction(tx: Tx) -> float | None:
    """Seconds since the oldest open transaction of this database began; None on SQLite, which does not tell."""
    if tx.dialect == "sqlite":
        return None
    found = tx.connection.exec_driver_sql(
        "SELECT COALESCE(MAX(extract(epoch FROM clock_timestamp() - xact_start)), 0) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    return float(found.scalar_one())


def live_attempts(tx: Tx) -> list[tuple[int, int, int, int]]:
    """Every live attempt: processing id, ordinal, number, and the definition that it runs by."""
    found = tx.connection.exec_driver_sql(
        "SELECT a.processing_id, a.ordinal, a.number, p.definition_id FROM attempt a"
        " JOIN processing p ON p.id = a.processing_id WHERE a.outcome IS NULL"
        " ORDER BY +a.processing_id, +a.ordinal, +a.number"  # sorted, not read in the order of all attempts
    )
    return [(row[0], row[1], row[2], row[3]) for row in found.fetchall()]


def processing_ids(tx: Tx) -> set[int]:
    """The ids of all processings: reads them all."""
    return set(tx.connection.exec_driver_sql("SELECT id FROM processing").scalars())


def executed(tx: Tx) -> set[int]:
    """Processings of which something was executed and whose files have not been cleaned away."""
    return set(
        tx.connection.exec_driver_sql(
            "SELECT p.id FROM processing p WHERE p.cleaned_at IS NULL AND EXISTS (SELECT 1 FROM attempt a"
            " WHERE a.processing_id = p.id AND a.started_at IS NOT NULL)"
        ).scalars()
    )


_ENDED = "'" + "', '".join(str(state) for state in sorted(PROCESSING.terminal)) + "'"
_STEP = "a.processing_id || '/' || a.ordinal"

LIVE = (
    Invariant(
        "attempts",
        "every live attempt is the latest of a running step",
        f"SELECT {_STEP} || '/' || a.number FROM attempt a WHERE a.outcome IS NULL AND NOT EXISTS (SELECT 1 FROM step s"
        " WHERE s.processing_id = a.processing_id AND s.ordinal = a.ordinal"
        " AND s.state = 'running' AND s.attempt = a.number)",
    ),
    Invariant(
        "single",
        "a step has one live attempt at most",
        f"SELECT MIN({_STEP}) FROM attempt a WHERE a.outcome IS NULL"
        " GROUP BY +a.processing_id, +a.ordinal HAVING COUNT(*) > 1",  # in no order that an index of all attempts has
    ),
    Invariant(
        "locks",
        "locks are held and waited for by what lives alone, each at least once",
        "SELECT h.name || ' of processing ' || h.processing_id FROM lock_hold h WHERE h.n < 1 OR NOT EXISTS"
        f" (SELECT 1 FROM processing p WHERE p.id = h.processing_id AND p.state NOT IN ({_ENDED}))"
        " OR (h.ordinal > 0 AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.processing_id = h.processing_id"
        " AND a.ordinal = h.ordinal AND a.number = h.number AND a.outcome IS NULL))"
        " UNION ALL SELECT 'the wait of ' || w.\"by\" FROM lock_wait w WHERE NOT EXISTS (SELECT 1 FROM attempt a"
        " WHERE a.processing_id = w.processing_id AND a.outcome IS NULL"
        " AND a.processing_id || '/' || a.ordinal || '/' || a.number = w.\"by\")",
    ),
    Invariant(
        "questions",
        "what asks a person is claimed by nobody, and an answer says who gave it and when",
        f"SELECT {_STEP} FROM attempt a WHERE a.outcome IS NULL AND ("
        "(a.asks IS NOT NULL AND (a.launcher_id IS NOT NULL OR a.worker IS NOT NULL)) OR (a.answer IS NOT NULL"
        " AND (a.asks IS NULL OR a.made_by IS NULL OR a.asks_until IS NULL)))",
    ),
    Invariant(
        "going on",
        "a running processing has a step that runs or may start, or its cancel was asked",
        "SELECT p.id FROM processing p WHERE p.state = 'running' AND p.cancel_requested_at IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM step s WHERE s.processing_id = p.id AND s.state IN ('running', 'ready'))",
    ),
    Invariant(
        "running steps",
        "every running step has a live attempt",
        "SELECT a.processing_id || '/' || a.ordinal FROM processing p JOIN step a ON a.processing_id = p.id"
        " WHERE p.state = 'running' AND a.state = 'running' AND NOT EXISTS (SELECT 1 FROM attempt t WHERE"
        " t.processing_id = a.processing_id AND t.ordinal = a.ordinal AND t.number = a.attempt AND t.outcome IS NULL)",
    ),
    Invariant(
        "ended",
        "nothing of a processing that has ended is live",
        f"SELECT {_STEP} FROM attempt a JOIN processing p ON p.id = a.processing_id"
        f" WHERE a.outcome IS NULL AND p.state IN ({_ENDED})",
    ),
    Invariant(
        "not begun",
        "only steps of running processings may start",
        "SELECT a.processing_id || '/' || a.ordinal FROM step a JOIN processing p ON p.id = a.processing_id"
        " WHERE a.state = 'ready' AND a.due_at IS NULL AND a.held_at IS NULL AND p.state <> 'running'",
    ),
)
"""Go by the short partial indexes of what is live."""

DEEP = (
    Invariant(
        "cancelled",
        "nothing of a cancelled processing started after its end",
        f"SELECT {_STEP} FROM processing p JOIN attempt a ON a.processing_id = p.id WHERE p.state = 'cancelled'"
        " AND a.claimed_at > p.finished_at",
        deep=True,
    ),
    Invariant(
        "births",
        "every processing has its event, its definition and its steps",
        "SELECT p.id FROM processing p WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.id = p.event_id)"
        " OR NOT EXISTS (SELECT 1 FROM definition d WHERE d.id = p.definition_id)"
        " OR NOT EXISTS (SELECT 1 FROM step s WHERE s.processing_id = p.id AND s.ordinal = 1)",
        deep=True,
    ),
    Invariant(
        "ownerless steps",
        "every step and attempt belongs to a processing",
        "SELECT s.processing_id || '/' || s.ordinal FROM step s WHERE NOT EXISTS"
        " (SELECT 1 FROM processing p WHERE p.id = s.processing_id)"
        " UNION ALL SELECT a.processing_id || '/' || a.ordinal || '/' || a.number FROM attempt a WHERE NOT EXISTS"
        " (SELECT 1 FROM step s WHERE s.processing_id = a.processing_id AND s.ordinal = a.ordinal)",
        deep=True,
    ),
    Invariant(
        "numbers",
        "the attempts of a step are numbered 1, 2, 3 without a gap",
        "SELECT s.processing_id || '/' || s.ordinal FROM step s LEFT JOIN (SELECT processing_id, ordinal,"
        " COUNT(*) AS n, MAX(number) AS largest FROM attempt GROUP BY processing_id, ordinal) a"
        " ON a.processing_id = s.processing_id AND a.ordinal = s.ordinal"
        " WHERE COALESCE(a.n, 0) <> s.attempt OR COALESCE(a.largest, 0) <> s.attempt",
        deep=True,
    ),
    Invariant(
        "outcomes",
        "a step that succeeded or failed is what its last attempt came to",
        "SELECT s.processing_id || '/' || s.ordinal FROM step s LEFT JOIN attempt a ON a.processing_id ="
        " s.processing_id AND a.ordinal = s.ordinal AND a.number = s.attempt WHERE"
        " (s.state = 'succeeded' AND COALESCE(a.outcome, '') <> 'succeeded') OR (s.state = 'failed'"
        " AND COALESCE(a.outcome, 'succeeded') IN ('succeeded', 'skipped', 'void'))",
        deep=True,
    ),
    Invariant(
        "successes",
        "no attempt succeeded with an exit code other than 0, and none that was lost has one",
        f"SELECT {_STEP} || '/' || a.number FROM attempt a WHERE (a.outcome = 'succeeded' AND a.exit_code <> 0)"
        " OR (a.outcome = 'lost' AND a.exit_code IS NOT NULL)",
        deep=True,
    ),
    Invariant(
        "ends",
        "what has ended says when, and nothing of it may start any more",
        "SELECT p.id FROM processing p WHERE"
        f" (p.state IN ({_ENDED})) <> (p.finished_at IS NOT NULL) OR (p.state IN ({_ENDED}) AND EXISTS (SELECT 1"
        " FROM step s WHERE s.processing_id = p.id AND s.state IN ('running', 'ready')))",
        deep=True,
    ),
    Invariant(
        "waits",
        "what waits says since when, and nothing else does",
        "SELECT p.id FROM processing p WHERE (p.state = 'waiting') <> (p.waiting_at IS NOT NULL)",
        deep=True,
    ),
    Invariant(
        "events",
        "every event that has a key is known by it",
        "SELECT e.id FROM event e WHERE e.key IS NOT NULL AND NOT EXISTS (SELECT 1 FROM event_key k"
        " WHERE k.name = e.name AND k.key = e.key)",
        deep=True,
    ),
    Invariant(
        "withdrawn",
        "every cancel that came before its event has its key, and nobody else has it before the event comes",
        "SELECT t.name || ' ' || t.key FROM tombstone t LEFT JOIN event_key k ON k.name = t.name AND k.key = t.key"
        " WHERE COALESCE(k.event_id, -1) <> COALESCE(t.event_id, 0)",
        deep=True,
    ),
    Invariant(
        "messages out",
        "every message that was given up says why, and every other says when it is tried",
        "SELECT o.bridge || ' ' || o.id FROM outbox o WHERE o.due_at IS NULL AND (o.problem IS NULL OR o.tries = 0)",
        deep=True,
    ),
    Invariant(
        "tallies",
        "the counts are those of the rows that are there",
        "SELECT name || ' ' || what || ': ' || SUM(counted) || ' counted, ' || SUM(there) || ' there' FROM"
        " (SELECT task AS name, state AS what, 0 AS counted, COUNT(*) AS there FROM processing"
        f" WHERE state IN ({_ENDED}) AND replaced_by IS NULL GROUP BY task, state"
        " UNION ALL SELECT name, what, n, 0 FROM tally"
        f" WHERE noun = 'task' AND hour = -1 AND what IN ({_ENDED})) AS both_of"
        " GROUP BY name, what HAVING SUM(counted) <> SUM(there)",
        deep=True,
    ),
    Invariant(
        "hours",
        "no hour counts fewer ends than are there",
        "SELECT p.task || ' ' || p.state || ' in hour ' || p.hour FROM (SELECT task, state,"
        f" finished_at / {HOUR} * {HOUR} AS hour, COUNT(*) AS n FROM processing WHERE finished_at IS NOT NULL"
        f" AND replaced_by IS NULL AND state IN ({_ENDED}) GROUP BY 1, 2, 3) AS p LEFT JOIN tally t"
        " ON t.noun = 'task' AND t.name = p.task AND t.what = p.state AND t.hour = p.hour"
        " WHERE COALESCE(t.n, 0) < p.n",
        deep=True,
    ),
)
"""Read whole tables."""
