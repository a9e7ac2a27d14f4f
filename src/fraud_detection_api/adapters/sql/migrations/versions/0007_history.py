"""What history features need: what a decision saw, events that are no decisions, and what an erasure leaves.

On PostgreSQL, entries of the log's queue are in the order of commits from now on, where somebody reads them as they come.
"""

from alembic import op

revision, down_revision = "0007", "0006"

_TYPES = {
    "sqlite": {"bytes": "BLOB", "integer": "INTEGER", "small": "INTEGER", "clustered": "STRICT, WITHOUT ROWID"},
    "postgresql": {"bytes": "BYTEA", "integer": "BIGINT", "small": "SMALLINT", "clustered": ""},
}


def upgrade() -> None:
    """Add the columns and the tables, and let triggers log events."""
    dialect = op.get_bind().dialect.name
    for statement in _STATEMENTS:
        op.execute(statement.format(**_TYPES[dialect]))
    for statement in _TRIGGERS[dialect]:
        op.get_bind().exec_driver_sql(statement)


_STATEMENTS = [
    "ALTER TABLE decisions ADD COLUMN history {integer}",
    "ALTER TABLE decisions ADD COLUMN residue TEXT",
    # ids sort by time, as those of decisions do
    """CREATE TABLE events (
        event_id {bytes} NOT NULL PRIMARY KEY,
        external_id TEXT NOT NULL UNIQUE,
        recorded_at {integer} NOT NULL,
        entity TEXT,
        record TEXT,
        contract TEXT NOT NULL,
        is_fraud {small} CHECK (is_fraud IN (0, 1)),
        residue TEXT,
        seal {bytes} NOT NULL
    ) {clustered}""",
    # its row says that somebody reads what is logged as it comes
    """CREATE TABLE history_state (
        name TEXT NOT NULL PRIMARY KEY CHECK (name = 'history'),
        begun_at {integer} NOT NULL
    ) {clustered}""",
    # people look up what an entity did last
    "CREATE INDEX events_of_entity ON events (entity, event_id) WHERE entity IS NOT NULL",
]

_TRIGGERS = {
    "sqlite": [
        """CREATE TRIGGER events_logged AFTER INSERT ON events BEGIN
            INSERT INTO log_queue (kind, subjects, seals) VALUES ('event', NEW.event_id, NEW.seal);
        END""",
    ],
    "postgresql": [
        """CREATE FUNCTION log_inserted_events() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO log_queue (kind, subjects, seals)
            SELECT 'event', string_agg(event_id, ''::bytea), string_agg(seal, ''::bytea)
            FROM inserted HAVING count(*) > 0;
            RETURN NULL;
        END $$""",
        """CREATE TRIGGER events_logged AFTER INSERT ON events REFERENCING NEW TABLE AS inserted
        FOR EACH STATEMENT EXECUTE FUNCTION log_inserted_events()""",
        # before the rows: whoever waits for a row of another transaction holds this lock, and the other one does not
        """CREATE FUNCTION log_in_order() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF EXISTS (SELECT FROM history_state) THEN
                PERFORM pg_advisory_xact_lock(4242018);
            END IF;
            RETURN NULL;
        END $$""",
        *(
            f"""CREATE TRIGGER {table}_in_order BEFORE INSERT ON {table}
            FOR EACH STATEMENT EXECUTE FUNCTION log_in_order()"""
            for table in ("decisions", "labels", "events", "log_queue")
        ),
    ],
}
