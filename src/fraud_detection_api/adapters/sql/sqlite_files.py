"""StoreFiles of a SQLite database: size and health, backups, and the removal of deleted rows from the files."""

import fcntl
import mmap
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

from fraud_detection_api.adapters.sql.decisions import REVISIONS
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.errors import BackupFailed, StoreUnavailable
from fraud_detection_api.services.storage.decision_store import FileSize
from fraud_detection_api.tables.whole_files import require_file, sync

_COMPANIONS = ("-wal", "-shm")
_LOCK_AT, _LOCK_BYTES = 0x40000000, 512
"""Where SQLite locks the file: every process that has it open in WAL mode holds a lock. Source: sqlite.org, os_unix.c."""

_OWNER_ONLY = 0o600


class SqliteFiles:
    """Files of `database`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database, self._path = database, database.path

    def exists(self) -> bool:
        return self._path.exists()

    def size(self) -> FileSize:
        with self._database.connected() as connection:
            page, free = (_number(connection, f"PRAGMA {name}") for name in ("page_size", "freelist_count"))
        files = [self._path, *self._companions()]
        return FileSize(sum(file.stat().st_size for file in files if file.exists()), page * free)

    def scrub(self) -> None:
        with self._database.connected() as connection:
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise StoreUnavailable(
                f"the decision store {self._path}: other processes were busy with it; run this command again"
            )

    def traces(self, text: str) -> int:
        self._database.close()  # closing a file drops the locks that this process holds on it
        with self._database.failures(), self._path.open("rb") as file:
            if not os.fstat(file.fileno()).st_size:
                return 0
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # Ctrl-C in the search keeps it from closing
            return sum(1 for _ in re.finditer(_whole_word(text), content))

    def compact(self) -> None:
        with self._database.connected() as connection:
            connection.execute("PRAGMA temp_store = FILE")  # the copy is as large as the store
            connection.execute("VACUUM")
        self.scrub()

    def problems(self) -> list[str]:
        with self._database.connected() as connection:
            return _problems(connection)

    def backup(self, target: Path) -> None:
        if any(_is_same(target, path) for path in (self._path, *self._companions())):
            raise BackupFailed(f"{target} is the store itself; name another file")
        # in this order, so that a full disk of the copy is not reported as the store's
        with self._database.connected() as connection, _written_whole(target) as waiting:
            _copy(connection, waiting)
            _require_backup(waiting, target)

    def restore(self, source: Path, *, replace: bool) -> None:
        if not source.is_file():
            raise BackupFailed(f"{source}: no such file")
        with self._unused(replace=replace), _written_whole(self._path) as waiting:
            with _reading(source) as connection:
                _copy(connection, waiting)
            _require_backup(waiting, source)
            for companion in self._companions():  # the old file's log is no part of the new file
                companion.unlink(missing_ok=True)

    def _companions(self) -> list[Path]:
        return [self._path.with_name(self._path.name + suffix) for suffix in _COMPANIONS]

    @contextmanager
    def _unused(self, *, replace: bool) -> Iterator[None]:
        """Within the block, no other process has the database open, and one that opens it waits."""
        if not self._path.exists():
            yield
            return
        if not replace:
            raise BackupFailed(f"the store {self._path} exists; --force replaces it")
        self._database.close()
        with self._path.open("r+b") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCK_BYTES, _LOCK_AT)
            except OSError:
                raise BackupFailed(f"a process has the store {self._path} open; stop the servers first") from None
            yield


@contextmanager
def _written_whole(target: Path) -> Iterator[Path]:
    """A hidden file beside `target`, private to its owner, that replaces it at the end; removed after any failure."""
    waiting = target.parent / f".{target.name[:40]}.{uuid4().hex}"
    try:
        require_file(target)
        os.close(os.open(waiting, os.O_RDWR | os.O_CREAT | os.O_EXCL, _OWNER_ONLY))
        yield waiting
        sync(waiting)
        waiting.replace(target)
        sync(target.parent)
    except sqlite3.Error as error:
        raise BackupFailed(f"{target} cannot be written: {getattr(error, 'sqlite_errorname', error)}") from error
    except OSError as error:
        raise BackupFailed(f"{target} cannot be written: {error.strerror or type(error).__name__}") from error
    finally:
        with suppress(OSError):  # if nothing can be written, there is nothing to remove
            waiting.unlink(missing_ok=True)


def _is_same(target: Path, path: Path) -> bool:
    """Whether both are one file, or would be: SQLite removes and makes the files of its log as it needs them."""
    return target.resolve() == path.resolve() or (target.exists() and path.exists() and target.samefile(path))


def _copy(source: sqlite3.Connection, target: Path) -> None:
    """Copy one moment by SQLite's online backup, in one step; the source can be written to meanwhile."""
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # all in one file


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A read-only connection. Raises BackupFailed for a file that is not a database."""
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None)
    with closing(connection):
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema")
        except sqlite3.Error as error:
            raise BackupFailed(f"{path} is not an intact SQLite database; use another backup") from error
        yield connection


def _require_backup(copy: Path, source: Path) -> None:
    """Raise BackupFailed unless it is an intact store that this version can work with; `source` names it."""
    with _reading(copy) as connection:
        if problems := _problems(connection):
            raise BackupFailed(f"{source} is damaged: {problems[0]}")
        if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'").fetchone():
            raise BackupFailed(f"{source} is not a decision store")
        revisions = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    if any(revision not in REVISIONS for (revision,) in revisions):
        raise BackupFailed(f"{source} was made by a newer version of fraud-detection-api; run that version")


def _problems(connection: sqlite3.Connection) -> list[str]:
    try:
        found = [line for (text,) in connection.execute("PRAGMA integrity_check") for line in text.splitlines()]
        # queries do not find such rows, as they join them with the missing ones
        missing = Counter((table, parent) for table, _, parent, _ in connection.execute("PRAGMA foreign_key_check"))
    except sqlite3.DatabaseError as error:
        return [f"the file cannot be read: {getattr(error, 'sqlite_errorname', 'unknown')}"]
    orphans = [
        f"{count} rows of {table} refer to rows of {parent} that are missing"
        for (table, parent), count in missing.items()
    ]
    return [*([] if found == ["ok"] else found), *orphans]


def _whole_word(text: str) -> bytes:
    """A pattern for the text where it is not part of a longer word or number."""
    return rb"(?<![0-9A-Za-z_])" + re.escape(text.encode()) + rb"(?![0-9A-Za-z_])"


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(pragma).fetchone()[0])
