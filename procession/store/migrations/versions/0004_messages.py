"""Bridges to brokers, cancels that come first, sources, sets of variables, versions with a description, causes.

A migration is history: it is never changed, and it imports nothing of Procession.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add what is new; every row that is there stays as it is."""
    _columns()
    _variable_sets()
    _causes()
    _bridges()
    _sources()
    op.create_table(
        "counter",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger()),
        sa.Column("pending", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counter")),
    )


def _sources() -> None:
    op.add_column("processing", sa.Column("source", sa.Text()))
    op.add_column("processing", sa.Column("experiment", sa.Text()))
    for name in ("source", "experiment"):
        there = sa.text(f"{name} IS NOT NULL")
        op.create_index(f"ix_processing_{name}", "processing", [name, "id"], sqlite_where=there, postgresql_where=there)
    op.create_table(
        "source",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text()),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('source', 'experiment')", name=op.f("ck_source_kind")),
        sa.PrimaryKeyConstraint("kind", "name", name=op.f("pk_source")),
        sqlite_with_rowid=False,
    )


def _causes() -> None:
    op.add_column("processing", sa.Column("cause", sa.Text()))
    failed = sa.text("state = 'failed' AND replaced_by IS NULL AND cause IS NOT NULL")
    op.create_index("ix_processing_cause", "processing", ["cause", "id"], sqlite_where=failed, postgresql_where=failed)
    op.create_table(
        "cause",
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sample", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("muted_at", sa.BigInteger()),
        sa.Column("muted_until", sa.BigInteger()),
        sa.Column("muted_by", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.PrimaryKeyConstraint("signature", name=op.f("pk_cause")),
    )
    op.create_index("ix_cause_last", "cause", ["last_at"])


def _columns() -> None:
    op.add_column("event", sa.Column("alone", sa.Text()))
    op.add_column("attempt", sa.Column("cause", sa.Text()))
    op.add_column("message", sa.Column("problem", sa.Text()))
    op.add_column("processing", sa.Column("description", sa.Text()))
    op.add_column("processing", sa.Column("variables", sa.Text()))
    op.add_column("processing", sa.Column("run_number", sa.BigInteger()))
    op.add_column("processing", sa.Column("run_group", sa.Text()))
    op.create_index(
        "ix_processing_run", "processing", ["task", "run_number", "id"],
        sqlite_where=sa.text("run_number IS NOT NULL"), postgresql_where=sa.text("run_number IS NOT NULL"),
    )  # fmt: skip


def _variable_sets() -> None:
    op.create_table(
        "variable_set",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("run_group", sa.Text()),
        sa.Column("first_run", sa.BigInteger()),
        sa.Column("last_run", sa.BigInteger()),
        sa.Column("made_for", sa.BigInteger()),
        sa.Column("filter", sa.Text()),
        sa.Column("standard_vars", sa.Text(), nullable=False),
        sa.Column("advanced_vars", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("script", sa.Text()),
        sa.CheckConstraint(
            "(CASE WHEN run_group IS NULL THEN 0 ELSE 1 END) + (CASE WHEN first_run IS NULL THEN 0 ELSE 1 END)"
            " + (CASE WHEN filter IS NULL THEN 0 ELSE 1 END) = 1",
            name=op.f("ck_variable_set_scope"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_variable_set")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_variable_set_task", "variable_set", ["task", "id"])


def _bridges() -> None:
    op.create_table(
        "bridge",
        sa.Column("name", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)
            for name in ("taken", "repeats", "cancels", "refused", "sent")
        ),
        sa.Column("last_in_at", sa.BigInteger()),
        sa.Column("last_out_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_bridge")),
    )
    op.create_table(
        "bridge_link",
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("way", sa.Text(), nullable=False),
        sa.Column("url", sa.Text()),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("connected", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text()),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("way IN ('in', 'out')", name=op.f("ck_bridge_link_way")),
        sa.PrimaryKeyConstraint("bridge", "way", "owner", name=op.f("pk_bridge_link")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("bridge", sa.Text(), nullable=False),
        sa.Column("processing_id", ID, nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("key", sa.Text()),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("problem", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_bridge", "outbox", ["bridge", "id"])
    op.create_table(
        "tombstone",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until_at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("event_id", ID),
        sa.PrimaryKeyConstraint("name", "key", name=op.f("pk_tombstone")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tombstone_until", "tombstone", ["until_at"])
