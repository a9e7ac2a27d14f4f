"""Labels of events: a label is about a decision or about an event."""

from alembic import op

revision, down_revision = "0008", "0007"


def upgrade() -> None:
    """Let labels have an event in place of a decision, and let the trigger log either."""
    for statement in _STATEMENTS[op.get_bind().dialect.name]:
        op.get_bind().exec_driver_sql(statement)


_EITHER = "CHECK ((decision_id IS NULL) <> (event_id IS NULL))"
_INDEX = "CREATE INDEX labels_of_event ON labels (event_id, label_id) WHERE event_id IS NOT NULL"

# servers of the earlier release, which name a decision with each label, go on while others start
_STATEMENTS = {
    "sqlite": [
        # SQLite cannot let a column be null later; the trigger and the index go with the old table
        f"""CREATE TABLE labels_of_either (
            label_id INTEGER PRIMARY KEY,
            decision_id BLOB REFERENCES decisions (decision_id) ON DELETE CASCADE,
            event_id BLOB REFERENCES events (event_id) ON DELETE CASCADE,
            is_fraud INTEGER NOT NULL CHECK (is_fraud IN (0, 1)),
            source TEXT NOT NULL,
            effective_at INTEGER NOT NULL,
            note TEXT NOT NULL,
            recorded_at INTEGER NOT NULL,
            seal BLOB NOT NULL DEFAULT X'{"00" * 17}',
            reviewer TEXT,
            {_EITHER}
        ) STRICT""",
        """INSERT INTO labels_of_either
            (label_id, decision_id, is_fraud, source, effective_at, note, recorded_at, seal, reviewer)
            SELECT label_id, decision_id, is_fraud, source, effective_at, note, recorded_at, seal, reviewer FROM labels""",
        "DROP TABLE labels",
        "ALTER TABLE labels_of_either RENAME TO labels",
        "CREATE INDEX labels_of_decision ON labels (decision_id, label_id)",
        _INDEX,
        """CREATE TRIGGER labels_logged AFTER INSERT ON labels BEGIN
            INSERT INTO log_queue (kind, subjects, seals)
            VALUES ('label', coalesce(NEW.decision_id, NEW.event_id), NEW.seal);
        END""",
    ],
    "postgresql": [
        "ALTER TABLE labels ALTER decision_id DROP NOT NULL",
        "ALTER TABLE labels ADD COLUMN event_id BYTEA REFERENCES events (event_id) ON DELETE CASCADE",
        f"ALTER TABLE labels ADD {_EITHER}",
        _INDEX,
        """CREATE FUNCTION log_inserted_labels() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO log_queue (kind, subjects, seals)
            SELECT 'label', string_agg(coalesce(decision_id, event_id), ''::bytea), string_agg(seal, ''::bytea)
            FROM inserted HAVING count(*) > 0;
            RETURN NULL;
        END $$""",
        "DROP TRIGGER labels_logged ON labels",
        """CREATE TRIGGER labels_logged AFTER INSERT ON labels REFERENCING NEW TABLE AS inserted
        FOR EACH STATEMENT EXECUTE FUNCTION log_inserted_labels()""",
    ],
}
