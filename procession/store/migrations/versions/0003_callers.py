"""Functions, locks, results, deliveries; who may ask for what, and what was asked.

A migration is history: it is never changed, and it imports nothing of Procession.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KINDS = (
    "kind IN ('error', 'failure', 'suspended', 'silence', 'incomplete', 'disk', 'watch', 'delivery', 'host', 'bridge')"
)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:
    """Add what is new; every row that is there stays as it is."""
    _columns()
    _functions_and_locks()
    _callers()
    _refusals()
    _kinds_of_messages()


def _columns() -> None:
    op.add_column("attempt", sa.Column("gpus", sa.Text()))
    op.add_column("attempt", sa.Column("worker", sa.Text()))
    op.add_column("attempt", sa.Column("expires_at", sa.BigInteger()))
    op.add_column("attempt", sa.Column("paused_at", sa.BigInteger()))
    op.add_column("attempt", sa.Column("pooled", sa.Integer(), server_default="0", nullable=False))
    op.add_column("attempt", sa.Column("progress", sa.Text()))
    op.add_column("launcher", sa.Column("gpus", sa.Integer(), server_default="0", nullable=False))
    op.add_column("launcher", sa.Column("beats", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("launcher", sa.Column("url", sa.Text()))
    op.add_column("launcher", sa.Column("var", sa.Text()))
    op.add_column("launcher", sa.Column("lost_after", sa.Float()))
    op.add_column("processing", sa.Column("place", sa.Text()))
    op.add_column("processing", sa.Column("callback", sa.Text()))
    op.add_column("processing", sa.Column("retire_at", sa.BigInteger()))
    op.add_column("step", sa.Column("gpus", sa.Integer(), server_default="0", nullable=False))
    op.add_column("task", sa.Column("registered_at", sa.BigInteger()))
    op.create_index(
        "ix_attempt_expires", "attempt", ["expires_at"], **_where("outcome IS NULL AND expires_at IS NOT NULL")
    )
    op.create_index(
        "ix_processing_place",
        "processing",
        ["place"],
        **_where("state IN ('waiting', 'running') AND place IS NOT NULL"),
    )
    op.create_index("ix_processing_retire", "processing", ["retire_at"], **_where("retire_at IS NOT NULL"))


def _functions_and_locks() -> None:
    op.create_table(
        "batch",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("until_id", ID, nullable=False),
        sa.Column("cursor", ID),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refused", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problems", sa.Text()),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("cancelled_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_batch_open", "batch", ["id"], **_where("finished_at IS NULL"))
    op.create_table(
        "delivery",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("processing_id", ID),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("body", sa.Text()),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("done_at", sa.BigInteger()),
        sa.Column("problem", sa.Text()),
        sa.CheckConstraint("kind IN ('callback')", name=op.f("ck_delivery_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_delivery_due", "delivery", ["due_at"], **_where("due_at IS NOT NULL"))
    op.create_index("ix_delivery_processing", "delivery", ["processing_id"])
    op.create_table(
        "input",
        sa.Column("event_id", ID, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.CheckConstraint("kind IN ('json', 'pickle')", name=op.f("ck_input_kind")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_input")),
    )
    op.create_table(
        "lock_hold",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("processing_id", ID, nullable=False),
        sa.Column("ordinal", sa.Integer(), server_default="0", nullable=False),
        sa.Column("number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lock_hold")),
        sa.UniqueConstraint(
            "name", "processing_id", "ordinal", "number", name=op.f("uq_lock_hold_name_processing_id_ordinal_number")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_lock_hold_owner", "lock_hold", ["processing_id"])
    op.create_table(
        "lock_wait",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("processing_id", ID, nullable=False),
        sa.Column("ordinal", sa.Integer(), server_default="0", nullable=False),
        sa.Column("number", sa.Integer(), server_default="0", nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lock_wait")),
        sa.UniqueConstraint("processing_id", "by", "names", name=op.f("uq_lock_wait_processing_id_by_names")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "result",
        sa.Column("processing_id", ID, autoincrement=False, nullable=False),
        sa.Column("mime", sa.Text(), nullable=False),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("processing_id", name=op.f("pk_result")),
    )


def _refusals() -> None:
    op.create_table(
        "refusal",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refusal")),
        sqlite_autoincrement=True,
    )


def _callers() -> None:
    op.create_table(
        "account",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("groups", sa.Text()),
        sa.Column("password", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger()),
        sa.CheckConstraint("role IN ('viewer', 'operator', 'admin')", name=op.f("ck_account_role")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_account")),
    )
    op.create_table(
        "answer",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_answer")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_answer_at", "answer", ["at"])
    op.create_table(
        "audit",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text()),
        sa.Column("token", sa.Text()),
        sa.Column("verb", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text()),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("before", sa.Text()),
        sa.Column("after", sa.Text()),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text()),
        sa.CheckConstraint("via IN ('cli', 'http', 'python', 'attempt')", name=op.f("ck_audit_via")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_subject", "audit", ["subject", "id"])
    op.create_table(
        "token",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("account", sa.Text()),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("groups", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.Column("used_at", sa.BigInteger()),
        sa.CheckConstraint("kind IN ('bearer', 'login', 'session')", name=op.f("ck_token_kind")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_token")),
        sa.UniqueConstraint("hash", name=op.f("uq_token_hash")),
    )
    op.create_index("ix_token_expires", "token", ["expires_at"], **_where("expires_at IS NOT NULL"))


def _kinds_of_messages() -> None:
    """SQLite changes no constraint: the table is made anew, and its rows and its last id are taken along."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(op.f("ck_message_kind"), "message", type_="check")
        op.create_check_constraint(op.f("ck_message_kind"), "message", KINDS)
        return
    for index in ("uq_message_active", "ix_message_untold", "ix_message_ended_untold"):
        op.drop_index(index, "message")
    op.rename_table("message", "message_before")
    op.create_table(
        "message",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("processing_id", ID),
        sa.Column("n", sa.Integer(), server_default="1", nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("read_at", sa.BigInteger()),
        sa.Column("read_by", sa.Text()),
        sa.Column("needs_person_at", sa.BigInteger()),
        sa.Column("told_at", sa.BigInteger()),
        sa.CheckConstraint(KINDS, name=op.f("ck_message_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sqlite_autoincrement=True,
    )
    op.execute("INSERT INTO message SELECT * FROM message_before")
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'message'")
    op.execute("UPDATE sqlite_sequence SET name = 'message' WHERE name = 'message_before'")
    op.drop_table("message_before")
    op.create_index(
        "uq_message_active",
        "message",
        ["kind", "task", "step", "signature"],
        unique=True,
        **_where("ended_at IS NULL"),
    )
    op.create_index(
        "ix_message_untold",
        "message",
        ["needs_person_at"],
        **_where("ended_at IS NULL AND told_at IS NULL AND needs_person_at IS NOT NULL"),
    )
    op.create_index("ix_message_ended_untold", "message", ["id"], **_where("told_at < ended_at"))
