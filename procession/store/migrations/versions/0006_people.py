"""What people keep: notes on causes, named filters; and which version of Procession a launcher is.

A migration is history: it is never changed, and it imports nothing of Procession.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the two tables, and the column of launchers."""
    op.add_column("launcher", sa.Column("version", sa.Text()))
    op.create_table(
        "cause_note",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cause_note")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_cause_note_signature", "cause_note", ["signature", "id"])
    op.create_table(
        "view",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("sort", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "name", name=op.f("pk_view")),
        sqlite_with_rowid=False,
    )
