"""Tables of the observer: its position, counts for drift, and a challenger's decisions."""

from alembic import op

revision, down_revision = "0003", "0002"

_TYPES = {
    "sqlite": {
        "bytes": "BLOB",
        "integer": "INTEGER",
        "double": "REAL",
        "key": "INTEGER PRIMARY KEY",
        "clustered": "STRICT, WITHOUT ROWID",
        "plain": "STRICT",
    },
    "postgresql": {
        "bytes": "BYTEA",
        "integer": "BIGINT",
        "double": "DOUBLE PRECISION",
        "key": "INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "clustered": "",
        "plain": "",
    },
}


def upgrade() -> None:
    """Create the tables."""
    types = _TYPES[op.get_bind().dialect.name]
    for statement in _STATEMENTS:
        op.execute(statement.format(**types))


_STATEMENTS = [
    # one row, whose decision may have been removed
    """CREATE TABLE observer_cursor (
        name TEXT NOT NULL PRIMARY KEY CHECK (name = 'decisions'),
        decision_id {bytes} NOT NULL
    ) {clustered}""",
    """CREATE TABLE drift_slots (
        seconds {integer} NOT NULL,
        start {integer} NOT NULL,
        model_digest TEXT NOT NULL,
        counts TEXT NOT NULL,
        PRIMARY KEY (seconds, start, model_digest)
    ) {clustered}""",
    # what millions of shadows have in common is stored once
    """CREATE TABLE challengers (
        challenger_id {key},
        model_version TEXT NOT NULL,
        model_digest TEXT NOT NULL,
        policy_version TEXT NOT NULL,
        UNIQUE (model_digest, model_version, policy_version)
    ) {plain}""",
    # a challenger's shadows are read in the order of time; the index serves the removal of decisions
    """CREATE TABLE shadow_decisions (
        challenger_id {integer} NOT NULL REFERENCES challengers (challenger_id),
        decision_id {bytes} NOT NULL REFERENCES decisions (decision_id) ON DELETE CASCADE,
        margin {double} NOT NULL,
        fraud_probability {double} NOT NULL,
        outcome TEXT NOT NULL CHECK (outcome IN ('approve', 'review', 'decline')),
        duration_us {double} NOT NULL,
        observed_at {integer} NOT NULL,
        PRIMARY KEY (challenger_id, decision_id)
    ) {clustered}""",
    "CREATE INDEX shadows_of_decision ON shadow_decisions (decision_id)",
]
