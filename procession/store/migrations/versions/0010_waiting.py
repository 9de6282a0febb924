"""Since when each processing that waits does so now: also after a retry, a restart, a release.

A migration is history: it is never changed, and it imports nothing of Procession.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

# The release of a step, or of a processing of which only a step was held, does not end a wait: it was not held itself.
HELD = (
    "(SELECT h.verb FROM journal h WHERE h.processing_id = j.processing_id AND h.id < j.id AND h.noun = 'processing'"
    " AND h.verb IN ('hold', 'release') ORDER BY h.id DESC LIMIT 1) = 'hold'"
)
WAITS = f"(j.state = 'waiting' OR (j.noun = 'processing' AND (j.verb = 'run-now' OR (j.verb = 'release' AND {HELD}))))"
ANEW = sa.text("state = 'waiting' AND due_at IS NULL AND held_at IS NULL AND waiting_at > created_at")


def upgrade() -> None:
    """Add the column and the index; since when is found in the journal, as far as that reaches, else at the birth."""
    op.add_column("processing", sa.Column("waiting_at", sa.BigInteger()))
    last = f"SELECT j.at FROM journal j WHERE j.processing_id = processing.id AND {WAITS} ORDER BY j.id DESC LIMIT 1"
    # A clock may have been set back since the birth.
    op.execute(
        f"UPDATE processing SET waiting_at = CASE WHEN ({last}) > created_at THEN ({last}) ELSE created_at END"
        " WHERE state = 'waiting'"
    )
    op.create_index(
        "ix_processing_anew", "processing", ["task", "waiting_at", "id"], sqlite_where=ANEW, postgresql_where=ANEW
    )
