"""Who claimed an attempt for a program elsewhere: nobody else says how it goes on.

A migration is history: it is never changed, and it imports nothing of Procession.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the column; of what is claimed by now it is not known."""
    op.add_column("attempt", sa.Column("claimed_by", sa.Text()))
