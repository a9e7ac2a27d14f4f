"""Tables of decisions, of what decided, and of idempotency keys."""

from alembic import op

revision, down_revision = "0001", None

_TYPES = {
    "sqlite": {
        "bytes": "BLOB",
        "integer": "INTEGER",
        "small": "INTEGER",
        "double": "REAL",
        "key": "INTEGER PRIMARY KEY",
    },
    "postgresql": {
        "bytes": "BYTEA",
        "integer": "BIGINT",
        "small": "SMALLINT",
        "double": "DOUBLE PRECISION",
        "key": "INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    },
}
_CLUSTERED = {"sqlite": "STRICT, WITHOUT ROWID", "postgresql": ""}
_PLAIN = {"sqlite": "STRICT", "postgresql": ""}


def upgrade() -> None:
    """Create the tables."""
    dialect = op.get_bind().dialect.name
    types = _TYPES[dialect]
    for statement in _STATEMENTS:
        op.execute(statement.format(**types, clustered=_CLUSTERED[dialect], plain=_PLAIN[dialect]))


_STATEMENTS = [
    # what thousands of decisions have in common is stored once
    """CREATE TABLE deciders (
        decider_id {key},
        contract TEXT NOT NULL,
        model_version TEXT NOT NULL,
        model_digest TEXT NOT NULL,
        policy_version TEXT NOT NULL,
        UNIQUE (contract, model_version, model_digest, policy_version)
    ) {plain}""",
    # ids sort by time, so rows are appended, and a range of time is a range of ids
    """CREATE TABLE decisions (
        decision_id {bytes} NOT NULL PRIMARY KEY,
        decided_at {integer} NOT NULL,
        request_id TEXT NOT NULL,
        place {integer} NOT NULL,
        idempotency_key TEXT,
        entity TEXT,
        record TEXT,
        decider_id {integer} NOT NULL REFERENCES deciders (decider_id),
        source TEXT NOT NULL CHECK (source IN ('model', 'fallback')),
        outcome TEXT NOT NULL CHECK (outcome IN ('approve', 'review', 'decline')),
        margin {double},
        fraud_probability {double},
        risk_score {small},
        reasons TEXT,
        latency_ms {double} NOT NULL,
        seal {bytes} NOT NULL
    ) {clustered}""",
    # the outcome is last, so that queries read it here and not in the table, however many decisions an entity has
    "CREATE INDEX decisions_of_entity ON decisions (entity, decision_id, outcome) WHERE entity IS NOT NULL",
    "CREATE INDEX decisions_by_outcome ON decisions (outcome, decision_id)",
    """CREATE TABLE idempotency_keys (
        caller TEXT NOT NULL,
        idempotency_key TEXT NOT NULL,
        kept_at {integer} NOT NULL,
        body_digest {bytes} NOT NULL,
        answer {bytes} NOT NULL,
        PRIMARY KEY (caller, idempotency_key)
    ) {clustered}""",
    "CREATE INDEX idempotency_keys_by_age ON idempotency_keys (kept_at)",
    "CREATE TABLE checks (name TEXT NOT NULL PRIMARY KEY, checked_at {integer} NOT NULL) {clustered}",
]
