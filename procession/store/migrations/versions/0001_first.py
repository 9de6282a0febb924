"""The first schema.

A migration is history: it is never changed, and it imports nothing of Procession.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("incarnation", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("fingerprint", sa.Text()),
        sa.Column("settings", sa.Text()),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "event",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text()),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("params", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("repeats", sa.Integer(), server_default="0", nullable=False),
        sa.Column("conflicts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_event_name", "event", ["name", "id"])
    op.create_table(
        "event_key",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("event_id", ID, nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "key", name=op.f("pk_event_key")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "definition",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_definition")),
        sa.UniqueConstraint("hash", name=op.f("uq_definition_hash")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "task",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("definition_id", ID, nullable=False),
        sa.Column("removed_at", sa.BigInteger()),
        sa.Column("nominal_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_task")),
    )
    op.create_table(
        "processing",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("event_id", ID, nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("definition_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("cancel_requested_at", sa.BigInteger()),
        sa.Column("launcher_id", ID),
        sa.Column("reason", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processing")),
        sa.UniqueConstraint("event_id", "task", "version", name=op.f("uq_processing_event_id_task_version")),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'succeeded', 'failed', 'cancelled', 'skipped')",
            name=op.f("ck_processing_state"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_processing_cancel", "processing", ["id"], **_where("cancel_requested_at IS NOT NULL AND state = 'running'")
    )
    op.create_index(
        "ix_processing_ended", "processing", ["state", "id"], **_where("state IN ('failed', 'cancelled', 'skipped')")
    )
    op.create_index("ix_processing_launcher", "processing", ["launcher_id"], **_where("launcher_id IS NOT NULL"))
    op.create_index("ix_processing_running", "processing", ["task", "id"], **_where("state = 'running'"))
    op.create_index("ix_processing_task", "processing", ["task", "id"])
    op.create_index(
        "ix_processing_waiting", "processing", ["task", sa.text("priority DESC"), "id"], **_where("state = 'waiting'")
    )
    op.create_table(
        "step",
        sa.Column("processing_id", ID, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cpus", sa.Float(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("renewed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger()),
        sa.CheckConstraint(
            "state IN ('pending', 'ready', 'running', 'succeeded', 'failed', 'cancelled', 'skipped')",
            name=op.f("ck_step_state"),
        ),
        sa.PrimaryKeyConstraint("processing_id", "ordinal", name=op.f("pk_step")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_step_due", "step", ["due_at"], **_where("state = 'ready' AND due_at IS NOT NULL"))
    op.create_index(
        "ix_step_ready",
        "step",
        [sa.text("priority DESC"), "processing_id", "ordinal"],
        **_where("state = 'ready' AND due_at IS NULL"),
    )
    op.create_table(
        "attempt",
        sa.Column("processing_id", ID, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("launcher_id", ID),
        sa.Column("cpus", sa.Float(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.Column("made_by", sa.Text()),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger()),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("signal", sa.Integer()),
        sa.Column("errno", sa.Integer()),
        sa.Column("max_rss", sa.BigInteger()),
        sa.Column("cpu_seconds", sa.Float()),
        sa.Column("log_bytes", sa.BigInteger()),
        sa.Column("code", sa.Text()),
        sa.Column("metrics", sa.Text()),
        sa.PrimaryKeyConstraint("processing_id", "ordinal", "number", name=op.f("pk_attempt")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_attempt_live", "attempt", ["launcher_id"], **_where("outcome IS NULL"))
    op.create_table(
        "output",
        sa.Column("processing_id", ID, nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("processing_id", "ordinal", "name", name=op.f("pk_output")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "launcher",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("cpus", sa.Float(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("beat_at", sa.BigInteger(), nullable=False),
        sa.Column("stopped_at", sa.BigInteger()),
        sa.CheckConstraint("kind IN ('up', 'run')", name=op.f("ck_launcher_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_launcher")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "journal",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("noun", sa.Text(), nullable=False),
        sa.Column("processing_id", ID),
        sa.Column("ordinal", sa.Integer()),
        sa.Column("attempt", sa.Integer()),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("state", sa.Text()),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_journal_processing", "journal", ["processing_id", "id"])
