"""PostgreSQL, for more than one machine. Needs the extra `postgres`."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from fraud_detection_api.adapters.sql.database import Connections, Parameters, Row
from fraud_detection_api.errors import MissingExtra, StoreUnavailable

if TYPE_CHECKING:
    import psycopg

_ISOLATED = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class PostgresSession:
    """Statements on one connection."""

    def __init__(self, connection: "psycopg.Connection[Row]") -> None:
        self._connection = connection

    def rows(self, statement: str, parameters: Parameters = ()) -> list[Row]:
        return self._connection.execute(_marked(statement), parameters).fetchall()

    def change(self, statement: str, parameters: Parameters = ()) -> int:
        return self._connection.execute(_marked(statement), parameters).rowcount

    def change_each(self, statement: str, parameters: Iterable[Parameters]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(_marked(statement), parameters)


class PostgresDatabase:
    """The database at `url`; connecting, waiting for locks and each statement take at most `timeout_seconds`.

    Raises MissingExtra.
    """

    dialect: Literal["sqlite", "postgresql"] = "postgresql"

    def __init__(self, url: str, *, timeout_seconds: float) -> None:
        try:
            import psycopg  # noqa: PLC0415 an extra
        except ImportError as error:
            raise MissingExtra("postgres", "a decision store in PostgreSQL") from error
        self._psycopg, self._url, self._timeout_seconds = psycopg, url, timeout_seconds
        self._connections = Connections["psycopg.Connection[Row]"]()

    @contextmanager
    def writing(self) -> Iterator[PostgresSession]:
        with self._failures(), self._leased() as connection, connection.transaction():
            yield PostgresSession(connection)

    @contextmanager
    def stating(self) -> Iterator[PostgresSession]:
        with self._failures(), self._leased() as connection:
            yield PostgresSession(connection)

    @contextmanager
    def reading(self) -> Iterator[PostgresSession]:
        with self._failures(), self._leased() as connection, connection.transaction():
            connection.execute(_ISOLATED)
            yield PostgresSession(connection)

    def upgrade(self, revision: str) -> None:
        from fraud_detection_api.adapters.sql.migrating import upgrade_postgres  # noqa: PLC0415 it takes a while to import

        with self._failures():
            upgrade_postgres(self._open, revision)

    def close(self) -> None:
        self._connections.close()

    def _leased(self) -> AbstractContextManager["psycopg.Connection[Row]"]:
        return self._connections.lease(self._connections.idle() or self._open())

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except self._psycopg.Error as error:
            # the server's own text could quote a row
            raise StoreUnavailable(f"the decision store (PostgreSQL): {_reason(error)}; nothing was kept") from error

    def _open(self) -> "psycopg.Connection[Row]":
        milliseconds = int(self._timeout_seconds * 1000)
        return self._psycopg.connect(
            self._url,
            autocommit=True,  # transactions are begun by name
            connect_timeout=max(2, int(self._timeout_seconds)),  # libpq's least
            application_name="fraud-detection-api",
            options=f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}",
            tcp_user_timeout=milliseconds,
        )


@lru_cache(maxsize=256)
def _marked(statement: str) -> Any:
    return statement.replace("?", "%s")


def _reason(error: Exception) -> str:
    sqlstate = getattr(error, "sqlstate", None)
    return f"{type(error).__name__}" + (f" (SQLSTATE {sqlstate})" if sqlstate else "")
