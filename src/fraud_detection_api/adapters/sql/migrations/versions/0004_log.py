"""The log: triggers queue what is committed, and a sequencer moves it into the log. The observer has a position there."""

import secrets

import sqlalchemy
from alembic import op

revision, down_revision = "0004", "0003"

_TYPES = {
    "sqlite": {
        "bytes": "BLOB",
        "integer": "INTEGER",
        "key": "INTEGER PRIMARY KEY",
        "unsealed": f"X'{'00' * 17}'",
        "clustered": "STRICT, WITHOUT ROWID",
        "plain": "STRICT",
    },
    "postgresql": {
        "bytes": "BYTEA",
        "integer": "BIGINT",
        "key": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "unsealed": f"'\\x{'00' * 17}'",
        "clustered": "",
        "plain": "",
    },
}
_ROWS_A_RUN = 1_000


def upgrade() -> None:
    """Create the tables, log what is stored already, and let triggers log what comes."""
    dialect = op.get_bind().dialect.name
    for statement in _STATEMENTS:
        op.execute(statement.format(**_TYPES[dialect]))
    _log_what_is_stored()
    for statement in _TRIGGERS[dialect]:
        op.get_bind().exec_driver_sql(statement)
    op.execute("DROP TABLE observer_cursor")


def _log_what_is_stored() -> None:
    bind = op.get_bind()
    cursor = bind.execute(sqlalchemy.text("SELECT decision_id FROM observer_cursor")).scalar()
    observed = _log_decisions(0, "decision_id > :after AND decision_id <= :cursor", cursor) if cursor is not None else 0
    found = _log_decisions(observed, "decision_id > :after", cursor)
    bind.execute(sqlalchemy.text("INSERT INTO observer_position (name, position) VALUES ('log', :p)"), {"p": observed})
    found = _log_labels(found)
    state = {"log_id": secrets.token_hex(16), "found": found}
    bind.execute(
        sqlalchemy.text(
            "INSERT INTO log_state (name, log_id, found, size, peaks) VALUES ('log', :log_id, :found, 0, :none)"
        ),
        {**state, "none": b""},
    )


def _log_decisions(position: int, condition: str, cursor: bytes | None) -> int:
    """Log the decisions that meet the condition, by their ids; returns the position after them."""
    select = f"SELECT decision_id, seal FROM decisions WHERE {condition} ORDER BY decision_id LIMIT {_ROWS_A_RUN}"  # noqa: S608
    after = cursor if cursor is not None and ":cursor" not in condition else b""
    while rows := op.get_bind().execute(sqlalchemy.text(select), {"after": after, "cursor": cursor}).fetchall():
        position = _log_run(position, "decision", [(bytes(subject), bytes(seal)) for subject, seal in rows])
        after = rows[-1][0]
    return position


def _log_labels(position: int) -> int:
    select = f"SELECT label_id, decision_id FROM labels WHERE label_id > :after ORDER BY label_id LIMIT {_ROWS_A_RUN}"  # noqa: S608
    after = -1
    while rows := op.get_bind().execute(sqlalchemy.text(select), {"after": after}).fetchall():
        position = _log_run(position, "label", [(bytes(subject), bytes(17)) for _, subject in rows])
        after = rows[-1][0]
    return position


def _log_run(position: int, kind: str, pairs: list[tuple[bytes, bytes]]) -> int:
    op.get_bind().execute(
        sqlalchemy.text(
            "INSERT INTO log (position, kind, subjects, seals) VALUES (:position, :kind, :subjects, :seals)"
        ),
        {
            "position": position,
            "kind": kind,
            "subjects": b"".join(subject for subject, _ in pairs),
            "seals": b"".join(seal for _, seal in pairs),
        },
    )
    return position + len(pairs)


_STATEMENTS = [
    # in the order of commits on SQLite; on PostgreSQL nearly so, and the position decides
    """CREATE TABLE log_queue (
        entry {key},
        kind TEXT NOT NULL,
        subjects {bytes} NOT NULL,
        seals {bytes} NOT NULL
    ) {plain}""",
    """CREATE TABLE log (
        position {integer} NOT NULL PRIMARY KEY,
        kind TEXT NOT NULL,
        subjects {bytes} NOT NULL,
        seals {bytes} NOT NULL
    ) {plain}""",
    """CREATE TABLE log_state (
        name TEXT NOT NULL PRIMARY KEY CHECK (name = 'log'),
        log_id TEXT NOT NULL,
        found {integer} NOT NULL,
        size {integer} NOT NULL,
        peaks {bytes} NOT NULL
    ) {clustered}""",
    """CREATE TABLE log_roots (
        size {integer} NOT NULL PRIMARY KEY,
        log_id TEXT NOT NULL,
        found {integer} NOT NULL,
        root {bytes} NOT NULL,
        signed_at {integer} NOT NULL,
        signature {bytes} NOT NULL
    ) {plain}""",
    """CREATE TABLE observer_position (
        name TEXT NOT NULL PRIMARY KEY CHECK (name = 'log'),
        position {integer} NOT NULL
    ) {clustered}""",
    "ALTER TABLE labels ADD COLUMN seal {bytes} NOT NULL DEFAULT {unsealed}",
]

_TRIGGERS = {
    "sqlite": [
        f"""CREATE TRIGGER {table}_logged AFTER INSERT ON {table} BEGIN
            INSERT INTO log_queue (kind, subjects, seals) VALUES ('{kind}', NEW.decision_id, NEW.seal);
        END"""  # noqa: S608
        for table, kind in (("decisions", "decision"), ("labels", "label"))
    ],
    "postgresql": [
        # both aggregates read the rows in the same order
        """CREATE FUNCTION log_inserted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO log_queue (kind, subjects, seals)
            SELECT TG_ARGV[0], string_agg(decision_id, ''::bytea), string_agg(seal, ''::bytea)
            FROM inserted HAVING count(*) > 0;
            RETURN NULL;
        END $$""",
        *(
            f"""CREATE TRIGGER {table}_logged AFTER INSERT ON {table} REFERENCING NEW TABLE AS inserted
            FOR EACH STATEMENT EXECUTE FUNCTION log_inserted('{kind}')"""
            for table, kind in (("decisions", "decision"), ("labels", "label"))
        ),
    ],
}
