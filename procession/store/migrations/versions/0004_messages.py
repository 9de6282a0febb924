"""Bridges to brokers, cancels that come first, sources, sets of variables, versions with a description, causes.

A migration is history: it is never changed, and it imports nothing of Procession.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what is new; every row that is there stays as it is."""
    _columns()


def _columns() -> None:
    op.add_column("attempt", sa.Column("cause", sa.Text()))
    op.add_column("processing", sa.Column("description", sa.Text()))
    op.add_column("processing", sa.Column("variables", sa.Text()))
