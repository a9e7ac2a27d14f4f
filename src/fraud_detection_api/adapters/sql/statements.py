"""Statements that several tables share: rows added many at a time, and rows that are stored once and referred to."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain

from fraud_detection_api.adapters.sql.database import Row, Session

ROWS_A_STATEMENT = 100
"""Each statement releases the interpreter and waits to get it back, so rows go together."""


class Insertion:
    """Adds rows to a table, and leaves those alone whose `key` is there."""

    def __init__(self, table: str, columns: Sequence[str], *, key: Sequence[str]) -> None:
        marks = f"({', '.join('?' * len(columns))})"
        head, tail = f"INSERT INTO {table} ({', '.join(columns)}) VALUES", f"ON CONFLICT ({', '.join(key)}) DO NOTHING"
        # one statement for each number of rows, which databases know again
        self._statement = lru_cache(ROWS_A_STATEMENT)(lambda rows: f"{head} {', '.join([marks] * rows)} {tail}")

    def insert(self, session: Session, rows: Sequence[Row]) -> None:
        """Add the rows, whose values are in the columns' order."""
        for first in range(0, len(rows), ROWS_A_STATEMENT):
            some = rows[first : first + ROWS_A_STATEMENT]
            session.change(self._statement(len(some)), list(chain.from_iterable(some)))


class SharedRows:
    """A table of what many rows of others have in common: each combination of `columns` once, under the number `id_`."""

    def __init__(self, table: str, id_: str, columns: Sequence[str]) -> None:
        self._insertion = Insertion(table, columns, key=columns)
        self._select = f"SELECT {id_}, {', '.join(columns)} FROM {table}"  # noqa: S608 names of columns

    def ids(self, session: Session) -> dict[Row, int]:
        """The number of each combination."""
        return {tuple(values): identifier for identifier, *values in session.rows(self._select)}

    def insert(self, session: Session, rows: Iterable[Row]) -> None:
        """Add those that are missing."""
        self._insertion.insert(session, sorted(rows))
