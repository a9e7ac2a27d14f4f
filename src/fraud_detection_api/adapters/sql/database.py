"""What the stores need of a database: transactions, durable when they end, over connections that are opened as needed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import lru_cache
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any, Generic, Literal, Protocol, TypeVar

from fraud_detection_api.errors import StoreUnavailable

Row = tuple[Any, ...]
Parameters = Sequence[Any]


class Session:
    """Statements of one transaction on a connection. Parameters are marked `?`; `marked` gives them the driver's mark."""

    def __init__(self, connection: Any, marked: Callable[[str], Any] = str) -> None:
        self._connection, self._marked = connection, marked

    def rows(self, statement: str, parameters: Parameters = ()) -> list[Row]:
        """The rows that a query finds."""
        rows: list[Row] = self._connection.execute(self._marked(statement), parameters).fetchall()
        return rows

    def change(self, statement: str, parameters: Parameters = ()) -> int:
        """Execute a statement; returns how many rows it changed."""
        return int(self._connection.execute(self._marked(statement), parameters).rowcount)

    def insert(self, insertion: "Insertion", rows: Sequence[Row]) -> int:
        """Add the rows, whose values are in the columns' order; returns how many were new."""
        pieces = (rows[first : first + ROWS_A_STATEMENT] for first in range(0, len(rows), ROWS_A_STATEMENT))
        return sum(self.change(insertion.of_rows(len(some)), list(chain.from_iterable(some))) for some in pieces)

    def change_each(self, statement: str, parameters: Iterable[Parameters]) -> None:
        """Execute a statement once for each set of parameters."""
        with closing(self._connection.cursor()) as cursor:
            cursor.executemany(self._marked(statement), parameters)


Dialect = Literal["sqlite", "postgresql"]


class Database(Protocol):
    """A database of one of two dialects. Its failures are raised as StoreUnavailable."""

    dialect: Dialect
    name: str

    def writing(self) -> AbstractContextManager[Session]:
        """A transaction that writes; durable once the block has ended. SQLite runs one at a time."""

    def stating(self) -> AbstractContextManager[Session]:
        """A session for one statement, which is a transaction by itself."""

    def asking(self) -> AbstractContextManager[Session]:
        """A session for queries, each of which is a snapshot by itself."""

    def reading(self) -> AbstractContextManager[Session]:
        """A snapshot of the database: what others write meanwhile is not visible."""

    def upgrade(self, revision: str) -> None:
        """Run the migrations up to that revision, forward only."""

    def close(self) -> None:
        """Close the idle connections."""


_ALONE = {"sqlite": "SELECT 1", "postgresql": "SELECT pg_advisory_xact_lock(4242016)"}


def alone(session: Session, dialect: Dialect) -> None:
    """Let no other such transaction run until this one ends, as SQLite does anyway.

    For transactions that look up decisions, and then store or remove what belongs to them.
    """
    session.rows(_ALONE[dialect])


def no_store_in(database: Database) -> StoreUnavailable:
    """The error where a database has no store's tables."""
    where = Path(database.name).absolute() if database.dialect == "sqlite" else database.name
    return StoreUnavailable(
        f"no decision store at {where}; run this command in the server's folder, name the store (--store, FRAUD_STORE), "
        "or start `fraud serve`, which creates it"
    )


class Closable(Protocol):
    """A connection."""

    def close(self) -> None: ...


Connection = TypeVar("Connection", bound=Closable)


class Connections(Generic[Connection]):
    """Idle connections, to be used again. After a failure, the failed connection and all idle ones are closed."""

    def __init__(self) -> None:
        self._idle: list[Connection] = []
        self._hold = Lock()

    @contextmanager
    def lease(self, connection: Connection) -> Iterator[Connection]:
        """Use that connection, then make it idle."""
        try:
            yield connection
        except BaseException:
            connection.close()
            self.close()  # after a server's restart they are dead, too
            raise
        with self._hold:
            self._idle.append(connection)

    def idle(self) -> Connection | None:
        """An idle connection, if there is one."""
        with self._hold:
            return self._idle.pop() if self._idle else None

    def close(self) -> None:
        """Close the idle connections."""
        with self._hold:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


ROWS_A_STATEMENT = 100
"""Each statement releases the interpreter and waits to get it back, so rows go together."""


IDS_A_STATEMENT = 500


def parts(ids: Sequence[bytes]) -> Iterator[tuple[str, Sequence[bytes]]]:
    """Batches of ids with a mark for each; the last id is repeated to fill a batch, so that there are few statements."""
    for first in range(0, len(ids), IDS_A_STATEMENT):
        some = list(ids[first : first + IDS_A_STATEMENT])
        size = IDS_A_STATEMENT if len(some) > 1 else 1
        yield ", ".join("?" * size), some + some[-1:] * (size - len(some))


class Insertion:
    """Adds rows to a table; rows whose `key` exists stay as they are. `columns` are names with the types of their values.

    Without a key, no row that is unique in any way is added a second time.

    `of_rows` is the statement for a number of rows, and `of_columns` the one for all of them, with an array for each column,
    in PostgreSQL.
    """

    def __init__(self, table: str, columns: Mapping[str, type], *, key: Sequence[str]) -> None:
        marks, conflict = f"({', '.join('?' * len(columns))})", f"({', '.join(key)}) " if key else ""
        head, tail = f"INSERT INTO {table} ({', '.join(columns)})", f"ON CONFLICT {conflict}DO NOTHING"
        # one statement for each number of rows, which databases know again
        self.of_rows = lru_cache(ROWS_A_STATEMENT)(lambda rows: f"{head} VALUES {', '.join([marks] * rows)} {tail}")
        arrays = ", ".join(f"%b::{_ARRAYS[each]}" for each in columns.values())
        self.of_columns = f"{head} SELECT * FROM unnest({arrays}) {tail}"  # noqa: S608 names of columns


_ARRAYS = {str: "text[]", int: "bigint[]", float: "double precision[]", bytes: "bytea[]"}


class SharedRows:
    """A table of what many rows of others have in common: each combination of texts once, under the number `id_`."""

    def __init__(self, table: str, id_: str, columns: Sequence[str]) -> None:
        self._insertion = Insertion(table, dict.fromkeys(columns, str), key=columns)
        self._select = f"SELECT {id_}, {', '.join(columns)} FROM {table}"  # noqa: S608 names of columns

    def ids(self, session: Session) -> dict[Row, int]:
        """The number of each combination."""
        return {tuple(values): identifier for identifier, *values in session.rows(self._select)}

    def insert(self, session: Session, rows: Iterable[Row]) -> None:
        """Add those that are missing."""
        session.insert(self._insertion, sorted(rows))
