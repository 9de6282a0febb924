"""Chains in full: settings, holds and pins, limits, sets, messages, tallies.

A migration is history: it is never changed, and it imports nothing of Procession.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
RUNNABLE = "state = 'waiting' AND due_at IS NULL AND held_at IS NULL"
LATER = "state = 'waiting' AND (due_at IS NOT NULL OR held_at IS NOT NULL)"


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _count() -> sa.Column[int]:
    return sa.Column("errors", sa.Integer(), nullable=False, server_default="0")


def upgrade() -> None:
    """Add what is new; every row that is there stays as it is."""
    _columns()
    _indexes()
    _setting_and_tally()
    _message()
    _sets()
    _count_what_is_there()


def _columns() -> None:
    added: dict[str, list[sa.Column[Any]]] = {
        "event": [
            sa.Column("origin_id", ID),
            sa.Column("depth", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("taken", sa.Integer(), nullable=False, server_default="0"),
        ],
        "task": [sa.Column("resumed_at", sa.BigInteger())],
        "processing": [
            sa.Column("held_at", sa.BigInteger()),
            sa.Column("pinned_at", sa.BigInteger()),
            _count(),
            sa.Column("origin_id", ID),
            sa.Column("first_id", ID),
            sa.Column("replaced_by", ID),
            sa.Column("code_of", ID),
            sa.Column("wants", sa.Text()),
            sa.Column("bytes", sa.BigInteger()),
            sa.Column("cleaned_at", sa.BigInteger()),
        ],
        "step": [
            sa.Column("memory", sa.BigInteger(), nullable=False, server_default="0"),
            sa.Column("wants", sa.Text()),
            sa.Column("held_at", sa.BigInteger()),
            sa.Column("ready_at", sa.BigInteger()),
        ],
        "attempt": [
            sa.Column("memory", sa.BigInteger(), nullable=False, server_default="0"),
            _count(),
            sa.Column("peak_tree", sa.BigInteger()),
            sa.Column("surroundings", sa.Text()),
        ],
        "launcher": [
            sa.Column("memory", sa.BigInteger()),
            sa.Column("labels", sa.Text()),
            sa.Column("queues", sa.Text()),
            sa.Column("closing", sa.Text()),
        ],
    }
    for table, columns in added.items():
        for column in columns:
            op.add_column(table, column)


def _indexes() -> None:
    op.drop_index("ix_processing_waiting", "processing")
    op.create_index(
        "ix_processing_waiting",
        "processing",
        ["task", sa.text("priority DESC"), "id", "wants"],
        **_where(RUNNABLE),
    )
    op.create_index("ix_processing_later", "processing", ["due_at", "task", "held_at"], **_where(LATER))
    op.create_index(
        "ix_processing_finished", "processing", ["task", "finished_at"], **_where("finished_at IS NOT NULL")
    )
    op.create_index("ix_processing_origin", "processing", ["origin_id"], **_where("origin_id IS NOT NULL"))
    for name, columns, where in (
        ("unmeasured", ["id"], "finished_at IS NOT NULL AND bytes IS NULL AND cleaned_at IS NULL"),
        ("kept", ["task", "state", "finished_at", "bytes"], "bytes IS NOT NULL AND cleaned_at IS NULL"),
        ("logs", ["finished_at"], "cleaned_at IS NOT NULL AND bytes IS NOT NULL"),
        ("cleaned", ["finished_at"], "cleaned_at IS NOT NULL AND bytes IS NULL"),
    ):
        op.create_index(f"ix_processing_{name}", "processing", columns, **_where(where))
    op.drop_index("ix_step_ready", "step")
    op.create_index(
        "ix_step_ready",
        "step",
        [sa.text("priority DESC"), "processing_id", "ordinal"],
        **_where("state = 'ready' AND due_at IS NULL AND held_at IS NULL"),
    )
    op.create_index("ix_event_untaken", "event", ["id"], **_where("taken = 0"))
    op.create_index("ix_step_held", "step", ["processing_id"], **_where("held_at IS NOT NULL"))
    op.create_index("ix_step_taking", "step", ["wants"], **_where("state = 'running' AND wants IS NOT NULL"))


def _setting_and_tally() -> None:
    op.create_table(
        "setting",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_setting")),
    )
    op.create_table(
        "tally",
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("noun", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("noun", "name", "what", "hour", name=op.f("pk_tally")),
        sa.CheckConstraint("noun IN ('event', 'task')", name=op.f("ck_tally_noun")),
        sqlite_with_rowid=False,
    )


def _message() -> None:
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
        sa.CheckConstraint(
            "kind IN ('error', 'failure', 'suspended', 'silence', 'incomplete', 'disk', 'watch')",
            name=op.f("ck_message_kind"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sqlite_autoincrement=True,
    )
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


def _sets() -> None:
    op.create_table(
        "watch",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("growing", sa.Integer(), server_default="0", nullable=False),
        sa.Column("said", sa.Text()),
        sa.Column("problem", sa.Text()),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_watch")),
    )
    op.create_table(
        "slot",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("done_at", sa.BigInteger()),
        sa.Column("complete", sa.Integer()),
        sa.Column("event_id", ID),
        sa.Column("late", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot")),
        sa.UniqueConstraint("name", "key", name=op.f("uq_slot_name_key")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_slot_due", "slot", ["due_at"], **_where("done_at IS NULL"))
    op.create_table(
        "piece",
        sa.Column("slot_id", ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("event_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("slot_id", "name", name=op.f("pk_piece")),
        sqlite_with_rowid=False,
    )


def _count_what_is_there() -> None:
    """What came before counts were kept is counted from the rows, in the hour in which it came or ended."""
    op.execute(
        "UPDATE event SET taken = 1 WHERE EXISTS (SELECT 1 FROM processing WHERE processing.event_id = event.id)"
    )

    def hour(column: str) -> str:
        return f"{column} - {column} % 3600000000"

    add = "INSERT INTO tally (hour, noun, name, what, n, seconds) SELECT"
    for what, n in (("events", "count(*)"), ("repeats", "sum(repeats)"), ("received", "count(*) + sum(repeats)")):
        op.execute(
            f"{add} {hour('created_at')}, 'event', name, '{what}', {n}, 0 FROM event GROUP BY 1, name HAVING {n} > 0"
        )
    op.execute(f"{add} {hour('created_at')}, 'task', task, 'matched', count(*), 0 FROM processing GROUP BY 1, task")
    seconds = "coalesce(sum(finished_at - started_at), 0) / 1000000.0"
    op.execute(
        f"{add} {hour('finished_at')}, 'task', task, state, count(*), {seconds} FROM processing"
        " WHERE finished_at IS NOT NULL AND state IN ('succeeded', 'failed', 'cancelled', 'skipped')"
        " GROUP BY 1, task, state"
    )
