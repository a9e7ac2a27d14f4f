"""PostgreSQL, for more than one machine. Needs the extra `postgres`."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from fraud_detection_api.adapters.sql.database import Connections, Insertion, Row, Session
from fraud_detection_api.errors import BackupFailed, CommitInDoubt, MissingExtra, StoreUnavailable
from fraud_detection_api.services.storage.decision_store import FileSize

if TYPE_CHECKING:
    import psycopg

ANSWER_SECONDS = 0.1
"""The server's own timeouts say more than those of this side, so they come first."""

_ISOLATED = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class _Session(Session):
    """Inserts all rows in one statement, with an array for each column: values take ten times as long to send."""

    def insert(self, insertion: Insertion, rows: Sequence[Row]) -> int:
        if not rows:
            return 0
        return int(self._connection.execute(insertion.of_columns, list(map(list, zip(*rows, strict=True)))).rowcount)


class PostgresDatabase:
    """The database at `url`; a transaction may take `timeout_seconds`, whether the server answers or not.

    Raises MissingExtra. The server's timeouts do not help if it hangs, nor do TCP's while its kernel acknowledges.
    """

    dialect: Literal["sqlite", "postgresql"] = "postgresql"
    name = "the PostgreSQL address of FRAUD_STORE"  # the address holds a password

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        try:
            import psycopg  # noqa: PLC0415 an extra
        except ImportError as error:
            raise MissingExtra("postgres", "a decision store in PostgreSQL") from error
        self._psycopg, self._url, self._timeout_seconds = psycopg, url, timeout_seconds
        self._kind = _timed_connection()
        self._connections = Connections["TimedConnection"]()

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with self.failures(writing=True), self._leased() as connection, connection.transaction():
            yield _Session(connection, _marked)

    @contextmanager
    def stating(self) -> Iterator[Session]:
        with self.failures(writing=True), self._leased() as connection:
            yield _Session(connection, _marked)

    @contextmanager
    def asking(self) -> Iterator[Session]:
        with self.failures(), self._leased() as connection:
            yield _Session(connection, _marked)

    @contextmanager
    def maintaining(self) -> Iterator[Session]:
        """A session for statements that take as long as the tables are large."""
        with self.failures(), closing(self._open_for_long()) as connection:
            yield _Session(connection, _marked)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with self.failures(), self._leased() as connection, connection.transaction():
            connection.execute(_ISOLATED)
            yield _Session(connection, _marked)

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
                connection.hurry(self._timeout_seconds)
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
                    connection.hurry(self._timeout_seconds)
                    connection.execute("SELECT pg_advisory_unlock_all()")

    def close(self) -> None:
        self._connections.close()

    def _leased(self) -> AbstractContextManager["TimedConnection"]:
        if (connection := self._connections.idle()) is None:
            connection = self._open()  # which has begun to hurry
        else:
            connection.hurry(self._timeout_seconds)
        return self._connections.lease(connection)

    @contextmanager
    def failures(self, *, writing: bool = False) -> Iterator[None]:
        """Raise PostgreSQL's errors as StoreUnavailable, except those that one bad row causes.

        A connection that is lost while `writing` leaves open whether the transaction was committed: CommitInDoubt.
        """
        try:
            yield
        except self._psycopg.Error as error:
            of_a_row = isinstance(error, self._psycopg.IntegrityError | self._psycopg.DataError)
            if of_a_row and error.sqlstate not in _FAILURES:
                raise
            # the server's own text could quote a row
            reason = f"{_STORE} {_failure(error)}"
            raise (CommitInDoubt(reason) if writing and error.sqlstate is None else StoreUnavailable(reason)) from error

    def _open(self) -> "TimedConnection":
        milliseconds, began = int(self._timeout_seconds * 1000), time.monotonic()
        try:
            connection: TimedConnection = self._kind.connect(
                self._url,
                autocommit=True,  # transactions begin explicitly
                connect_timeout=max(2, int(self._timeout_seconds)),  # libpq's minimum
                application_name="fraud-detection-api",
                tcp_user_timeout=milliseconds,
                keepalives_idle=max(1, int(self._timeout_seconds)),  # seconds, for a connection that waits for nothing
                keepalives_interval=1,
                keepalives_count=3,
            )
            connection.hurry(self._timeout_seconds + began - time.monotonic())
            # not as `options`, which would replace those of the URL
            connection.execute(f"SET statement_timeout = {milliseconds}; SET lock_timeout = {milliseconds}")
        # libpq's text quotes the URL, and an @ in a password makes the rest of it look like the host
        except self._psycopg.ProgrammingError:
            raise StoreUnavailable(f"{_STORE} cannot be reached; its address is not valid ({_ESCAPED})") from None
        except self._psycopg.OperationalError as error:
            raise StoreUnavailable(f"{_STORE} {_refusal(str(error))}") from None
        return connection

    def _open_for_long(self) -> "TimedConnection":
        """A connection for migrations, which may rewrite a large table."""
        connection = self._open()
        connection.hurry(math.inf)
        connection.execute("SET statement_timeout = 0")
        return connection


class TimedConnection(Protocol):
    """A psycopg connection with a time until which everything must be done; after that it is closed."""

    def hurry(self, seconds: float) -> None:
        """Have that many seconds from now."""

    def execute(self, query: str, params: Sequence[Any] = ()) -> Any: ...

    def transaction(self) -> AbstractContextManager[Any]: ...

    def close(self) -> None: ...


@lru_cache(maxsize=1)
def _timed_connection() -> Any:
    """The class, made once psycopg is imported."""
    import psycopg  # noqa: PLC0415 an extra

    class Timed(psycopg.Connection[Row]):
        _ends = math.inf

        def hurry(self, seconds: float) -> None:
            self._ends = time.monotonic() + seconds + ANSWER_SECONDS

        def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
            """As psycopg waits for everything, but until the end only."""
            if timeout is None and self._ends < math.inf:
                timeout = max(0.0, self._ends - time.monotonic())
            try:
                return super().wait(gen, interval, timeout)
            except psycopg.OperationalError as error:
                if _TIMED_OUT in str(error):  # psycopg has no public class for it
                    self.close()  # the server may still execute the statement, so nothing more can be sent
                raise

    return Timed


@lru_cache(maxsize=256)
def _marked(statement: str) -> Any:
    return statement.replace("?", "%s")


def _failure(error: "psycopg.Error") -> str:
    if error.sqlstate is None and _TIMED_OUT in str(error):
        return _SLOW
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
_TIMED_OUT, _SLOW = "wait timeout expired", "did not answer within FRAUD_STORE_TIMEOUT_SECONDS"
_FAILURES = {
    _CONNECTION_LOST: "ended the connection",
    "57P01": "ended the connection",
    "57014": _SLOW,
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
        with self._database.maintaining() as session:
            session.change(f"{verb} decisions, labels, events, idempotency_keys, shadow_decisions, drift_slots")
