"""What a batch has done: its processings, so that a page can say what became of them.

A migration is history: it is never changed, and it imports nothing of Procession.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the table; of batches before this it is not known."""
    op.create_table(
        "batch_done",
        sa.Column("batch_id", ID, nullable=False),
        sa.Column("processing_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "processing_id", name=op.f("pk_batch_done")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_batch_done_processing", "batch_done", ["processing_id"])
