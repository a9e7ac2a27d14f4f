"""Accounts of people whom a provider of identities knows."""

from alembic import op

revision, down_revision = "0010", "0009"


def upgrade() -> None:
    """Add what the provider calls a person: its issuer and the person's `sub`, which no two have."""
    op.execute("ALTER TABLE accounts ADD COLUMN subject TEXT")
    op.execute("CREATE UNIQUE INDEX accounts_subject ON accounts (subject)")
