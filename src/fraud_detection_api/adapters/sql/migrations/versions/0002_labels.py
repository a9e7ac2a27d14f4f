"""Table of labels."""

from alembic import op

revision, down_revision = "0002", "0001"

_TYPES = {
    "sqlite": {
        "bytes": "BLOB",
        "integer": "INTEGER",
        "small": "INTEGER",
        "key": "INTEGER PRIMARY KEY",
        "plain": "STRICT",
    },
    "postgresql": {
        "bytes": "BYTEA",
        "integer": "BIGINT",
        "small": "SMALLINT",
        "key": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "plain": "",
    },
}


def upgrade() -> None:
    """Create the table."""
    types = _TYPES[op.get_bind().dialect.name]
    for statement in _STATEMENTS:
        op.execute(statement.format(**types))


_STATEMENTS = [
    # label ids are in the order of recording; the software checks sources, so that their list can grow
    """CREATE TABLE labels (
        label_id {key},
        decision_id {bytes} NOT NULL REFERENCES decisions (decision_id) ON DELETE CASCADE,
        is_fraud {small} NOT NULL CHECK (is_fraud IN (0, 1)),
        source TEXT NOT NULL,
        effective_at {integer} NOT NULL,
        note TEXT NOT NULL,
        recorded_at {integer} NOT NULL
    ) {plain}""",
    "CREATE INDEX labels_of_decision ON labels (decision_id, label_id)",
]
