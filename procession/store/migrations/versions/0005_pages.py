"""What the pages read: counts of all hours together, hours that are history, what people say of a cause.

A migration is history: it is never changed, and it imports nothing of Procession.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ENDED = "('succeeded', 'failed', 'cancelled', 'skipped')"


def upgrade() -> None:
    """Make the table of counts anew, with the sums over all hours; add the columns of causes."""
    for name, kind in (
        ("muted_up_to", sa.BigInteger()), ("owner", sa.Text()), ("known_at", sa.BigInteger()),
        ("resolved_at", sa.BigInteger()), ("resolved_by", sa.Text()),
    ):  # fmt: skip
        op.add_column("cause", sa.Column(name, kind))
    op.execute("UPDATE cause SET known_at = muted_at")
    _tallies()


def _tallies() -> None:
    """What had been counted off later is counted off where it was counted: the hours are taken from the rows."""
    op.rename_table("tally", "tally_before")
    if op.get_bind().dialect.name == "postgresql":  # there the names of constraints are those of the schema
        op.execute("ALTER TABLE tally_before DROP CONSTRAINT pk_tally")
    op.create_table(
        "tally",
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("noun", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.CheckConstraint("noun IN ('event', 'task', 'cause')", name=op.f("ck_tally_noun")),
        sa.PrimaryKeyConstraint("noun", "name", "what", "hour", name=op.f("pk_tally")),
        sqlite_with_rowid=False,
    )
    into = "INSERT INTO tally (noun, name, what, hour, n, seconds) "
    op.execute(
        into + "SELECT noun, name, what, -1, SUM(n), SUM(seconds) FROM tally_before GROUP BY noun, name, what"
        " HAVING SUM(n) <> 0"
    )
    op.execute(
        into + "SELECT noun, name, what, hour, n, seconds FROM tally_before WHERE n > 0 AND (noun = 'event'"
        f" OR what NOT IN {ENDED})"
    )
    hour = "finished_at / 3600000000 * 3600000000"
    op.execute(
        into + f"SELECT 'task', task, state, {hour}, COUNT(*), COALESCE(SUM((finished_at - started_at) / 1e6), 0)"
        " FROM processing WHERE finished_at IS NOT NULL AND replaced_by IS NULL"
        f" AND state IN {ENDED} GROUP BY task, state, {hour}"
    )
    op.drop_table("tally_before")
    op.create_index("ix_tally_hour", "tally", ["noun", "hour", "name", "what", "n"])
