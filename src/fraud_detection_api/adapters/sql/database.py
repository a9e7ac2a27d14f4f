"""What the stores need of a database: transactions, durable when they end, over connections that are opened as needed."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import Any, Generic, Literal, Protocol, TypeVar

Row = tuple[Any, ...]
Parameters = Sequence[Any]


class Session(Protocol):
    """Statements of one transaction. Parameters are marked `?`."""

    def rows(self, statement: str, parameters: Parameters = ()) -> list[Row]:
        """The rows that a query finds."""

    def change(self, statement: str, parameters: Parameters = ()) -> int:
        """Execute a statement; returns how many rows it changed."""

    def change_each(self, statement: str, parameters: Iterable[Parameters]) -> None:
        """Execute a statement once for each set of parameters."""


class Database(Protocol):
    """A database of one of two dialects. Its failures are raised as StoreUnavailable."""

    dialect: Literal["sqlite", "postgresql"]

    def writing(self) -> AbstractContextManager[Session]:
        """A transaction that writes; durable once the block has ended. SQLite runs one at a time."""

    def stating(self) -> AbstractContextManager[Session]:
        """A session for one statement, which is a transaction by itself."""

    def reading(self) -> AbstractContextManager[Session]:
        """A snapshot of the database: what others write meanwhile is not visible."""

    def upgrade(self, revision: str) -> None:
        """Run the migrations up to that revision, forward only."""

    def close(self) -> None:
        """Close the idle connections."""


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
