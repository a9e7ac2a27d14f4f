"""Checks of reviewers: golden decisions, whose truth is known, and second reviews."""

from alembic import op

revision, down_revision = "0012", "0011"

_TYPES = {
    "sqlite": {
        "bytes": "BLOB",
        "integer": "INTEGER",
        "small": "INTEGER",
        "double": "REAL",
        "clustered": "STRICT, WITHOUT ROWID",
    },
    "postgresql": {
        "bytes": "BYTEA",
        "integer": "BIGINT",
        "small": "SMALLINT",
        "double": "DOUBLE PRECISION",
        "clustered": "",
    },
}


def upgrade() -> None:
    """Create the tables, and say of each verdict what it was about; all so far were about cases."""
    types = _TYPES[op.get_bind().dialect.name]
    for statement in _STATEMENTS:
        op.execute(statement.format(**types))


_STATEMENTS = [
    """CREATE TABLE golden_decisions (
        decision_id {bytes} NOT NULL PRIMARY KEY REFERENCES decisions (decision_id) ON DELETE CASCADE,
        is_fraud {small} NOT NULL CHECK (is_fraud IN (0, 1)),
        expected_loss {double},
        added_by TEXT NOT NULL,
        added_at {integer} NOT NULL
    ) {clustered}""",
    # a reviewer has one at most, and several reviewers may have the same
    """CREATE TABLE golden_leases (
        who TEXT NOT NULL PRIMARY KEY,
        decision_id {bytes} NOT NULL REFERENCES golden_decisions (decision_id) ON DELETE CASCADE,
        leased_until {integer} NOT NULL
    ) {clustered}""",
    # who gave the label that a second person is to confirm; empty for all other cases
    "ALTER TABLE reviews ADD COLUMN first_by TEXT NOT NULL DEFAULT ''",
    # what a check expected, by whom, and the reason's code stand beside the verdict, so that figures need no other table
    "ALTER TABLE review_verdicts ADD COLUMN kind TEXT NOT NULL DEFAULT 'case'",
    "ALTER TABLE review_verdicts ADD COLUMN expected TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE review_verdicts ADD COLUMN first_by TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE review_verdicts ADD COLUMN reason TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX review_checks ON review_verdicts (at) WHERE kind <> 'case'",
    # what is counted of a person is in the index
    "DROP INDEX review_verdicts_by_person",
    "CREATE INDEX review_verdicts_by_person ON review_verdicts (who, at, verdict, kind)",
]
