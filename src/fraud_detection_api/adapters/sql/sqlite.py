"""SQLite: the embedded database. One file, shared by the worker processes of one machine."""

import errno
import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from fraud_detection_api.adapters.sql.database import Connections, Parameters, Row, Session
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.telemetry import log_event

_OWNER_ONLY = 0o600

_PAGE_BYTES = 8192
"""A row above a quarter of a page takes another page to itself; with SQLite's 4,096 bytes, a row with reasons would."""
_CACHE_KIB = 32_768
"""At most, for a connection. With SQLite's 2,000, rows cost half as much again once their indexes are larger than that."""
_NOT_UTF_8 = "Could not decode to UTF-8"
_CACHED_STATEMENTS = 256  # the store has one for each number of rows up to a hundred


_RESCUE_WAIT_MS = 2_000
"""For other connections, before what is only in a log that is lost is written to the file."""

Identity = tuple[int, int] | None


class _Connection(sqlite3.Connection):
    """A connection that knows which files it has open: the database, and its write-ahead log."""

    file: Identity
    log: Identity
    has_lost_file = False

    def close(self) -> None:
        """Close it, unless its file is lost: the last to close would remove the log of the new file at the path."""
        if not self.has_lost_file:
            super().close()


class _Session(Session):
    """Reads texts that are not UTF-8, which only other hands write, with U+FFFD in place of what is wrong.

    So such a row is found, with a seal that is broken, and hides no others.
    """

    def rows(self, statement: str, parameters: Parameters = ()) -> list[Row]:
        try:
            return super().rows(statement, parameters)
        except sqlite3.OperationalError as error:
            if not str(error).startswith(_NOT_UTF_8):
                raise
        self._connection.text_factory = lambda text: text.decode(errors="replace")  # four times slower than str
        try:
            return super().rows(statement, parameters)
        finally:
            self._connection.text_factory = str


class SqliteDatabase:
    """A file at `path`; a writer waits at most `timeout_seconds` for another writer.

    With the synchronous mode "NORMAL" a transaction is atomic and survives a crash of the process, but a power failure may
    lose the last transactions. Writers that do not need durability block the others for less time with it.
    """

    dialect: Literal["sqlite", "postgresql"] = "sqlite"

    def __init__(self, path: Path, *, timeout_seconds: float, synchronous: Literal["FULL", "NORMAL"] = "FULL") -> None:
        self.name = str(path)
        self.path, self._timeout_seconds, self._synchronous = path, timeout_seconds, synchronous
        self._log = path.with_name(f"{path.name}-wal")
        self._connections = Connections[_Connection]()
        self._lost: list[_Connection] = []

    @contextmanager
    def writing(self) -> Iterator[Session]:
        with self._transaction("BEGIN IMMEDIATE") as session:
            yield session

    @contextmanager
    def stating(self) -> Iterator[Session]:
        with self.failures(), self._leased() as connection:
            yield _Session(connection)

    @contextmanager
    def asking(self) -> Iterator[Session]:
        # one check, afterwards: what was read of a lost file is dropped
        with self.failures(), self._checked_afterwards() as connection:
            yield _Session(connection)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with self._transaction("BEGIN") as session:
            yield session

    def upgrade(self, revision: str) -> None:
        from fraud_detection_api.adapters.sql.migrating import upgrade  # noqa: PLC0415 it takes a while to import

        with self.failures():
            upgrade("sqlite", self._open, revision)

    def close(self) -> None:
        self._connections.close()

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """A connection, in no transaction."""
        with self.failures(), self._leased() as connection:
            yield connection

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Raise errors of SQLite and the file system as StoreUnavailable, except those that one bad row causes."""
        try:
            yield
        except sqlite3.Error as error:
            if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError) and not _lacks_reference(error):
                raise
            raise StoreUnavailable(f"the decision store {self.path}: {_reason(error)}") from error
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise StoreUnavailable(f"the decision store {self.path} cannot be opened: {reason}") from error

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Session]:
        with self.connected() as connection:
            connection.execute(begin)
            try:
                yield _Session(connection)
            except BaseException:
                with suppress(sqlite3.Error):  # after a full disk SQLite has rolled back already
                    connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _leased(self) -> Iterator[_Connection]:
        with self._checked_afterwards() as connection:
            self._require_files(connection)
            yield connection

    @contextmanager
    def _checked_afterwards(self) -> Iterator[_Connection]:
        with self._connections.lease(self._connections.idle() or self._opened()) as connection:
            yield connection
            # SQLite continues to write to deleted files; so check before anything is reported as stored
            self._require_files(connection)

    def _require_files(self, connection: _Connection) -> None:
        """Raise StoreUnavailable if the connection's files are not those at the path, and save what only they hold."""
        file, log = _identity(self.path), _identity(self._log)
        if connection.file != file:
            self._leave_file(connection, has_log=connection.log == log)
            what = "was moved or deleted" if file is None else "was replaced"
            raise StoreUnavailable(f"the decision store {self.path} {what}; a new file does not have what it held")
        if connection.log != log:
            # others have written to a log that is not empty: do not mix its pages with this one's
            is_saved = (log is None or not self._log.stat().st_size) and _checkpointed(connection)
            log_event("store_log_lost", level=logging.ERROR, is_saved=is_saved)
            raise StoreUnavailable(
                f"the decision store {self.path}: its write-ahead log (-wal) was removed or replaced"
            )

    def _leave_file(self, connection: _Connection, *, has_log: bool) -> None:
        """Write the log to the file that it belongs to, wherever that is now, and leave none of it to a new file."""
        is_saved = _checkpointed(connection)
        connection.has_lost_file = True
        self._lost.append(connection)
        if has_log and is_saved:
            for suffix in ("-wal", "-shm"):
                self.path.with_name(f"{self.path.name}{suffix}").unlink(missing_ok=True)
        log_event("store_file_lost", level=logging.ERROR, is_saved=is_saved)

    def _opened(self) -> _Connection:
        """A connection for statements. In a transaction of several, SQLite saves what each insertion changes until it ends.

        A file for that costs as much as the insertion. Migrations sort whole tables, so their connections have the file.
        """
        connection = self._open()
        connection.execute("PRAGMA temp_store = MEMORY")
        return connection

    def _open(self) -> _Connection:
        # records are private; SQLite gives its other files the same mode. Do not open a file that exists: closing it would
        # drop the locks that this process holds on it, and another process would remove the write-ahead log
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, _OWNER_ONLY))
        if not os.access(self.path, os.W_OK):  # SQLite would create its other files read-only, and they would stay so
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        connection = sqlite3.connect(
            self.path,
            timeout=self._timeout_seconds,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_CACHED_STATEMENTS,
            factory=_Connection,
        )
        try:
            connection.file = _identity(self.path)
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # takes effect if this creates the file
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA schema_version")  # the first read opens the log
            connection.log = _identity(self._log)
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute("PRAGMA secure_delete = ON")  # pages that split keep no copies of rows that moved
        except (sqlite3.Error, OSError):
            connection.close()
            raise
        return connection


def _identity(path: Path) -> Identity:
    """Which file is at the path; None if there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 twice as fast as Path.stat, in each transaction
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _checkpointed(connection: sqlite3.Connection) -> bool:
    """Whether all that the connection's log holds is in the database file that it has open."""
    try:
        connection.execute(f"PRAGMA busy_timeout = {_RESCUE_WAIT_MS}")
        return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error:
        return False


def _lacks_reference(error: sqlite3.Error) -> bool:
    """Whether a row that others refer to is missing, which is not the fault of the row being stored."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY


def _reason(error: sqlite3.Error) -> str:
    texts = {
        sqlite3.SQLITE_BUSY: "another process holds it; nothing was stored",
        sqlite3.SQLITE_FULL: "the disk is full; nothing was stored",
        sqlite3.SQLITE_IOERR: "the disk cannot be read or written; is it full?",
        sqlite3.SQLITE_READONLY: "the file or its folder is read-only; the server must be able to write both",
        sqlite3.SQLITE_CANTOPEN: "cannot be opened; does its folder exist, and may the server write there?",
        sqlite3.SQLITE_CORRUPT: "the file is damaged; restore a backup (docs/how-to/decision-store.md)",
        sqlite3.SQLITE_NOTADB: "the file is not a SQLite database, or it is damaged",
    }
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_IOERR_SHORT_READ:
        return "its write-ahead log (-wal) was removed or cut off; a running server saves what it held, so try again"
    if _lacks_reference(error):
        return "rows that others refer to are missing"
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_ERROR and str(error).startswith("no such table"):
        return "lacks tables that it had"
    known = None if code is None else texts.get(code & 0xFF)  # the rest is the extended code
    return known or f"{type(error).__name__}: {getattr(error, 'sqlite_errorname', 'unknown')}"
