"""The contract that the store belongs to, and who said a label."""

from alembic import op

revision, down_revision = "0005", "0004"

_CLUSTERED = {"sqlite": "STRICT, WITHOUT ROWID", "postgresql": ""}


def upgrade() -> None:
    """Create the table, whose row the first model in service writes, and the column, which earlier labels lack."""
    clustered = _CLUSTERED[op.get_bind().dialect.name]
    for statement in _STATEMENTS:
        op.execute(statement.format(clustered=clustered))


_STATEMENTS = [
    """CREATE TABLE served_contract (
        name TEXT NOT NULL PRIMARY KEY CHECK (name = 'contract'),
        contract TEXT NOT NULL
    ) {clustered}""",
    "ALTER TABLE labels ADD COLUMN reviewer TEXT",
]
