"""How long processings had ended before somebody let them go on: that is not counted to what they took.

A migration is history: it is never changed, and it imports nothing of Procession.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

REOPENED = "noun = 'processing' AND state IS NOT NULL AND verb IN ('retry', 'restart', 'resume', 'complete')"
ENDED = "('succeeded', 'failed', 'cancelled', 'skipped')"
HOUR = 3_600_000_000


def upgrade() -> None:
    """Add the column; what has gone on before is found in the journal, as far as that reaches."""
    op.add_column("processing", sa.Column("idle", sa.BigInteger(), server_default="0", nullable=False))
    end = (
        "SELECT e.at FROM journal e WHERE e.processing_id = r.processing_id AND e.id < r.id"
        f" AND e.noun = 'processing' AND e.state IN {ENDED} AND e.at >= processing.started_at"
        " ORDER BY e.id DESC LIMIT 1"
    )
    lay = f"CASE WHEN r.at > ({end}) THEN r.at - ({end}) ELSE 0 END"
    # A clock may have been set back between the two.
    spans = f"SELECT SUM({lay}) FROM journal r WHERE r.processing_id = processing.id AND r.{REOPENED}"
    op.execute(
        f"UPDATE processing SET idle = COALESCE(({spans}), 0) WHERE started_at IS NOT NULL"
        f" AND id IN (SELECT processing_id FROM journal WHERE {REOPENED})"
    )
    _tallies()


def _tallies() -> None:
    """The hours in which these have ended had counted it."""
    hour = f"finished_at / {HOUR} * {HOUR}"
    of = op.get_bind().execute(
        sa.text(
            f"SELECT task, state, {hour}, SUM(idle) / 1e6 FROM processing WHERE idle > 0 AND finished_at IS NOT NULL"
            f" AND replaced_by IS NULL GROUP BY task, state, {hour}"
        )
    )
    less = sa.text(
        "UPDATE tally SET seconds = seconds - :seconds WHERE noun = 'task' AND name = :task AND what = :what"
        " AND hour IN (:hour, -1)"
    )
    for task, what, at, seconds in of.all():
        op.get_bind().execute(less, {"task": task, "what": what, "hour": at, "seconds": float(seconds)})
