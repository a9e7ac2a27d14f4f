"""PostgreSQL, for more than one machine. Needs the extra `postgres`."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fraud_detection_api.adapters.sql.database import Connections, Row, Session
from fraud_detection_api.errors import BackupFailed, MissingExtra, StoreUnavailable
from fraud_detection_api.services.storage.decision_store import FileSize

if TYPE_CHECKING:
    import psycopg

_ISOLATED = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class PostgresDatabase:
    """The database at `url`; each wait for it takes at most `timeout_seconds`. Raises MissingExtra."""

    dialect: Literal["sqlite", "postgresql"] = "postgresql"
    name = "the PostgreSQL address of FRAUD_STORE"  # the address holds a password

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        try:
            import psycopg  # noqa: PLC0415 an extra
        except ImportError as error:
            raise MissingExtra("postgres", "a decision store in PostgreSQL") from error
        self._psycopg, self._url, self._timeout_seconds = psycopg, url, timeout_seconds
        self._connections = Connections["psycopg.Connection[Row]"]()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with self.failures(), self._leased() as connection, connection.transaction():
            yield Session(connection, _marked)

    @contextmanager
    def stating(self) -> Iterator[Session]:
        with self.failures(), self._leased() as connection:
            yield Session(connection, _marked)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with self.failures(), self._leased() as connection, connection.transaction():
            connection.execute(_ISOLATED)
            yield Session(connection, _marked)

    def upgrade(self, revision: str) -> None:
        from fraud_detection_api.adapters.sql.migrating import upgrade  # noqa: PLC0415 it takes a while to import

        with self.failures():
            upgrade("postgresql+psycopg", self._open_for_long, revision)

    @contextmanager
    def locked(self, number: int) -> Iterator[Callable[[], None] | None]:
        """Hold an advisory lock on a connection of its own while the block runs; gives None if another one holds it.

        What it gives raises StoreUnavailable if the connection, and with it the lock, is lost.
        """

        def require() -> None:
            with self.failures():
                connection.execute("SELECT 1")

        with self.failures():
            connection = self._open()
        with closing(connection):
            with self.failures():
                [(taken,)] = connection.execute("SELECT pg_try_advisory_lock(%s)", (number,)).fetchall()
            try:
                yield require if taken else None
            finally:  # the server notices a closed connection late, and others would still find the lock taken
                with suppress(self._psycopg.Error):
                    connection.execute("SELECT pg_advisory_unlock_all()")

    def close(self) -> None:
        self._connections.close()

    def _leased(self) -> AbstractContextManager["psycopg.Connection[Row]"]:
        return self._connections.lease(self._connections.idle() or self._open())

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Raise PostgreSQL's errors as StoreUnavailable, except those that one bad row causes."""
        try:
            yield
        except self._psycopg.Error as error:
            of_a_row = isinstance(error, self._psycopg.IntegrityError | self._psycopg.DataError)
            if of_a_row and error.sqlstate not in _FAILURES:
                raise
            # the server's own text could quote a row
            raise StoreUnavailable(f"{_STORE} {_failure(error)}") from error

    def _open(self) -> "psycopg.Connection[Row]":
        milliseconds = int(self._timeout_seconds * 1000)
        try:
            connection: psycopg.Connection[Row] = self._psycopg.connect(
                self._url,
                autocommit=True,  # transactions begin explicitly
                connect_timeout=max(2, int(self._timeout_seconds)),  # libpq's minimum
                application_name="fraud-detection-api",
                tcp_user_timeout=milliseconds,
            )
            # not as `options`, which would replace those of the URL
            connection.execute(f"SET statement_timeout = {milliseconds}; SET lock_timeout = {milliseconds}")
        # libpq's text quotes the URL, and an @ in a password makes the rest of it look like the host
        except self._psycopg.ProgrammingError:
            raise StoreUnavailable(f"{_STORE} cannot be reached; its address is not valid ({_ESCAPED})") from None
        except self._psycopg.OperationalError as error:
            raise StoreUnavailable(f"{_STORE} {_refusal(str(error))}") from None
        return connection

    def _open_for_long(self) -> "psycopg.Connection[Row]":
        """A connection for migrations, which may rewrite a large table."""
        connection = self._open()
        connection.execute("SET statement_timeout = 0")
        return connection


@lru_cache(maxsize=256)
def _marked(statement: str) -> Any:
    return statement.replace("?", "%s")


def _failure(error: "psycopg.Error") -> str:
    known = _FAILURES.get(error.sqlstate or _CONNECTION_LOST)
    return known or f"failed: {type(error).__name__} (SQLSTATE {error.sqlstate})"


def _refusal(text: str) -> str:
    """Why connecting failed, from libpq's text, as it gives no code."""
    return next((reason for phrase, reason in _REFUSALS.items() if phrase in text), _UNREACHABLE)


_STORE = "the decision store (PostgreSQL)"
_ESCAPED = "in FRAUD_STORE, special characters of a password are written %XX"
_UNREACHABLE = "cannot be reached; is it running at the host and port of FRAUD_STORE?"
_REFUSALS = {
    "password authentication failed": "rejects the user or the password of FRAUD_STORE",
    "no pg_hba.conf entry": "rejects this host, user or database; its pg_hba.conf has no entry for them",
    "does not exist": "has no such database or user; create what FRAUD_STORE names",
    "failed to resolve": f"cannot be reached; the host of FRAUD_STORE is unknown ({_ESCAPED})",
    "too many": "accepts no more connections; raise its max_connections",
    "starting up": "is starting or stopping",
    "shutting down": "is starting or stopping",
}
_CONNECTION_LOST = "08006"
_FAILURES = {
    _CONNECTION_LOST: "ended the connection",
    "57P01": "ended the connection",
    "57014": "did not answer within FRAUD_STORE_TIMEOUT_SECONDS",
    "55P03": "is locked by another session",
    "53100": "has a full disk",
    "25006": "is read-only; FRAUD_STORE must name the primary server",
    "42501": "does not allow the user of FRAUD_STORE to do this; grant the privilege",
    "23503": "lacks rows that others refer to",
    "42P01": "lacks tables that it had",
}


_SIZE = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"""


class PostgresFiles:
    """Files of `database`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    def exists(self) -> bool:
        return True

    def size(self) -> FileSize:
        with self._database.reading() as session:
            return FileSize(int(session.rows(_SIZE)[0][0]), 0)

    def scrub(self) -> None:
        self._vacuum("VACUUM")

    def traces(self, text: str) -> int:  # noqa: ARG002 the server's files cannot be read
        return 0

    def compact(self) -> None:
        self._vacuum("VACUUM FULL")

    def problems(self) -> list[str]:
        return []

    def backup(self, target: Path) -> None:
        raise BackupFailed(f"PostgreSQL makes its own backups: pg_dump --format=custom --file={target} DATABASE")

    def restore(self, source: Path, *, replace: bool) -> None:  # noqa: ARG002 the port has it
        raise BackupFailed(f"PostgreSQL restores its own backups: pg_restore --clean --dbname=DATABASE {source}")

    def _vacuum(self, verb: str) -> None:
        with self._database.stating() as session:
            session.change("SET statement_timeout = 0")  # it takes as long as the tables are large
            session.change(f"{verb} decisions, labels, idempotency_keys, shadow_decisions, drift_slots")
            session.change("RESET statement_timeout")
