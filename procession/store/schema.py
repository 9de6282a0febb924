"""All tables on one page, each index with the query that it serves.

Everything below a processing is keyed ``(processing_id, ordinal[, number])``. Moments are integer microseconds UTC.
Text columns that hold JSON say so. States are checked against the machines of `model/states.py`. The journal is
append-only and its id is the cursor of everything that follows what happens.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from procession.model.states import MACHINES, Machine

VERSION = "0001"
"""The migration that makes this schema; `store/migrations` ends with it."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite gives out row ids only for INTEGER."""


def for_postgresql() -> None:
    """Give partial indexes their condition on PostgreSQL too: to say so in the table would load that dialect, which
    costs every command on SQLite 40 ms."""
    for table in metadata.tables.values():
        for index in table.indexes:
            condition = index.dialect_options["sqlite"]["where"]
            if condition is not None:
                index.dialect_options["postgresql"]["where"] = condition


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _states(machine: Machine) -> CheckConstraint:
    return CheckConstraint(f"state IN ({', '.join(repr(str(s)) for s in machine.states)})", name="state")


installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False),  # first part of every attempt key
    Column("incarnation", Text, nullable=False),  # a restored backup gets a new one, so that foreign records are known
    Column("created_at", BigInteger, nullable=False),
    Column("fingerprint", Text),  # of the definition files that were last read
    Column("settings", Text),  # JSON of what the file says beside the tasks
    CheckConstraint("id = 1", name="single"),
)

event = Table(
    "event",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("key", Text),
    Column("title", Text, nullable=False),
    Column("params", Text, nullable=False),  # JSON
    Column("source", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("repeats", Integer, nullable=False, server_default="0"),
    Column("conflicts", Integer, nullable=False, server_default="0"),
    Column("last_seen_at", BigInteger, nullable=False),
    Index("ix_event_name", "name", "id"),  # events of one name, newest first
    sqlite_autoincrement=True,
)

event_key = Table(  # outlives its event, so that a repeat is known long after the event was cleaned away
    "event_key",
    metadata,
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("event_id", Id, nullable=False),
    Column("payload", Text, nullable=False),  # SHA-256 of the parameters
    PrimaryKeyConstraint("name", "key"),
    sqlite_with_rowid=False,
)

definition = Table(  # immutable: the resolved form of one task, by hash
    "definition",
    metadata,
    _id(),
    Column("hash", Text, nullable=False, unique=True),
    Column("task", Text, nullable=False),
    Column("body", Text, nullable=False),  # JSON
    Column("created_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

task = Table(  # live state of each task
    "task",
    metadata,
    Column("name", Text, primary_key=True),
    Column("definition_id", Id, nullable=False),
    Column("removed_at", BigInteger),  # no longer in the file: takes no events, begun work finishes
    Column("nominal_at", BigInteger),  # the last nominal time of a periodic task
)

processing = Table(
    "processing",
    metadata,
    _id(),
    Column("event_id", Id, nullable=False),
    Column("task", Text, nullable=False),
    Column("definition_id", Id, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("state", Text, nullable=False),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("due_at", BigInteger),
    Column("cancel_requested_at", BigInteger),
    Column("launcher_id", Id),  # owned by this foreground launcher alone; null: whoever serves the project
    Column("reason", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    UniqueConstraint("event_id", "task", "version"),
    _states(MACHINES["processing"]),
    # which of a task's processings is next
    Index(
        "ix_processing_waiting",
        "task",
        text("priority DESC"),
        "id",
        sqlite_where=text("state = 'waiting'"),
    ),
    # how many of a task are running
    Index(
        "ix_processing_running",
        "task",
        "id",
        sqlite_where=text("state = 'running'"),
    ),
    Index("ix_processing_task", "task", "id"),  # list by task, newest first
    # list what did not succeed, newest first
    Index(
        "ix_processing_ended",
        "state",
        "id",
        sqlite_where=text("state IN ('failed', 'cancelled', 'skipped')"),
    ),
    # what a foreground launcher that is gone has left behind
    Index(
        "ix_processing_launcher",
        "launcher_id",
        sqlite_where=text("launcher_id IS NOT NULL"),
    ),
    # cancels that wait for a live attempt to end
    Index(
        "ix_processing_cancel",
        "id",
        sqlite_where=text("cancel_requested_at IS NOT NULL AND state = 'running'"),
    ),
    sqlite_autoincrement=True,
)

step = Table(
    "step",
    metadata,
    Column("processing_id", Id, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),  # number of the latest attempt; never goes back
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("cpus", Float, nullable=False),
    Column("due_at", BigInteger),  # not before; emptied when it has passed, so that the claim reads one short index
    Column("renewed", Integer, nullable=False, server_default="0"),  # attempts up to this one no longer count
    Column("reason", Text),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    PrimaryKeyConstraint("processing_id", "ordinal"),
    _states(MACHINES["step"]),
    # the claim: larger priority first, then older
    Index(
        "ix_step_ready",
        text("priority DESC"),
        "processing_id",
        "ordinal",
        sqlite_where=text("state = 'ready' AND due_at IS NULL"),
    ),
    # retries whose time comes
    Index(
        "ix_step_due",
        "due_at",
        sqlite_where=text("state = 'ready' AND due_at IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

attempt = Table(  # append-only; live until it has an outcome
    "attempt",
    metadata,
    Column("processing_id", Id, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("launcher_id", Id),  # no foreign key: history outlives launchers
    Column("cpus", Float, nullable=False),  # what it takes, counted at every claim
    Column("outcome", Text),
    Column("reason", Text),
    Column("note", Text),
    Column("made_by", Text),  # the person, where no script was executed
    Column("claimed_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    Column("exit_code", Integer),
    Column("signal", Integer),
    Column("errno", Integer),
    Column("max_rss", BigInteger),
    Column("cpu_seconds", Float),
    Column("log_bytes", BigInteger),
    Column("code", Text),  # JSON: script path → SHA-256
    Column("metrics", Text),  # JSON: name → number
    PrimaryKeyConstraint("processing_id", "ordinal", "number"),
    # attempts to look after
    Index(
        "ix_attempt_live",
        "launcher_id",
        sqlite_where=text("outcome IS NULL"),
    ),
    sqlite_with_rowid=False,
)

output = Table(
    "output",
    metadata,
    Column("processing_id", Id, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Text, nullable=False),  # JSON
    PrimaryKeyConstraint("processing_id", "ordinal", "name"),
    sqlite_with_rowid=False,
)

launcher = Table(
    "launcher",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),  # up: serves the project; run: one processing in the foreground
    Column("host", Text, nullable=False),
    Column("place", Text, nullable=False),  # its var/: whoever serves the same place can read its records
    Column("pid", Integer, nullable=False),
    Column("boot", Text, nullable=False),  # boot id: what was claimed under another boot is lost
    Column("cpus", Float, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("beat_at", BigInteger, nullable=False),
    Column("stopped_at", BigInteger),
    CheckConstraint("kind IN ('up', 'run')", name="kind"),
    sqlite_autoincrement=True,
)

journal = Table(
    "journal",
    metadata,
    _id(),
    Column("at", BigInteger, nullable=False),
    Column("noun", Text, nullable=False),
    Column("processing_id", Id),
    Column("ordinal", Integer),
    Column("attempt", Integer),
    Column("verb", Text, nullable=False),
    Column("state", Text),  # after the move; null: refused, or nothing moved
    Column("by", Text, nullable=False),
    Column("reason", Text),
    Index("ix_journal_processing", "processing_id", "id"),  # the story of one processing
    sqlite_autoincrement=True,
)
