"""The queue of decisions to review, what reviewers said, and filters of the queue that they saved."""

import time

import sqlalchemy
from alembic import op

from fraud_detection_api.decision.identifiers import first_uuid7, uuid_bytes

revision, down_revision = "0011", "0010"

_FILLED_DAYS = 30
"""Of what is stored, decisions of so many days enter the queue: older ones wait for no reviewer."""

_TYPES = {
    "sqlite": {
        "bytes": "BLOB",
        "integer": "INTEGER",
        "small": "INTEGER",
        "double": "REAL",
        "key": "INTEGER PRIMARY KEY",
        "plain": "STRICT",
        "clustered": "STRICT, WITHOUT ROWID",
    },
    "postgresql": {
        "bytes": "BYTEA",
        "integer": "BIGINT",
        "small": "SMALLINT",
        "double": "DOUBLE PRECISION",
        "key": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "plain": "",
        "clustered": "",
    },
}


def upgrade() -> None:
    """Create the tables, and queue recent decisions that wait for a reviewer."""
    dialect = op.get_bind().dialect.name
    for statement in _STATEMENTS:
        op.execute(statement.format(**_TYPES[dialect]))
    since = int((time.time() - _FILLED_DAYS * 86_400) * 1000)
    fill = _FILL.format(first_code=_FIRST_CODE[dialect])
    op.get_bind().execute(sqlalchemy.text(fill), {"first": uuid_bytes(first_uuid7(since))})


_STATEMENTS = [
    # open cases alone, so the table is small whatever the store holds. An expected loss is null where it is not known, and
    # the weight orders all; nobody has a case whose lease has ended
    """CREATE TABLE reviews (
        decision_id {bytes} NOT NULL PRIMARY KEY REFERENCES decisions (decision_id) ON DELETE CASCADE,
        kind TEXT NOT NULL CHECK (kind IN ('review', 'appeal')),
        opened_at {integer} NOT NULL,
        expected_loss {double},
        weight {double} NOT NULL,
        reason TEXT NOT NULL,
        risk_score {small},
        leased_by TEXT NOT NULL DEFAULT '',
        leased_until {integer} NOT NULL DEFAULT 0,
        is_escalated {small} NOT NULL DEFAULT 0 CHECK (is_escalated IN (0, 1)),
        unsure {small} NOT NULL DEFAULT 0
    ) {clustered}""",
    # the one index that each new case pays for; what filters read is last, so that they read it here and not in the table.
    # Ids are in the order of time, and the index of decisions knows those of an entity
    "CREATE INDEX reviews_by_weight ON reviews (is_escalated, weight, decision_id, risk_score, reason)",
    "CREATE INDEX reviews_escalated ON reviews (decision_id) WHERE is_escalated = 1",
    "CREATE INDEX reviews_appealed ON reviews (is_escalated, opened_at) WHERE kind = 'appeal'",
    # the software checks verdicts, so that their list can grow
    """CREATE TABLE review_verdicts (
        verdict_id {key},
        decision_id {bytes} NOT NULL REFERENCES decisions (decision_id) ON DELETE CASCADE,
        at {integer} NOT NULL,
        who TEXT NOT NULL,
        verdict TEXT NOT NULL,
        note TEXT NOT NULL
    ) {plain}""",
    "CREATE INDEX review_verdicts_of_decision ON review_verdicts (decision_id, verdict_id)",
    "CREATE INDEX review_verdicts_by_person ON review_verdicts (who, at)",
    """CREATE TABLE review_filters (
        owner TEXT NOT NULL,
        name TEXT NOT NULL,
        query TEXT NOT NULL,
        PRIMARY KEY (owner, name)
    ) {clustered}""",
]

# the policy of that time is not known here, so neither is the loss
_FILL = """
INSERT INTO reviews (decision_id, kind, opened_at, expected_loss, weight, reason, risk_score)
SELECT decision_id, 'review', decided_at, NULL, coalesce(fraud_probability, 0), {first_code}, risk_score
FROM decisions
WHERE outcome = 'review' AND decision_id >= :first AND record IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM labels WHERE labels.decision_id = decisions.decision_id)"""

# by whatever hand a text came into the store, it must not stop the migration
_FIRST_CODE = {
    "sqlite": "coalesce(CASE WHEN json_valid(reasons) THEN json_extract(reasons, '$[0].code') || '' END, '')",
    "postgresql": """coalesce(substring(reasons from '"code"\\:"([A-Za-z0-9_.-]+)"'), '')""",
}
