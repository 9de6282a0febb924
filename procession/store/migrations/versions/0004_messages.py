"""Bridges to brokers, cancels that come first, sources, sets of variables, versions with a description, causes.

A migration is history: it is never changed, and it imports nothing of Procession.
"""

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what is new; every row that is there stays as it is."""
