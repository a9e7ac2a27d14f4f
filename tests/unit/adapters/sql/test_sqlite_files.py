"""Files of a SQLite store: backups of one moment, restores that are whole, erased bytes that are gone."""

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from fraud_detection_api.adapters.sql import sqlite_files
from fraud_detection_api.adapters.sql.decisions import SqlDecisionStore
from fraud_detection_api.adapters.sql.sqlite import SqliteDatabase
from fraud_detection_api.adapters.sql.sqlite_files import SqliteFiles
from fraud_detection_api.decision.stored import StoredRequest
from fraud_detection_api.errors import BackupFailed, StoreUnavailable
from fraud_detection_api.services.storage.decision_store import DecisionFilter
from support.sealed_rows import keep_rows, kept_row

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM decisions").fetchall()
print("open", flush=True)
sys.stdin.read()
"""


class Stored:
    """A store in a file."""

    def __init__(self, path):
        self.path = path
        self.database = SqliteDatabase(path, timeout_seconds=5)
        self.store = SqlDecisionStore(self.database, idempotency_seconds=86_400)
        self.files = SqliteFiles(self.database)

    def rows(self):
        return self.store.following(DecisionFilter(), limit=10_000)


@pytest.fixture
def stored(tmp_path):
    stored = Stored(tmp_path / "kept.db")
    stored.store.migrate()
    keep_rows(stored.store, [kept_row(n) for n in range(3)])
    yield stored
    stored.database.close()


def left_behind(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", ["kept.db-wal", "kept.db-shm", "folder/../kept.db"])
def test_a_backup_never_takes_the_place_of_one_of_the_store_s_files(stored, tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(BackupFailed, match="is the store itself"):
        stored.files.backup(tmp_path / name)
    assert len(stored.rows()) == 3


def test_a_backup_takes_the_place_of_no_folder_or_device(stored, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for target in (tmp_path / "pipe", tmp_path, Path()):
        with pytest.raises(BackupFailed, match="cannot be written: it is not a file"):
            stored.files.backup(target)
    assert (tmp_path / "pipe").is_fifo()
    assert left_behind(tmp_path) == []


def test_looking_for_a_store_creates_none(tmp_path):
    stored = Stored(tmp_path / "none.db")
    assert not stored.files.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_backup_is_one_private_file_with_all_decisions(stored, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    stored.files.backup(folder / "copy.db")
    assert [path.name for path in folder.iterdir()] == ["copy.db"]
    assert (folder / "copy.db").stat().st_mode & 0o777 == 0o600
    copy = Stored(folder / "copy.db")
    assert copy.rows() == stored.rows()
    copy.database.close()


def test_a_backup_during_writes_is_consistent(stored, tmp_path):
    stop = threading.Event()

    def write() -> None:
        for number in count(10, 2):
            if stop.is_set():
                return
            stored.store.save([StoredRequest([kept_row(number), kept_row(number + 1)])])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            stored.files.backup(tmp_path / "copy.db")
    finally:
        stop.set()
        writer.join()
    copy = Stored(tmp_path / "copy.db")
    kept = copy.rows()
    copy.database.close()
    assert len(kept) >= 3
    assert (len(kept) - 3) % 2 == 0
    assert kept == stored.rows()[: len(kept)]


def test_a_store_cannot_be_its_own_backup(stored):
    with pytest.raises(BackupFailed, match="is the store itself"):
        stored.files.backup(stored.path)
    assert len(stored.rows()) == 3


def test_a_backup_that_cannot_be_written_is_reported_and_leaves_nothing(stored, tmp_path):
    with pytest.raises(BackupFailed, match="cannot be written: No such file or directory"):
        stored.files.backup(tmp_path / "none" / "copy.db")
    assert left_behind(tmp_path) == []


def test_a_full_disk_of_the_copy_is_not_reported_as_the_store_s(stored, tmp_path, monkeypatch):
    def fail(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(sqlite_files, "_copy", fail)
    with pytest.raises(BackupFailed, match=r"copy\.db cannot be written"):
        stored.files.backup(tmp_path / "copy.db")


def test_a_restored_store_equals_the_backup_without_older_logs(stored, tmp_path):
    stored.files.backup(tmp_path / "copy.db")
    expected = stored.rows()
    keep_rows(stored.store, [kept_row(7)])  # in the write-ahead log, which must not be played onto the backup
    log = stored.path.with_name("kept.db-wal").read_bytes()
    stored.database.close()
    stored.path.with_name("kept.db-wal").write_bytes(log)  # as after a kill
    stored.files.restore(tmp_path / "copy.db", replace=True)
    assert stored.rows() == expected
    assert (tmp_path / "copy.db").exists()
    assert left_behind(tmp_path) == []


def test_a_store_is_replaced_only_on_request(stored, tmp_path):
    stored.files.backup(tmp_path / "copy.db")
    with pytest.raises(BackupFailed, match=r"the store .* exists; --force replaces it"):
        stored.files.restore(tmp_path / "copy.db", replace=False)


def test_a_store_that_another_process_has_open_is_not_replaced(stored, tmp_path):
    stored.files.backup(tmp_path / "copy.db")
    keep_rows(stored.store, [kept_row(7)])
    stored.database.close()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, stored.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(BackupFailed, match=r"a process has the store .* open; stop the servers first"):
            stored.files.restore(tmp_path / "copy.db", replace=True)
        other.stdin.close()
    assert len(stored.rows()) == 4


@pytest.mark.parametrize("change", ["DELETE FROM deciders", "UPDATE decisions SET decider_id = 999"])
def test_rows_that_no_query_finds_are_a_problem_and_prevent_a_backup(stored, tmp_path, change):
    stored.database.close()
    with closing(sqlite3.connect(stored.path, isolation_level=None)) as connection:
        connection.execute(change)
    [problem] = stored.files.problems()
    assert problem == "3 rows of decisions refer to rows of deciders that are missing"
    with pytest.raises(BackupFailed, match="is damaged: 3 rows of decisions"):
        stored.files.backup(tmp_path / "copy.db")


def test_a_damaged_store_can_be_replaced(stored, tmp_path):
    stored.files.backup(tmp_path / "copy.db")
    expected = stored.rows()
    stored.database.close()
    stored.path.write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreUnavailable, match="is not a SQLite database, or it is damaged"):
        stored.rows()
    stored.files.restore(tmp_path / "copy.db", replace=True)
    assert stored.rows() == expected


def damaged(path):
    content = bytearray(path.read_bytes())
    content[8192 * 2 : 8192 * 3] = b"\xff" * 8192
    path.write_bytes(content)


def from_the_future(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")


def emptied(path):
    path.unlink()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE t (a INTEGER)")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (damaged, "is damaged"),
        (lambda path: path.write_bytes(b"no database" * 1000), "is not an intact SQLite database"),
        (from_the_future, "was made by a newer version"),
        (emptied, "is not a decision store"),
        (lambda path: path.unlink(), "no such file"),
    ],
)
def test_an_invalid_backup_is_not_restored(stored, tmp_path, spoil, message):
    stored.files.backup(tmp_path / "copy.db")
    spoil(tmp_path / "copy.db")
    with pytest.raises(BackupFailed, match=message):
        stored.files.restore(tmp_path / "copy.db", replace=True)
    assert len(stored.rows()) == 3
    assert left_behind(tmp_path) == []


def test_damage_is_found(stored):
    stored.files.scrub()
    stored.database.close()
    damaged(stored.path)
    assert stored.files.problems()
    stored.database.close()


def test_scrubbing_empties_the_log(stored):
    assert stored.path.with_name("kept.db-wal").stat().st_size > 0
    stored.files.scrub()
    assert stored.path.with_name("kept.db-wal").stat().st_size == 0


def test_scrubbing_that_readers_block_is_reported(tmp_path):
    stored = Stored(tmp_path / "kept.db")
    stored.store.migrate()
    stored.database._timeout_seconds = 0.05
    with stored.database.reading() as session:
        session.rows("SELECT count(*) FROM decisions")
        keep_rows(stored.store, [kept_row(0)])
        with pytest.raises(StoreUnavailable, match="other processes were busy with it; run this command again"):
            stored.files.scrub()
    stored.database.close()


def test_free_space_is_counted_and_compacting_gives_it_back(stored):
    keep_rows(stored.store, [kept_row(n) for n in range(10, 400)])
    with stored.database.writing() as session:
        session.change("DELETE FROM decisions")
    stored.files.scrub()
    before = stored.files.size()
    assert before.free_bytes > 0
    stored.files.compact()
    after = stored.files.size()
    assert after.free_bytes == 0
    assert after.size_bytes < before.size_bytes


@pytest.mark.parametrize(("text", "places"), [("4711", 1), ("471", 0), ("C-4711", 0), ("total_balance", 6), ("a.c", 0)])
def test_traces_are_whole_words_and_numbers(tmp_path, text, places):
    stored = Stored(tmp_path / "kept.db")
    stored.store.migrate()
    numbers = (4711, 14711, 47112)
    rows = [kept_row(n, request_id="", entity_id=None, record=f'{{"total_balance":{n}}}') for n in numbers]
    keep_rows(stored.store, rows)
    stored.files.scrub()
    assert stored.files.traces(text) == places
    stored.database.close()
