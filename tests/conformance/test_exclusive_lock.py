"""One suite for every ExclusiveLock: one holder, never a wait, and free again however the holder ended."""

import subprocess
import sys
from contextlib import ExitStack

import pytest

from fraud_detection_api.adapters.sql.exclusive import PostgresExclusiveLock, SqliteExclusiveLock
from fraud_detection_api.adapters.sql.postgres import PostgresDatabase
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.errors import StoreUnavailable
from support.fakes import InMemoryExclusiveLock
from support.polling import eventually

HOLD = """
import sys
from pathlib import Path
from fraud_detection_api.adapters.sql.exclusive import PostgresExclusiveLock, SqliteExclusiveLock
from fraud_detection_api.adapters.sql.postgres import PostgresDatabase
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
if sys.argv[1].startswith("postgresql"):
    lock = PostgresExclusiveLock(PostgresDatabase(sys.argv[1], timeout_seconds=20))
else:
    lock = SqliteExclusiveLock(SqliteDatabase(Path(sys.argv[1]), timeout_seconds=20))
with lock.held("observer") as held:
    print(held, flush=True)
    sys.stdin.read()
"""


def on(database):
    return (SqliteExclusiveLock if isinstance(database, SqliteDatabase) else PostgresExclusiveLock)(database)


@pytest.fixture(params=["in memory", "SQLite", "PostgreSQL"])
def lock(request, tmp_path):
    """Makes another one of the same store, as another process would."""
    if request.param == "in memory":
        taken: set[str] = set()
        return lambda: InMemoryExclusiveLock(taken)
    if request.param == "SQLite":
        return lambda: on(SqliteDatabase(tmp_path / "decisions.db", timeout_seconds=20))
    url = request.getfixturevalue("postgres_url")
    return lambda: on(PostgresDatabase(url, timeout_seconds=20))


def test_one_holder_has_the_lock_and_others_learn_it_at_once(lock):
    with lock().held("observer") as first, lock().held("observer") as second:
        assert (first, second) == (True, False)


def test_the_end_of_the_block_releases_the_lock(lock):
    one = lock()
    with one.held("observer"):
        pass
    with lock().held("observer") as held:
        assert held
    with one.held("observer") as held:
        assert held


def test_a_block_that_fails_releases_the_lock(lock):
    with pytest.raises(ZeroDivisionError), lock().held("observer"):
        raise ZeroDivisionError
    with lock().held("observer") as held:
        assert held


def test_a_refused_holder_does_not_release_the_lock(lock):
    with lock().held("observer"):
        with lock().held("observer"):
            pass
        with lock().held("observer") as held:
            assert not held


def test_other_names_are_other_locks(lock):
    with lock().held("observer") as first, lock().held("retraining") as second:
        assert (first, second) == (True, True)


def test_a_holder_can_check_its_lock(lock):
    one, other = lock(), lock()
    with one.held("observer"), other.held("observer"):
        one.require("observer")
        with pytest.raises(StoreUnavailable):
            other.require("observer")
    with pytest.raises(StoreUnavailable):
        one.require("observer")


def test_a_killed_process_releases_its_lock(database, tmp_path):
    mine = database()
    address = str(mine.path) if isinstance(mine, SqliteDatabase) else mine._url
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"True\n"
        with on(mine).held("observer") as held:
            assert not held
        other.kill()
    with ExitStack() as stack:
        eventually(lambda: stack.enter_context(on(mine).held("observer")), "the lock is free")


def test_a_lock_with_a_closed_connection_is_reported_lost(postgres_url):
    mine = PostgresDatabase(postgres_url, timeout_seconds=20)
    lock = on(mine)
    with lock.held("observer") as held:
        assert held
        with mine.stating() as session:
            session.rows("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        with pytest.raises(StoreUnavailable, match="ended the connection"):
            lock.require("observer")
        with on(PostgresDatabase(postgres_url, timeout_seconds=20)).held("observer") as other:
            assert other
    mine.close()


def test_a_lock_with_a_removed_file_is_reported_lost(tmp_path):
    lock = on(SqliteDatabase(tmp_path / "decisions.db", timeout_seconds=20))
    with lock.held("observer"):
        lock.require("observer")
        (tmp_path / "decisions.db.observer.lock").unlink()
        with pytest.raises(StoreUnavailable):
            lock.require("observer")


def test_a_lock_in_a_missing_folder_means_the_store_is_unavailable(tmp_path):
    lock = on(SqliteDatabase(tmp_path / "none" / "decisions.db", timeout_seconds=20))
    with pytest.raises(StoreUnavailable, match="No such file"), lock.held("observer"):
        pass


def test_locking_creates_no_database(tmp_path):
    with on(SqliteDatabase(tmp_path / "decisions.db", timeout_seconds=20)).held("observer"):
        assert [path.name for path in tmp_path.iterdir()] == ["decisions.db.observer.lock"]
