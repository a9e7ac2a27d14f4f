"""What the store asks of a database: transactions, durable when they end, over connections that are opened as needed."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import Any, Generic, Literal, Protocol, TypeVar

Row = tuple[Any, ...]
Parameters = Sequence[Any]


class Session(Protocol):
    """Statements of one transaction. Parameters are marked `?`."""

    def rows(self, statement: str, parameters: Parameters = ()) -> list[Row]:
        """What a query finds."""
        ...

    def change(self, statement: str, parameters: Parameters = ()) -> int:
        """Carry out one statement; returns how many rows it changed."""
        ...

    def change_each(self, statement: str, parameters: Iterable[Parameters]) -> None:
        """Carry out a statement once for each set of parameters."""
        ...


class Database(Protocol):
    """A database of one of two kinds. Whatever fails in it comes out as StoreUnavailable."""

    dialect: Literal["sqlite", "postgresql"]

    def writing(self) -> AbstractContextManager[Session]:
        """A transaction, alone among those that write where the database needs that; durable once the block has ended."""
        ...

    def stating(self) -> AbstractContextManager[Session]:
        """For one statement, which is a transaction by itself."""
        ...

    def reading(self) -> AbstractContextManager[Session]:
        """A moment of the database: what others write meanwhile is not seen."""
        ...

    def upgrade(self, revision: str) -> None:
        """Run the migrations up to that one, forward only."""
        ...

    def close(self) -> None:
        """Close the connections that nobody uses."""
        ...


class Closable(Protocol):
    """A connection."""

    def close(self) -> None: ...


Connection = TypeVar("Connection", bound=Closable)


class Connections(Generic[Connection]):
    """Idle connections, kept for the next one who needs one. One that failed is closed, and the idle ones with it."""

    def __init__(self) -> None:
        self._idle: list[Connection] = []
        self._hold = Lock()

    @contextmanager
    def lease(self, connection: Connection) -> Iterator[Connection]:
        """Use that connection, then keep it."""
        try:
            yield connection
        except BaseException:
            connection.close()
            self.close()  # after a server's restart they are as dead as this one
            raise
        with self._hold:
            self._idle.append(connection)

    def idle(self) -> Connection | None:
        """One that was used before, if there is one."""
        with self._hold:
            return self._idle.pop() if self._idle else None

    def close(self) -> None:
        """Close those that nobody uses."""
        with self._hold:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
