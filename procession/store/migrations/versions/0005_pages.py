"""What the pages read: counts of all hours together, hours that are history, what people say of a cause; questions.

A migration is history: it is never changed, and it imports nothing of Procession.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KINDS = (
    "kind IN ('error', 'failure', 'suspended', 'silence', 'incomplete', 'disk', 'watch', 'delivery', 'host', 'bridge',"
    " 'question')"
)
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
    _questions()
    _kinds_of_messages()


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


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _questions() -> None:
    """Attempts that wait for a person; those that wait for children are found without them."""
    op.add_column("attempt", sa.Column("asks", sa.Text()))
    op.add_column("attempt", sa.Column("asks_until", sa.BigInteger()))
    op.add_column("attempt", sa.Column("answer", sa.Text()))
    for name, columns, condition in (
        ("ix_attempt_children", ["launcher_id", "worker"], "launcher_id IS NULL AND worker IS NULL AND asks IS NULL"),
        ("ix_attempt_asks", ["processing_id"], "asks IS NOT NULL"),
        ("ix_attempt_asks_until", ["asks_until"], "asks_until IS NOT NULL"),
    ):
        op.create_index(name, "attempt", columns, **_where(f"outcome IS NULL AND {condition}"))


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
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kind", "task", "step", "signature", "text")),
        sa.Column("processing_id", ID),
        sa.Column("n", sa.Integer(), server_default="1", nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.Column("read_at", sa.BigInteger()),
        sa.Column("read_by", sa.Text()),
        sa.Column("needs_person_at", sa.BigInteger()),
        sa.Column("told_at", sa.BigInteger()),
        sa.Column("problem", sa.Text()),
        sa.CheckConstraint(KINDS, name=op.f("ck_message_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sqlite_autoincrement=True,
    )
    op.execute("INSERT INTO message SELECT * FROM message_before")
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'message'")
    op.execute("UPDATE sqlite_sequence SET name = 'message' WHERE name = 'message_before'")
    op.drop_table("message_before")
    op.create_index(
        "uq_message_active", "message", ["kind", "task", "step", "signature"], unique=True, **_where("ended_at IS NULL")
    )
    op.create_index(
        "ix_message_untold",
        "message",
        ["needs_person_at"],
        **_where("ended_at IS NULL AND told_at IS NULL AND needs_person_at IS NOT NULL"),
    )
    op.create_index("ix_message_ended_untold", "message", ["id"], **_where("told_at < ended_at"))
