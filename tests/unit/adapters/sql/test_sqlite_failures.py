"""Failures of a SQLite store: one line names the reason, no stored decision is lost, and the store recovers."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from support.kept import numbers_of, request_of

MANY = request_of(*range(1000, 3000))

INTEGRITY = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchone())"

LIMITED = """
import resource, sys
from pathlib import Path
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.errors import StoreUnavailable
from support.kept import request_of
store = SqlDecisionStore(SqliteDatabase(Path(sys.argv[1]), timeout_seconds=5), idempotency_seconds=86_400)
store.migrate()
store.save([request_of(1)])
resource.setrlimit(resource.RLIMIT_FSIZE, (420_000, resource.RLIM_INFINITY))
try:
    store.save([request_of(*range(1000, 3000))])
except StoreUnavailable as error:
    print(error)
store.save([request_of(2)])
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.migrate()
store.check()
store.save([request_of(3)])
"""

AS_NOBODY = """
import os, sys
from pathlib import Path
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.errors import StoreUnavailable
path = Path(sys.argv[1])
store = SqlDecisionStore(SqliteDatabase(path, timeout_seconds=5), idempotency_seconds=86_400)
store.migrate()
store.close()
if os.geteuid() == 0:
    for each in (path, path.parent):
        os.chown(each, 65534, 65534)
    os.setgid(65534)
    os.setuid(65534)
for changed, mode in ((path, 0o444), (path, 0), (path.parent, 0o555), (path.parent, 0)):
    changed.chmod(mode)
    for attempt in (store.migrate, store.check):
        try:
            attempt()
        except StoreUnavailable as error:
            print(error)
    changed.chmod(0o700)
    store.migrate()
    store.check()
    print("works")
    store.close()
"""


READ = """
import sys
from pathlib import Path
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.errors import StoreUnavailable
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from support.kept import numbers_of
store = SqlDecisionStore(SqliteDatabase(Path(sys.argv[1]), timeout_seconds=5), idempotency_seconds=86_400)
try:
    print(numbers_of(store.following(DecisionFilter(), limit=10_000)))
except StoreUnavailable as error:
    print(error)
"""

SAYS_LOG_GONE = (
    "the decision store {}: its write-ahead log (-wal) was removed or cut off; "
    "a running server saves what it held, so try again"
)


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def store_at(path: Path, *, timeout_seconds: float = 0.2) -> SqlDecisionStore:
    return SqlDecisionStore(SqliteDatabase(path, timeout_seconds=timeout_seconds), idempotency_seconds=86_400)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "decisions.db"


@pytest.fixture
def store(path):
    """A store that holds decision 1."""
    store = store_at(path)
    store.migrate()
    store.save([request_of(1)])
    yield store
    store.close()


def held(store) -> list[int]:
    return numbers_of(store.following(DecisionFilter(), limit=10_000))


def refusal(attempt) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        attempt()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def run(program: str, *arguments: object) -> list[str]:
    """What the program prints, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_missing_folder_may_be_created_later(tmp_path):
    store = store_at(tmp_path / "missing" / "decisions.db")
    assert refusal(store.migrate).endswith("decisions.db cannot be opened: No such file or directory")
    (tmp_path / "missing").mkdir()
    store.migrate()
    store.check()
    store.close()


def test_a_folder_in_place_of_the_file_is_reported(tmp_path):
    assert "cannot be opened" in refusal(store_at(tmp_path).migrate)


def test_a_file_that_is_not_a_database_stays_unchanged(path):
    content = b"the accounts of last year" * 400
    path.write_bytes(content)
    store = store_at(path)
    for attempt in (store.migrate, store.check, lambda: store.save([request_of(1)])):
        assert "the file is not a SQLite database" in refusal(attempt)
    assert path.read_bytes() == content
    path.unlink()
    store.migrate()
    assert held(store) == []
    store.close()


def test_an_empty_file_becomes_a_store(path):
    path.touch()
    store = store_at(path)
    store.migrate()
    assert held(store) == []
    store.close()


def test_another_writer_is_waited_for_until_the_timeout(store, path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert refusal(lambda: store.save([request_of(2)])).endswith("another process holds it; nothing was stored")
    assert held(store) == [1], "it can still be read"
    other.execute("ROLLBACK")
    other.close()
    store.save([request_of(3)])
    assert held(store) == [1, 3]


def test_a_migration_that_another_writer_holds_up_is_refused_as_a_write_is(path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("BEGIN IMMEDIATE")
    new = store_at(path)
    assert "another process holds it" in refusal(new.migrate)
    other.close()
    new.migrate()
    new.close()


def test_a_file_damaged_in_the_middle_is_found_and_not_written_to(store, path):
    store.save([MANY])
    store.close()
    content = bytearray(path.read_bytes())
    for page in range(3, len(content) // 4096):
        content[page * 4096 : page * 4096 + 200] = b"\xde" * 200
    path.write_bytes(content)
    for attempt in (store.check, lambda: store.save([request_of(5)]), lambda: held(store)):
        assert "the file is damaged; restore a backup" in refusal(attempt)


def test_a_truncated_file_is_damaged(store, path):
    store.save([MANY])
    store.close()
    os.truncate(path, 40_960)
    assert "the file is damaged; restore a backup" in refusal(store.migrate)


def test_a_write_to_a_deleted_file_fails(store, path):
    path.unlink()
    assert "was moved or deleted" in refusal(lambda: store.save([request_of(2)]))
    store.migrate()
    store.save([request_of(3)])
    assert held(store) == [3]
    assert run(
        "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchone()[0])", path
    ) == ["ok"]


def test_a_write_to_a_replaced_file_fails(store, path, tmp_path):
    backup = store_at(tmp_path / "backup.db")
    backup.migrate()
    backup.save([request_of(8, model_version="of the backup")])
    backup.close()
    for file in path.parent.glob("decisions.db*"):
        file.unlink()
    (tmp_path / "backup.db").rename(path)
    assert "was replaced" in refusal(lambda: store.save([request_of(2)]))
    store.migrate()
    store.save([request_of(9)])
    rows = store.following(DecisionFilter(), limit=10)
    assert [(row.model_version, *numbers_of([row])) for row in rows] == [("of the backup", 8), ("7", 9)]


def test_a_log_that_is_removed_is_noticed_and_loses_nothing(store, path):
    store.save([request_of(2)])
    log_of(path).unlink()
    assert run(READ, path) == [SAYS_LOG_GONE.format(path)]  # another process has a new log, which is empty
    assert "write-ahead log (-wal) was removed" in refusal(lambda: store.save([request_of(3)]))
    store.save([request_of(4)])
    assert log_of(path).exists()
    assert run(READ, path) == ["[1, 2, 4]"]


def test_a_log_that_is_removed_within_a_transaction_is_noticed_before_it_counts_as_stored(store, path):
    database = SqliteDatabase(path, timeout_seconds=0.2)
    with pytest.raises(StoreUnavailable, match="write-ahead log"), database.reading():
        log_of(path).unlink()
    database.close()


def test_a_file_that_is_moved_keeps_what_was_stored_and_takes_nothing_of_the_new_one(store, path):
    store.save([request_of(2)])
    other = store_at(path)
    assert held(other) == [1, 2]
    moved = path.rename(path.with_name("moved.db"))
    assert "was moved or deleted" in refusal(lambda: store.save([request_of(3)]))
    store.migrate()
    store.save([request_of(4)])
    assert "was replaced" in refusal(lambda: other.save([request_of(5)]))
    store.save([request_of(6)])
    assert held(other) == held(store) == [4, 6]
    assert run(READ, path) == ["[4, 6]"]
    assert run(READ, moved) == ["[1, 2]"]
    assert run(INTEGRITY, moved) == run(INTEGRITY, path) == ["ok"]
    other.close()


class SmallDisk(SqliteDatabase):
    """One on whose disk there is room for so many pages."""

    pages = 60

    def _open(self):
        connection = super()._open()
        connection.execute(f"PRAGMA max_page_count = {self.pages}")
        return connection


def test_a_full_disk_refuses_until_there_is_room(path):
    database = SmallDisk(path, timeout_seconds=1)
    store = SqlDecisionStore(database, idempotency_seconds=86_400)
    store.migrate()
    store.save([request_of(1)])
    assert refusal(lambda: store.save([MANY])).endswith("the disk is full; nothing was stored")
    store.save([request_of(2)])
    assert held(store) == [1, 2]
    database.pages = 10_000
    store.close()
    store.save([MANY])
    assert len(held(store)) == 2002
    store.close()


def test_a_file_that_may_not_grow_keeps_its_rows(path):
    [told] = run(LIMITED, path)
    assert "the disk cannot be read or written; is it full?" in told
    store = store_at(path)
    assert held(store) == [1, 2, 3]
    store.close()


def test_a_read_only_store_refuses_until_it_is_writable():
    with TemporaryDirectory() as folder:  # only the owner can read pytest's own folders
        lines = run(AS_NOBODY, Path(folder, "decisions.db"))
    for first, second, last in zip(lines[::3], lines[1::3], lines[2::3], strict=True):
        assert all("Permission denied" in line or "read-only" in line for line in (first, second))
        assert last == "works"
    assert len(lines) == 12
