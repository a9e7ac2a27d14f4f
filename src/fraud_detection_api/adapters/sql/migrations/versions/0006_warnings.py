"""Warnings of decisions, which earlier decisions lack."""

from alembic import op

revision, down_revision = "0006", "0005"


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE decisions ADD COLUMN warnings TEXT")
