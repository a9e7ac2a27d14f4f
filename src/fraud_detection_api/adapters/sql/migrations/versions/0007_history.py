"""What history features saw, which earlier decisions lack."""

from alembic import op

revision, down_revision = "0007", "0006"

_TYPES = {"sqlite": {"integer": "INTEGER"}, "postgresql": {"integer": "BIGINT"}}


def upgrade() -> None:
    """Add the column."""
    types = _TYPES[op.get_bind().dialect.name]
    for statement in _STATEMENTS:
        op.execute(statement.format(**types))


_STATEMENTS = ["ALTER TABLE decisions ADD COLUMN history {integer}"]
