"""The log: triggers queue what is committed, and a sequencer moves it into the log. The observer has a position there."""

import secrets
from typing import Any

import sqlalchemy
from alembic import op

from fraud_detection_api.decision.log import LEAVES_A_RUN, UNSEALED, Kind, Run
from fraud_detection_api.decision.merkle import Tree

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
    cursor = _execute("SELECT decision_id FROM observer_cursor").scalar()
    tree = Tree()
    if cursor is not None:
        tree = _log_decisions(tree, "AND decision_id <= :last", b"", cursor)
    _execute("INSERT INTO observer_position (name, position) VALUES ('log', :position)", position=tree.size)
    tree = _log_decisions(tree, "", cursor or b"", None)
    tree = _log_labels(tree)
    _execute(
        "INSERT INTO log_state (name, log_id, found, size, peaks) VALUES ('log', :log_id, :size, :size, :peaks)",
        log_id=secrets.token_hex(16),
        size=tree.size,
        peaks=b"".join(tree.peaks),
    )


def _log_decisions(tree: Tree, condition: str, after: bytes, last: bytes | None) -> Tree:
    """The tree with the decisions after one, by their ids, which are logged."""
    select = f"SELECT decision_id, seal FROM decisions WHERE decision_id > :after {condition} ORDER BY decision_id"  # noqa: S608
    while rows := _execute(f"{select} LIMIT {LEAVES_A_RUN}", after=after, last=last).fetchall():
        tree = _logged(tree, "decision", [(bytes(subject), bytes(seal)) for subject, seal in rows])
        after = bytes(rows[-1][0])
    return tree


def _log_labels(tree: Tree) -> Tree:
    select = "SELECT label_id, decision_id FROM labels WHERE label_id > :after ORDER BY label_id"
    after = -1
    while rows := _execute(f"{select} LIMIT {LEAVES_A_RUN}", after=after).fetchall():
        tree = _logged(tree, "label", [(bytes(subject), UNSEALED) for _, subject in rows])
        after = rows[-1][0]
    return tree


def _logged(tree: Tree, kind: Kind, pairs: list[tuple[bytes, bytes]]) -> Tree:
    run = Run(tree.size, kind, *map(b"".join, zip(*pairs, strict=True)))
    insert = "INSERT INTO log (position, kind, subjects, seals) VALUES (:position, :kind, :subjects, :seals)"
    _execute(insert, **run._asdict())
    return tree.with_leaves(run.leaves())


def _execute(statement: str, **parameters: object) -> Any:
    bound = {name: value for name, value in parameters.items() if f":{name}" in statement}
    return op.get_bind().execute(sqlalchemy.text(statement), bound)


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
