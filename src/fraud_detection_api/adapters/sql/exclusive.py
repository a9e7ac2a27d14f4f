"""ExclusiveLock on the database of the decisions."""

import fcntl
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fraud_detection_api.adapters.sql.postgres import PostgresDatabase
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.errors import StoreUnavailable

_OWNER_ONLY = 0o600
_FIRST_NUMBER = 4_242_017 << 32
"""The first number of PostgreSQL's advisory locks on names; no other lock of this software has a higher one."""


class SqliteExclusiveLock:
    """Locks on files beside the database's, which remain. Closing the database's own file would drop SQLite's locks."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._held: dict[str, int] = {}

    @contextmanager
    def held(self, name: str) -> Iterator[bool]:
        with self._database.failures():
            descriptor = os.open(self._file(name), os.O_RDWR | os.O_CREAT, _OWNER_ONLY)  # not inherited by processes
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            self._held[name] = descriptor
            try:
                yield True
            finally:
                del self._held[name]
        finally:
            os.close(descriptor)

    def require(self, name: str) -> None:
        descriptor = self._held.get(name)
        with self._database.failures():
            # if the file was removed or replaced, another process would lock the new one
            if descriptor is None or not os.path.samestat(os.fstat(descriptor), self._file(name).stat()):
                raise StoreUnavailable(f"the lock {self._file(name)} is lost")

    def _file(self, name: str) -> Path:
        path = self._database.path
        return path.with_name(f"{path.name}.{name}.lock")


class PostgresExclusiveLock:
    """Advisory locks of sessions: the server releases them when it notices that the connection has ended."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._held: dict[str, Callable[[], None]] = {}

    @contextmanager
    def held(self, name: str) -> Iterator[bool]:
        with self._database.locked(_FIRST_NUMBER + zlib.crc32(name.encode())) as require:
            if require is None:
                yield False
                return
            self._held[name] = require
            try:
                yield True
            finally:
                del self._held[name]

    def require(self, name: str) -> None:
        if name not in self._held:
            raise StoreUnavailable(f"the lock {name!r} is not held")
        self._held[name]()
