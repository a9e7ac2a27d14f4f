"""The same made-up decisions in PostgreSQL, written by the server itself into an empty database."""

import psycopg

from benchmarks.store.filling import (
    BEGINNING,
    BUSY,
    DAYS,
    DECIDER,
    ENTITIES,
    REASON,
    RECORD,
    ROWS_A_STATEMENT,
    SEEN_ONCE,
)
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.postgres import PostgresDatabase

_FILL = f"""
INSERT INTO decisions (decision_id, decided_at, request_id, place, idempotency_key, entity, record, decider_id, source,
  outcome, margin, fraud_probability, risk_score, reasons, latency_ms, seal)
SELECT decode(lpad(to_hex(at), 12, '0') || '7' || lpad(to_hex(n %% 4096), 3, '0') || '8' || lpad(to_hex(n), 15, '0'), 'hex'),
  at, lpad(to_hex(n), 32, '0'), 0, NULL, entity::text, {RECORD.replace("%", "%%")}, 1, 'model', outcome, n * 0.000001 - 3.5,
  (n %% 1000) * 0.00098, n %% 1001,
  CASE WHEN n %% 5 = 0 THEN '[' || {REASON} || ',' || {REASON} || ',' || {REASON} || ']' END, 0.75,
  decode(repeat('00', 17), 'hex')
FROM (
  SELECT n, {BEGINNING} + n * {DAYS * 86_400_000} / %(rows)s::bigint AS at,
    CASE WHEN n = 0 THEN {SEEN_ONCE} WHEN n %% 50 = 0 THEN {BUSY} ELSE n * 48271 %% {ENTITIES} END AS entity,
    CASE WHEN n > 0 AND n %% 50 = 0 THEN 'approve' WHEN n * 7919 %% 1000 < 5 THEN 'decline'
      WHEN n * 7919 %% 1000 < 60 THEN 'review' ELSE 'approve' END AS outcome
  FROM generate_series(%(first)s::bigint, %(last)s::bigint - 1) AS n
) AS drawn"""  # noqa: S608 of nothing but constants


def fill_postgres(url: str, rows: int) -> None:
    """Fill the database, which must be empty."""
    store = SqlDecisionStore(PostgresDatabase(url, timeout_seconds=60), idempotency_seconds=86_400)
    store.migrate()
    store.close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute(f"INSERT INTO deciders OVERRIDING SYSTEM VALUE VALUES {DECIDER}")  # noqa: S608 a constant
        connection.execute("ALTER TABLE decisions DISABLE TRIGGER USER")  # as nobody reads the log of them
        made = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'decisions' AND indexname NOT LIKE '%_pkey'"
        ).fetchall()
        for name, _ in made:
            connection.execute(f"DROP INDEX {name}")
        for first in range(0, rows, ROWS_A_STATEMENT):
            last = min(first + ROWS_A_STATEMENT, rows)
            connection.execute(_FILL, {"first": first, "last": last, "rows": rows})
            print(f"{last:,} of {rows:,} decisions", flush=True)
        for name, statement in made:
            connection.execute(statement)
            print(f"index {name}", flush=True)
        connection.execute("ALTER TABLE decisions ENABLE TRIGGER USER")
        connection.execute("VACUUM ANALYZE")
