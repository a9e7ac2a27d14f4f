"""Accounts of the console, their sessions, attempts to sign in, and the trail of what people did."""

from alembic import op

revision, down_revision = "0009", "0008"

_TYPES = {
    "sqlite": {
        "bytes": "BLOB",
        "integer": "INTEGER",
        "small": "INTEGER",
        "key": "INTEGER PRIMARY KEY",
        "plain": "STRICT",
        "clustered": "STRICT, WITHOUT ROWID",
    },
    "postgresql": {
        "bytes": "BYTEA",
        "integer": "BIGINT",
        "small": "SMALLINT",
        "key": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "plain": "",
        "clustered": "",
    },
}


def upgrade() -> None:
    """Create the tables."""
    types = _TYPES[op.get_bind().dialect.name]
    for statement in _STATEMENTS:
        op.execute(statement.format(**types))


_STATEMENTS = [
    # the software checks roles, so that their list can grow
    """CREATE TABLE accounts (
        name TEXT NOT NULL PRIMARY KEY,
        role TEXT NOT NULL,
        is_lead {small} NOT NULL CHECK (is_lead IN (0, 1)),
        created_at {integer} NOT NULL,
        password_hash TEXT NOT NULL
    ) {clustered}""",
    # the token itself is in the browser alone
    """CREATE TABLE console_sessions (
        token_digest {bytes} NOT NULL PRIMARY KEY,
        account TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
        opened_at {integer} NOT NULL,
        seen_at {integer} NOT NULL
    ) {clustered}""",
    """CREATE TABLE sign_in_attempts (
        subject {bytes} NOT NULL PRIMARY KEY,
        began_at {integer} NOT NULL,
        attempts {integer} NOT NULL
    ) {clustered}""",
    # lines stay when an account goes
    """CREATE TABLE console_audit (
        audit_id {key},
        at {integer} NOT NULL,
        who TEXT NOT NULL,
        what TEXT NOT NULL,
        about TEXT NOT NULL
    ) {plain}""",
]
