"""A SQLite store with millions of made-up decisions, written by SQLite itself in minutes.

They come evenly over ninety days: 94 % approved, 5.5 % to review, .5 % declined, about a million entities. One entity has a
fiftieth of all, every one approved, as a caller's test account would, and one has a single decision, the oldest.
"""

import sqlite3
from pathlib import Path

from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase

BEGINNING = 1_790_000_000_000
DAYS = 90
ENTITIES = 1_000_003  # a prime, so that entities come in no order
BUSY, SEEN_ONCE = "7", "2000000"
DECIDER = "(1, 'sha256:contract', '1', 'sha256:model', '1')"
ROWS_A_STATEMENT = 500_000

RECORD = (
    "'{\"customer_id\":'||entity || ',\"number_of_open_accounts\":' || (n % 23) || ',\"total_credit_limit\":' || "
    "(n * 31 % 90000) || ',\"total_balance\":' || (n * 17 % 90000) || ',\"number_of_accounts_in_arrears\":' || n % 3 || '}'"
)
REASON = (
    '\'{"rank":1,"code":"UTILISATION_HIGH","feature":"credit_utilisation","value":16.2,"direction":"increases_risk",'
    '"contribution_log_odds":1.9681972803180114,"description":"Balance is 16.2 times the credit limit"}\''
)
_FILL = f"""
WITH RECURSIVE numbers (n) AS (SELECT :first UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < :last),
  drawn (n, at, entity, outcome) AS (
    SELECT n, :beginning + n * :milliseconds / :rows,
      CASE WHEN n = 0 THEN {SEEN_ONCE} WHEN n % 50 = 0 THEN {BUSY} ELSE n * 48271 % {ENTITIES} END,
      CASE WHEN n > 0 AND n % 50 = 0 THEN 'approve' WHEN n * 7919 % 1000 < 5 THEN 'decline'
        WHEN n * 7919 % 1000 < 60 THEN 'review' ELSE 'approve' END
    FROM numbers)
INSERT INTO decisions (decision_id, decided_at, request_id, place, idempotency_key, entity, record, decider_id, source,
  outcome, margin, fraud_probability, risk_score, reasons, latency_ms, seal)
SELECT packed(printf('%012x7%03x8%015x', at, n % 4096, n)), at, printf('%032x', n), 0, NULL, CAST(entity AS TEXT),
  {RECORD}, 1, 'model', outcome, n * 0.000001 - 3.5, (n % 1000) * 0.00098, n % 1001,
  CASE WHEN n % 5 = 0 THEN '[' || {REASON} || ',' || {REASON} || ',' || {REASON} || ']' END, 0.75, zeroblob(17)
FROM drawn"""  # noqa: S608 of nothing but what stands above


def fill(path: Path, rows: int) -> None:
    """Make the file, which must not be there."""
    store = SqlDecisionStore(SqliteDatabase(path, timeout_seconds=5), idempotency_seconds=86_400)
    store.migrate()
    store.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.create_function("packed", 1, bytes.fromhex, deterministic=True)  # SQLite has unhex from 3.41 on
    # what a crash would cost here is the file, and it is made again
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -1000000")
    connection.execute(f"INSERT INTO deciders VALUES {DECIDER}")  # noqa: S608 a constant
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE tbl_name = 'decisions' AND sql LIKE 'CREATE INDEX%'"
    )
    made = indexes.fetchall()
    for name, _ in made:
        connection.execute(f"DROP INDEX {name}")
    given = {"beginning": BEGINNING, "milliseconds": DAYS * 86_400_000, "rows": rows}
    for first in range(0, rows, ROWS_A_STATEMENT):
        connection.execute(_FILL, {"first": first, "last": min(first + ROWS_A_STATEMENT, rows), **given})
        print(f"{min(first + ROWS_A_STATEMENT, rows):,} of {rows:,} decisions")
    for name, statement in made:
        connection.execute(statement)
        print(f"index {name}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
