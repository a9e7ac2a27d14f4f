"""What people leave in a store of millions of decisions: 200,000 cases, as many labels, a trail of a million lines."""

from fraud_detection_api.adapters.sql.database import Database
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore

CASES, LABELS, LINES = 200_000, 200_000, 1_000_000
PEOPLE = 10
_LATER = 4_000_000_000_000
"""Leases of others do not end while pages are measured."""

# the newest wait; others have a hundredth of them, and leads a fiftieth
_QUEUE = f"""
INSERT INTO reviews (decision_id, kind, opened_at, expected_loss, weight, reason, risk_score, leased_by, leased_until,
  is_escalated)
SELECT decision_id, 'review', decided_at, risk_score * 1.5, risk_score * 1.5,
  CASE WHEN reasons IS NULL THEN '' ELSE 'UTILISATION_HIGH' END, risk_score,
  CASE WHEN decided_at % 100 = 7 THEN 'somebody' ELSE '' END, CASE WHEN decided_at % 100 = 7 THEN {_LATER} ELSE 0 END,
  CASE WHEN decided_at % 49 = 3 THEN 1 ELSE 0 END
FROM decisions WHERE outcome = 'review' ORDER BY decision_id DESC LIMIT {CASES}"""  # noqa: S608 constants

_LABELS = f"""
INSERT INTO labels (decision_id, is_fraud, source, effective_at, note, recorded_at, reviewer)
SELECT decision_id, CASE WHEN decided_at % 3 = 0 THEN 1 ELSE 0 END, 'analyst', decided_at + 86400000, 'called', decided_at
  + 86400000, 'analyst-' || decided_at % {PEOPLE}
FROM decisions WHERE outcome = 'review' ORDER BY decision_id LIMIT {LABELS}"""  # noqa: S608 constants

_VERDICTS = """
INSERT INTO review_verdicts (decision_id, at, who, verdict, note)
SELECT decision_id, recorded_at, reviewer, CASE WHEN is_fraud = 1 THEN 'fraud' ELSE 'legitimate' END, '' FROM labels"""

_TRAIL = f"""
WITH RECURSIVE numbers (n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < {LINES})
INSERT INTO console_audit (at, who, what, about)
SELECT 1790000000000 + n * 6000, 'analyst-' || n % {PEOPLE},
  CASE WHEN n % 7 = 0 THEN 'exported' ELSE 'viewed_decision' END, CASE WHEN n % 7 = 0 THEN '3 decisions: ' ELSE '' END || n
FROM numbers"""  # noqa: S608 constants


def fill_desk(database: Database) -> None:
    """Fill the queue, labels and the trail of a store that has decisions, in place of what the migration queued."""
    SqlDecisionStore(database, idempotency_seconds=86_400).migrate()
    for name, statement in (("cases", _QUEUE), ("labels", _LABELS), ("verdicts", _VERDICTS), ("lines", _TRAIL)):
        with database.writing() as session:
            if name == "cases":
                session.change("DELETE FROM reviews")
            # a percent sign begins a parameter's mark to PostgreSQL's driver
            session.change(statement if database.dialect == "sqlite" else statement.replace("%", "%%"))
        print(f"filled {name}", flush=True)
